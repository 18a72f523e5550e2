"""The loop that writes maps: once each, whatever is killed, doubled or broken."""

import numpy as np
import pytest
from PIL import Image

from faceinsight.segment import dataset_images, read_notes, segment
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.images import digest, read
from harness.maps import NAME, map_file, read_map
from harness.records import ImageRef
from tasks.toy import write_toy
from tests.parsers import CountingParser

COUNT = 23


@pytest.fixture
def images(tmp_path):
    """Pictures of two sizes, each unlike the others."""
    rng = np.random.default_rng(0)
    refs = []
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (20 + number % 2, 30, 3), dtype=np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        refs.append(ImageRef(path=path))
    return refs


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), 3, 2, 1, ["celeba", "expw"])


def stamps(folder):
    return {file: file.stat().st_mtime_ns for file in folder.glob("*/*.png")}


def assert_all_mapped(folder, images):
    for ref in images:
        image = read(ref)
        assert np.array_equal(np.asarray(read_map(folder, image)), CountingParser.map_of(image).classes)


def test_each_picture_gets_its_map_and_its_note(images, tmp_path):
    parser, told = CountingParser(), []
    tally = segment(images, parser, tmp_path / "maps", 4, told.append)
    assert_all_mapped(tmp_path / "maps", images)
    found = [CountingParser.map_of(read(ref)).faces for ref in images]
    assert (tally.none, tally.one, tally.several) == tuple(found.count(count) for count in range(3))
    assert tally.none
    assert tally.several
    assert tally.pictures == tally.written == sum(told) == COUNT
    assert tally.outside == 0.25
    assert {name: note.faces for name, note in read_notes(tmp_path / "maps").items()} == {
        digest(read(ref)): faces for ref, faces in zip(images, found, strict=True)
    }


@pytest.mark.parametrize("dies_at", [0, 1, 9, COUNT - 1])
def test_what_was_killed_goes_on_and_writes_nothing_twice(images, tmp_path, dies_at):
    folder, first, second = tmp_path / "maps", CountingParser(dies_at=dies_at), CountingParser()
    with pytest.raises(KeyboardInterrupt):
        segment(images, first, folder, 4)
    before = stamps(folder)
    assert len(before) == len(first.parsed) == dies_at // 4 * 4
    tally = segment(images, second, folder, 4)
    assert not set(first.parsed) & set(second.parsed)
    assert sorted(first.parsed + second.parsed) == sorted(digest(read(ref)) for ref in images)
    assert before.items() <= stamps(folder).items()
    assert tally.written == len(second.parsed)
    assert tally.none + tally.one + tally.several == COUNT
    assert_all_mapped(folder, images)


def test_killed_between_note_and_map(images, tmp_path, monkeypatch):
    folder = tmp_path / "maps"

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("faceinsight.segment.write_map", die)
        with pytest.raises(KeyboardInterrupt):
            segment(images, CountingParser(), folder, 4)
    tally = segment(images, CountingParser(), folder, 4)
    assert tally.written == COUNT
    assert_all_mapped(folder, images)


def test_a_note_that_was_cut_off_is_written_again(images, tmp_path):
    folder = tmp_path / "maps"
    whole = segment(images, CountingParser(), folder, 4)
    notes = folder / "faces.jsonl"
    notes.write_bytes(notes.read_bytes()[:-12])
    again = segment(images, parser := CountingParser(), folder, 4)
    assert len(parser.parsed) == 1
    assert again.model_copy(update={"written": COUNT}) == whole
    assert len(read_notes(folder)) == COUNT
    assert segment(images, CountingParser(dies_at=0), folder, 4).written == 0


def test_the_same_pixels_are_parsed_once(images, tmp_path):
    doubled = [*images, *images[:5]]
    (tmp_path / "copy.png").write_bytes(images[0].path.read_bytes())
    doubled.append(ImageRef(path=tmp_path / "copy.png"))
    tally = segment(doubled, parser := CountingParser(), tmp_path / "maps", 40)
    assert len(parser.parsed) == tally.written == COUNT
    assert tally.pictures == tally.none + tally.one + tally.several == COUNT + 6


def test_unreadable_pictures_are_named_and_the_others_are_mapped(images, tmp_path):
    images[3].path.write_bytes(images[3].path.read_bytes()[:60])
    images[5].path.unlink()
    told = []
    tally = segment(images, CountingParser(), tmp_path / "maps", 4, told.append)
    assert len(tally.unreadable) == 2
    assert "3.png cannot be read" in tally.unreadable[0]
    assert "5.png does not exist" in tally.unreadable[1]
    assert tally.written == COUNT - 2
    assert sum(told) == tally.pictures == COUNT
    assert_all_mapped(tmp_path / "maps", [ref for place, ref in enumerate(images) if place not in (3, 5)])


def test_two_parsers_do_not_share_a_folder(images, tmp_path):
    segment(images[:2], CountingParser("one"), tmp_path / "maps", 4)
    with pytest.raises(ConfigError, match="another folder"):
        segment(images, other := CountingParser("two"), tmp_path / "maps", 4)
    assert not other.parsed


def test_every_face_of_the_datasets_is_mapped_as_a_model_sees_it(toy, tmp_path):
    refs = list(dataset_images(toy))
    assert len(refs) == 2 * (3 + 2) + 1
    tally = segment(refs, CountingParser(), tmp_path / "maps", 4)
    assert tally.written == len(refs)
    for ref in refs:
        assert map_file(tmp_path / "maps", digest(read(ref))).is_file()
        assert map_file(toy / NAME, digest(read(ref))).is_file()


def test_drawn_maps_are_not_mixed_with_a_parsers(toy):
    with pytest.raises(ConfigError, match="drawn"):
        segment(dataset_images(toy), CountingParser(), toy / NAME, 4)


def test_datasets_and_splits_are_chosen(toy):
    assert len(dataset_images(toy, ["celeba"], ["test"])) == 3
    assert len(dataset_images(toy, [], ["val"])) == 1  # only CelebA has one
    assert all(ref.box for ref in dataset_images(toy, ["expw"]))


def test_mistakes_are_named(toy, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'celeba'"):
        dataset_images(toy, ["celebA"])
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        dataset_images(toy, [], ["trian"])
    with pytest.raises(DataError, match="none of the folders celeba"):
        dataset_images(tmp_path)
    with pytest.raises(DataError, match="no face of expw in the splits val"):
        dataset_images(toy, ["expw"], ["val"])
