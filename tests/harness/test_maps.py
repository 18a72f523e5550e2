"""Maps on disk: what is written is read back for these pixels, and for no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from harness.errors import ConfigError, ImageError
from harness.images import digest
from harness.maps import CLASSES, PALETTE, coloured, map_file, read_about, read_map, write_about, write_map


def noise(seed=0, size=(20, 30)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


@given(classes=arrays(np.uint8, (30, 20), elements=st.integers(0, len(CLASSES) - 1)))
def test_a_map_comes_back_as_it_was_written(classes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    write_map(folder, digest(noise()), classes)
    found = read_map(folder, noise())
    assert np.array_equal(np.asarray(found), classes)
    assert np.array_equal(np.asarray(coloured(found)), PALETTE[classes])


def test_each_class_has_a_colour_of_its_own():
    assert len({tuple(colour) for colour in PALETTE.tolist()}) == len(CLASSES)


def test_one_other_pixel_is_another_picture(tmp_path):
    write_map(tmp_path, digest(noise()), np.zeros((30, 20), np.uint8))
    other = noise()
    other.putpixel((3, 3), (1, 2, 3))
    with pytest.raises(ImageError, match="harness segment"):
        read_map(tmp_path, other)


@pytest.mark.parametrize("classes", [np.zeros((20, 30), np.uint8), np.full((30, 20), len(CLASSES), np.uint8)])
def test_a_map_that_does_not_fit_is_an_error(tmp_path, classes):
    write_map(tmp_path, digest(noise()), classes)
    with pytest.raises(ImageError, match="does not fit"):
        read_map(tmp_path, noise())


def test_a_damaged_map_is_an_error(tmp_path):
    write_map(tmp_path, digest(noise()), np.zeros((30, 20), np.uint8))
    file = map_file(tmp_path, digest(noise()))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ImageError, match="cannot be read"):
        read_map(tmp_path, noise())


def test_maps_of_two_makers_do_not_mix(tmp_path):
    write_about(tmp_path, {"parser": "one"})
    write_about(tmp_path, {"parser": "one"})
    assert read_about(tmp_path) == {"parser": "one"}
    with pytest.raises(ConfigError, match="one"):
        write_about(tmp_path, {"parser": "two"})
