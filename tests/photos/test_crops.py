"""Crops of real photographs, and the keys of requests about them."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from docs.portraits.photos import boxes
from harness.errors import ImageError
from harness.images import digest, read
from harness.records import Decoding, ImageRef, request_key


@pytest.fixture
def upright(astronaut):
    with Image.open(astronaut) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def key(ref):
    return request_key(digest(read(ref)), "What is the expression?", Decoding())


@pytest.mark.parametrize(
    ("box", "clamped"),
    [
        (None, None),
        ((-50, -10, 280, 182), (0, 0, 280, 182)),
        ((172, 60, 9999, 9999), (172, 60, 512, 512)),
        ((-1, -1, 513, 513), (0, 0, 512, 512)),
        ((511, 511, 600, 600), (511, 511, 512, 512)),
    ],
)
def test_a_crop_is_pils_own_of_the_upright_picture(astronaut, upright, box, clamped):
    box = box or boxes()["astronaut"]
    found = read(ImageRef(path=astronaut, box=box))
    assert np.array_equal(np.asarray(found), np.asarray(upright.crop(clamped or box)))


@pytest.mark.parametrize("box", [(512, 0, 600, 100), (0, -90, 100, 0), (200, 100, 200, 300), (300, 100, 200, 300)])
def test_a_box_beside_the_picture_is_an_error_that_names_it(astronaut, box):
    with pytest.raises(ImageError, match=r"lies outside image .*astronaut\.png of 512x512"):
        read(ImageRef(path=astronaut, box=box))


def test_a_box_is_one_of_the_upright_picture(astronaut, upright, tmp_path):
    """Stored on its side, with a note to turn it: the box stays where the face is seen."""
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    box = boxes()["astronaut"]
    turned, plain = (read(ImageRef(path=path, box=box)) for path in (tmp_path / "turned.png", astronaut))
    assert np.array_equal(np.asarray(turned), np.asarray(plain))


def test_the_measured_faces_lie_within_their_pictures(photos, astronaut):
    sizes = {path.stem: Image.open(path).size for path in (*(photo.path for photo in photos), astronaut)}
    for name, (left, top, right, bottom) in boxes().items():
        assert 0 <= left < right <= sizes[name][0]
        assert 0 <= top < bottom <= sizes[name][1]
        assert 0.7 < (right - left) / (bottom - top) < 1.1


def test_a_key_ignores_the_name_and_the_format(files, tmp_path):
    keys = set()
    for number, path in enumerate(files):
        (tmp_path / "60_1_0_says_it_all.jpg").write_bytes(path.read_bytes())
        read(ImageRef(path=path)).save(tmp_path / "a.bmp")
        same = {key(ImageRef(path=one)) for one in (path, tmp_path / "60_1_0_says_it_all.jpg", tmp_path / "a.bmp")}
        assert len(same) == 1
        keys |= same
        assert len(keys) == number + 1  # no two photographs share one


@pytest.mark.parametrize("at", [(0, 0), (449, 549), (225, 275)])
def test_a_key_changes_with_one_pixel(portrait, tmp_path, at):
    portrait.save(tmp_path / "a.png")
    red, *rest = portrait.getpixel(at)
    changed = portrait.copy()
    changed.putpixel(at, (red ^ 1, *rest))
    changed.save(tmp_path / "b.png")
    assert key(ImageRef(path=tmp_path / "a.png")) != key(ImageRef(path=tmp_path / "b.png"))


def test_a_pixel_beyond_the_box_changes_no_key(portrait, tmp_path):
    """A model is shown the crop, so only the crop is asked about."""
    portrait.save(tmp_path / "a.png")
    changed = portrait.copy()
    changed.putpixel((0, 0), (1, 2, 3))
    changed.save(tmp_path / "b.png")
    first, second = (ImageRef(path=tmp_path / name, box=(10, 10, 200, 200)) for name in ("a.png", "b.png"))
    assert key(first) == key(second)
