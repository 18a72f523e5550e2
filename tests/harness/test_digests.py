"""What is remembered of a picture is what reading it gives, whatever happens to the file or to the memory."""

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness import digests
from harness.digests import Seen, look
from harness.errors import ImageError
from harness.images import digest, read
from harness.records import ImageRef


@pytest.fixture
def reads(monkeypatch):
    """The pictures that were decoded, one after the other."""
    done = []
    monkeypatch.setattr(digests, "read", lambda ref: done.append(ref) or read(ref))
    return done


def draw(path: Path, colour="red", size=(8, 6)) -> ImageRef:
    Image.new("RGB", size, colour).save(path, "PNG")
    return ImageRef(path=path)


def truth(ref):
    image = read(ref)
    return Seen(digest(image), image.size)


def test_a_picture_is_decoded_once(tmp_path, reads):
    refs = [draw(tmp_path / "a.png"), draw(tmp_path / "b.png", "blue")]
    refs.append(ImageRef(path=tmp_path / "a.png", box=(1, 1, 4, 5)))
    expected = [truth(ref) for ref in refs]
    for _ in range(3):
        assert list(look(refs, tmp_path / "cache")) == expected
    assert sorted(map(str, reads)) == sorted(map(str, refs))


def test_equal_requests_in_one_call_are_read_once(tmp_path, reads):
    ref = draw(tmp_path / "a.png")
    assert list(look([ref] * 5, tmp_path / "cache")) == [truth(ref)] * 5
    assert len(reads) == 1


@pytest.mark.parametrize("keep", ["nothing", "times", "times and size"])
def test_a_changed_file_is_read_anew(tmp_path, keep):
    path = tmp_path / "a.bmp"
    Image.new("RGB", (8, 6), "red").save(path)
    before = path.stat()
    first = list(look([ImageRef(path=path)], tmp_path / "cache"))
    Image.new("RGB", (8, 6) if keep == "times and size" else (9, 6), "blue").save(path)
    if keep != "nothing":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = list(look([ImageRef(path=path)], tmp_path / "cache"))
    assert second == [truth(ImageRef(path=path))] != first


def test_another_file_in_its_place_is_read_anew(tmp_path):
    ref, other = draw(tmp_path / "a.png"), draw(tmp_path / "b.png", "blue")
    list(look([ref, other], tmp_path / "cache"))
    os.replace(other.path, ref.path)
    assert list(look([ref], tmp_path / "cache")) == [truth(ref)]


def test_broken_and_absent_pictures_are_errors_each_time(tmp_path, reads):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    refs = [ImageRef(path=tmp_path / "broken.png"), draw(tmp_path / "a.png"), ImageRef(path=tmp_path / "absent.png")]
    for _ in range(2):
        broken, good, absent = look(refs, tmp_path / "cache")
        assert isinstance(broken, ImageError)
        assert "broken.png" in str(broken)
        assert isinstance(absent, ImageError)
        assert good == truth(refs[1])
    assert len(reads) == 5  # a repaired file must not stay broken
    draw(tmp_path / "broken.png")
    assert list(look(refs[:1], tmp_path / "cache")) == [truth(refs[0])]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_memory_is_made_anew(tmp_path, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / digests.FILE).write_bytes(content)
    ref = draw(tmp_path / "a.png")
    assert list(look([ref], tmp_path / "cache")) == [truth(ref)]


def test_without_a_place_to_write_it_works_without_memory(tmp_path, reads):
    (tmp_path / "cache").write_text("a file where the folder should be")
    ref = draw(tmp_path / "a.png")
    for _ in range(2):
        assert list(look([ref], tmp_path / "cache")) == [truth(ref)]
    assert len(reads) == 2


def test_a_locked_memory_stops_nothing(tmp_path, monkeypatch):
    ref = draw(tmp_path / "a.png")
    list(look([], tmp_path / "cache"))
    monkeypatch.setattr(digests, "PATIENCE", 0.01)
    other = sqlite3.connect(tmp_path / "cache" / digests.FILE)
    other.execute("begin exclusive")
    assert list(look([ref], tmp_path / "cache")) == [truth(ref)]
    other.close()


@given(order=st.lists(st.integers(0, 5), max_size=20), block=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_the_order_is_that_of_the_question(tmp_path_factory, order, block):
    folder = tmp_path_factory.mktemp("pictures")
    refs = [draw(folder / f"{number} ä.png", (number, 0, 0)) for number in range(6)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "_BLOCK", block)
        for _ in range(2):
            assert list(look([refs[number] for number in order], folder / "cache")) == [
                truth(refs[number]) for number in order
            ]


def test_names_that_are_no_text_are_remembered_too(tmp_path, reads):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    ref = draw(path)
    for _ in range(2):
        assert list(look([ref], tmp_path / "cache")) == [truth(ref)]
    assert len(reads) == 1
