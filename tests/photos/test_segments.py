"""Maps of real photographs by the whole of `segment` and pyfacer, with a stand-in for its weights or with them."""

import numpy as np
import pytest
from PIL import Image

from docs.portraits.photos import boxes
from docs.portraits.segments import VARIABLES, opened
from faceinsight.parsing import PyfacerOptions, PyfacerParser
from faceinsight.segment import segment
from harness.errors import HarnessError
from harness.images import read
from harness.maps import CLASSES, read_map
from harness.records import ImageRef
from tests.parsers import GivenFaces, nearest_colour, save

pytestmark = pytest.mark.slow
ID = {name: place for place, name in enumerate(CLASSES)}
GREY = {"#202020": ID["hair"], "#808080": ID["face"], "#E0E0E0": ID["cloth"]}
FACE = (100.0, 100.0, 350.0, 440.0)
"""Where the stand-in for the detector finds the face of every portrait."""


class Counted(PyfacerParser):
    """Counts the pictures it is given."""

    count = 0

    def parse(self, images):
        self.count += len(images)
        return super().parse(images)


@pytest.fixture(scope="module")
def told():
    return nearest_colour(GREY)


@pytest.fixture(scope="module")
def parser(photos, told, tmp_path_factory):
    pytest.importorskip("facer")
    file = save(told, tmp_path_factory.mktemp("parser") / "grey.pt")
    return Counted(PyfacerOptions(weights=file, device="cpu"), GivenFaces(FACE))


@pytest.fixture(scope="module")
def mapped(parser, files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return folder, segment([ImageRef(path=path) for path in files], parser, folder, 4)


def test_each_photograph_has_one_map_that_its_pixels_find(mapped, files, told):
    folder, tally = mapped
    assert (tally.pictures, tally.written, tally.one, tally.unreadable) == (31, 31, 31, ())
    assert len(list(folder.glob("*/*.png"))) == 31
    for path in files:
        image = read(ImageRef(path=path))
        found = np.asarray(read_map(folder, image))
        assert found.shape == image.size[::-1]
        seen = found != 0
        assert (found == told.told(image))[seen].mean() > 0.97


def test_a_renamed_recoded_photograph_keeps_its_map(mapped, files, tmp_path):
    for path in files:
        read(ImageRef(path=path)).save(tmp_path / "1_0_0.bmp")
        assert np.asarray(read_map(mapped[0], read(ImageRef(path=tmp_path / "1_0_0.bmp")))).any()


def test_what_has_its_map_is_not_parsed_again(mapped, files, parser):
    folder, before = mapped
    count = parser.count
    lost = next(folder.glob("*/*.png"))
    lost.unlink()
    again = segment([ImageRef(path=path) for path in files], parser, folder, 4)
    assert parser.count == count + 1
    assert lost.is_file()
    assert again == before.model_copy(update={"written": 1})


@pytest.mark.parametrize(("orientation", "turn"), [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90)])
def test_a_turned_photograph_has_the_map_of_the_upright_one(mapped, portrait, parser, tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = tmp_path / "turned.png"
    portrait.transpose(turn).save(turned, exif=exif)
    segment([ImageRef(path=turned)], parser, tmp_path / "maps", 4)
    found = read_map(tmp_path / "maps", read(ImageRef(path=turned)))
    assert found.size == portrait.size
    assert np.array_equal(np.asarray(found), np.asarray(read_map(mapped[0], portrait)))


def test_the_map_of_a_box_is_of_the_crop(parser, astronaut, tmp_path):
    ref = ImageRef(path=astronaut, box=boxes()["astronaut"])
    segment([ref], parser, tmp_path, 4)
    assert read_map(tmp_path, read(ref)).size == (108, 122)
    with pytest.raises(HarnessError, match="no segmentation map"):
        read_map(tmp_path, read(ImageRef(path=astronaut)))


@pytest.fixture(scope="module")
def published(photos):
    """pyfacer with its published weights, where this machine has them."""
    pytest.importorskip("facer")
    try:
        return opened()
    except HarnessError as error:
        pytest.skip(str(error))


def test_the_published_weights_find_one_face_and_its_parts(published, files, tmp_path):
    tally = segment([ImageRef(path=path) for path in files], published, tmp_path, 4)
    assert tally.one == len(files), "one face in each"
    for path in files:
        found = np.asarray(read_map(tmp_path, read(ImageRef(path=path))))
        assert (found == ID["face"]).mean() > 0.01
        assert any((found == ID[name]).any() for name in ("imouth", "llip", "ulip"))


def test_the_published_weights_see_hair_where_a_head_is_not_bald(published, photos, tmp_path):
    segment([photo.ref for photo in photos], published, tmp_path, 4)
    for photo in photos:
        found = np.asarray(read_map(tmp_path, read(photo.ref)))
        if photo.judged.get("Bald") is False:
            assert (found == ID["hair"]).any() or photo.judged.get("Wearing_Hat"), photo.id


def test_weights_that_are_not_there_are_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(HarnessError, match=r"FACE_HARNESS_FACER_WEIGHTS.*FACE_HARNESS_DETECTOR_WEIGHTS"):
        opened()
    monkeypatch.setenv(VARIABLES[0], str(tmp_path / "none.pt"))
    with pytest.raises(HarnessError):
        opened()
