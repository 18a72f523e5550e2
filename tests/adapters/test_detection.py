"""Faces that a detector finds: which one, cut out how, and what becomes of a picture without one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adapters import files
from adapters.detection import Finder, chip, with_margin
from adapters.registry import spec
from adapters.spec import MINIATURES
from harness.errors import AdapterError, ImageError, UnknownNameError
from tests.parsers import GivenFaces, no_network, save_detector

FACES = Path(__file__).parents[3] / "shared" / "faces"
MIDDLE = (60.0, 50.0, 140.0, 150.0)
DLIB = np.array([[0.8595674595992, 0.2134981538014], [0.6460604764104, 0.2289674387677],
                 [0.1205750620789, 0.2137274526848], [0.3340850613712, 0.2290642403242]])  # fmt: skip


def finder(*boxes, **given):
    return Finder(GivenFaces(*boxes, **given), "given")


def test_the_largest_face_is_taken_and_of_equal_ones_that_in_the_middle():
    image = Image.new("RGB", (200, 200))
    small, edge = (0.0, 0.0, 20.0, 20.0), (0.0, 0.0, 80.0, 100.0)
    for order in ((small, edge, MIDDLE), (MIDDLE, edge, small), (edge, MIDDLE, small)):
        assert finder(*order)(image).box == MIDDLE
    assert finder(edge, edge)(image).box == edge


def test_a_large_picture_is_searched_small_and_answered_in_its_own_pixels():
    small, large = (finder(MIDDLE)(Image.new("RGB", size)) for size in ((1000, 800), (3072, 2304)))
    assert large.box == pytest.approx([3 * side for side in small.box])
    np.testing.assert_allclose(large.points, 3 * small.points)


def test_no_face_is_an_error_of_the_picture():
    with pytest.raises(ImageError, match="no face was found"):
        finder(MIDDLE, without=(0,))(Image.new("RGB", (64, 64)))


@settings(max_examples=100)
@given(st.tuples(*[st.floats(-50, 150)] * 2), st.tuples(*[st.floats(1, 120)] * 2), st.floats(0, 1))
def test_a_box_with_its_margin_is_facexformers(corner, sides, share):
    """As adjust_bbox and the crop of Kartik-3004/facexformer's inference.py: the margin is half on each side."""
    left, top, (right, bottom) = *corner, np.add(corner, sides).tolist()
    more = [share * side for side in (right - left, bottom - top)]
    edges = [max(0, left - more[0]), max(0, top - more[1]), min(100, right + more[0]), min(80, bottom + more[1])]
    wanted = tuple(int(edge) for edge in edges)
    image = Image.fromarray(np.arange(100 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(80, 100, 3))
    if wanted[2] <= wanted[0] or wanted[3] <= wanted[1]:
        with pytest.raises(ImageError, match="outside the picture"):
            with_margin(image, (left, top, right, bottom), share)
        return
    assert with_margin(image, (left, top, right, bottom), share).tobytes() == image.crop(wanted).tobytes()


@pytest.mark.parametrize(("turn", "scale"), [(0, 1), (30, 1), (-75, 0.6), (10, 3), (180, 2)])
def test_a_turned_face_comes_out_upright_with_its_eyes_in_dlibs_places(turn, scale):
    """A dot on each eye of a turned and scaled face lies where dlib's template has the eye, as large as there."""
    angle = np.deg2rad(turn)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wanted = (0.25 + np.array([DLIB[2:].mean(0), DLIB[:2].mean(0)])) / 1.5 * 300
    eyes = (wanted - 150) @ rotation.T + 500
    image = Image.new("RGB", (1000, 1000))
    draw, size = ImageDraw.Draw(image), 6 * scale
    for (x, y), colour in zip(eyes, ("#FF0000", "#00FF00"), strict=True):
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    pixels = np.asarray(chip(image, np.concatenate([eyes, np.zeros((3, 2))]), 300, 0.25)).astype(float)
    for place, channel in zip(wanted, (0, 1), strict=True):
        weight = pixels[..., channel]
        found = np.array([(weight.sum(1 - axis) * np.arange(300)).sum() for axis in (1, 0)]) / weight.sum()
        assert np.abs(found + 0.5 - place).max() < 0.7
        assert weight.sum() / 255 == pytest.approx(
            np.pi * (6 + 0.5 / scale) ** 2, rel=0.15
        )  # Pillow draws half a pixel more


def test_eyes_at_one_place_are_no_face():
    with pytest.raises(ImageError, match="at one place"):
        chip(Image.new("RGB", (9, 9)), np.ones((5, 2)), 300, 0.25)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    files.torch_hub().mkdir(parents=True)
    return files.torch_hub()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fairface", "farl", "facexformer"])
def test_a_specialist_looks_for_faces_where_it_is_told_to(name, hub):
    """pyfacer's own detector with random weights finds nothing: a failed picture, not a whole one."""
    if not (MINIATURES / name / "config.json").is_file():
        pytest.skip("no miniature")
    save_detector(hub / "mobilenet0.25_Final.pth")
    model = spec(name).load()(str(MINIATURES / name), "cpu", protocol={"crop": "detected"})
    image = Image.effect_noise((200, 200), 60).convert("RGB")
    with pytest.raises(ImageError, match="no face was found"):
        model.image(image)
    assert len(model.protocol["detector_sha256"]) == 64
    model.finder = finder(MIDDLE)
    whole = spec(name).load()(str(MINIATURES / name), "cpu")
    assert model.image(image).shape == whole.image(image).shape
    assert not torch.equal(model.image(image), whole.image(image))


@pytest.mark.slow
def test_a_detector_that_is_not_here_or_unknown_is_one_sentence(hub, monkeypatch):
    with (
        no_network(monkeypatch),
        pytest.raises(AdapterError, match=r"cannot be fetched.*put it there"),
    ):
        Finder.of("retinaface/mobilenet", torch.device("cpu"))
    with pytest.raises(UnknownNameError, match="retinaface/mobilenet"):
        Finder.of("retinaface/mobilnet", torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("photo", [FACES / "nasa_astronaut" / "astronaut.png", *sorted(FACES.glob("*/A*.jpg"))])
def test_real_photographs_have_a_face(photo):
    """Where pyfacer's published detector is at hand."""
    if not photo.is_file() or not (files.torch_hub() / "mobilenet0.25_Final.pth").is_file():
        pytest.skip("no photograph or no weights of the detector here")
    image = Image.open(photo).convert("RGB")
    face = Finder.of("retinaface/mobilenet", torch.device("cpu"))(image)
    assert face.points[0, 0] < face.points[1, 0]
    assert chip(image, face.points, 300, 0.25).size == (300, 300)
