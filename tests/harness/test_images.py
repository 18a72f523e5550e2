"""Reading images: every odd file becomes upright RGB or an ImageError that names it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ImageError
from harness.images import digest, read
from harness.records import ImageRef
from tests.fakes import picture

ORIENTATION = 0x0112


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str):
    path = tmp_path / ("ä 图 image" + (".tif" if mode in ("CMYK", "I;16") else ".png"))
    Image.new("L", (6, 5), 90).convert(mode).save(path)
    image = read(ImageRef(path=path))
    assert (image.mode, image.size) == ("RGB", (6, 5))


def test_transparent_pixels_become_white(tmp_path: Path):
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert read(ImageRef(path=tmp_path / "a.png")).getpixel((0, 0)) == (255, 255, 255)


def test_a_photograph_is_turned_upright(tmp_path: Path):
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 2, 3) * 10)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(tmp_path / "a.png", exif=exif)
    turned = read(ImageRef(path=tmp_path / "a.png"))
    assert np.array_equal(np.asarray(turned), np.rot90(np.asarray(image), k=-1))


@given(st.tuples(*[st.integers(-20, 60)] * 4))
def test_a_box_is_clamped_or_refused(tmp_path_factory: pytest.TempPathFactory, box: tuple[int, int, int, int]):
    path = picture(tmp_path_factory.mktemp("i") / "a.png", 1)
    whole = np.asarray(read(ImageRef(path=path)))
    left, top, right, bottom = box
    expected = whole[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if expected.size:
        assert np.array_equal(np.asarray(read(ImageRef(path=path, box=box))), expected)
    else:
        with pytest.raises(ImageError, match="lies outside image"):
            read(ImageRef(path=path, box=box))


@pytest.mark.parametrize("keep", [0, 1, 100, 600])
def test_truncated_and_empty_files_are_named(tmp_path: Path, keep: int):
    whole = picture(tmp_path / "whole.jpg", 2, (64, 64)).read_bytes()
    assert len(whole) > 700
    (tmp_path / "cut.jpg").write_bytes(whole[:keep])
    with pytest.raises(ImageError, match=r"cut\.jpg cannot be read"):
        read(ImageRef(path=tmp_path / "cut.jpg"))


def test_missing_files_folders_and_other_formats_are_named(tmp_path: Path):
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ImageError, match="does not exist"):
        read(ImageRef(path=tmp_path / "none.jpg"))
    for name in ("text.jpg", "."):
        with pytest.raises(ImageError, match="cannot be read"):
            read(ImageRef(path=tmp_path / name))


def test_a_digest_ignores_the_name_and_sees_every_pixel_and_the_shape(tmp_path: Path):
    image = Image.new("RGB", (6, 4), "grey")
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.bmp")
    first, second = (digest(read(ImageRef(path=tmp_path / name))) for name in ("a.png", "b.bmp"))
    assert first == second
    assert digest(image.rotate(90, expand=True)) != first
    image.putpixel((5, 3), (128, 128, 129))
    assert digest(image) != first
