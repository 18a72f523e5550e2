"""Law: a loader never opens a picture, and an odd or broken one is upright RGB or one failed sample, never more."""

import numpy as np
import pytest
from PIL import Image

from harness.errors import ImageError
from harness.images import read
from harness.plan import Planner
from harness.records import Decoding
from tasks.datasets import LOADERS, load
from tasks.registry import QUESTIONS, question
from tests.quirks import copy, options, read_all

ORIENTATION = 0x0112
TURNS = {1: 0, 3: 2, 6: 1, 8: 3}
"""EXIF's orientation -> quarter turns to the left that the stored pixels are away from upright ones."""
READABLE = ("grey", "RGBA", "palette", "CMYK", "turned", "PNG under the name of a JPEG")
BROKEN = ("truncated", "empty", "missing", "a folder", "text", "only a header")


def plant(path, oddity):
    """Put an odd picture in the place of this one, and give the pixels that are expected of it."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    content = path.read_bytes()
    path.unlink()  # it is shared with the other copies
    if oddity in BROKEN:
        if oddity == "a folder":
            path.mkdir()
        elif oddity != "missing":
            cuts = {"truncated": content[: len(content) // 2], "empty": b"", "text": b"<html>404</html>"}
            path.write_bytes(cuts.get(oddity, content[:40]))
        return None
    modes = {"grey": "L", "RGBA": "RGBA", "palette": "P", "CMYK": "CMYK"}
    odd, exif = image.convert(modes.get(oddity, "RGB")), Image.Exif()
    if oddity == "turned":
        odd, exif[ORIENTATION] = image.transpose(Image.Transpose.ROTATE_90), 6
    lossless = {"RGBA": "PNG", "palette": "PNG", "CMYK": "TIFF"}.get(oddity, "PNG")
    odd.save(path, lossless, exif=exif)
    return np.asarray(odd.convert("RGB") if oddity != "turned" else image)


def faces_of(dataset, root):
    """The test faces, one per picture (a scene of ExpW has several)."""
    return list({face.image.path: face for face in load(dataset, root, "test")}.values())


@pytest.mark.parametrize("oddity", READABLE)
@pytest.mark.parametrize("dataset", LOADERS)
def test_a_readable_oddity_is_upright_rgb(toy, tmp_path, plain, dataset, oddity):
    root = copy(toy, dataset, tmp_path) / dataset
    face = faces_of(dataset, root)[-1]
    expected = plant(face.image.path, oddity)
    assert read_all(tmp_path, dataset) == plain(dataset)
    image = read(face.image)
    left, top, right, bottom = face.image.box or (0, 0, *expected.shape[1::-1])
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), expected[top:bottom, left:right])


@pytest.mark.parametrize("oddity", BROKEN)
@pytest.mark.parametrize("dataset", LOADERS)
def test_a_broken_one_is_loaded_and_an_image_error_that_names_it(toy, tmp_path, plain, dataset, oddity):
    if (dataset, oddity) == ("utkface", "a folder"):
        pytest.skip("a folder is no file of UTKFace")
    root = copy(toy, dataset, tmp_path) / dataset
    face = faces_of(dataset, root)[-1]
    plant(face.image.path, oddity)
    told = read_all(tmp_path, dataset)
    if dataset == "utkface" and oddity == "missing":  # whose names are all that there is
        assert told == plain(dataset).without(face.id)
    else:
        assert told == plain(dataset)
    with pytest.raises(ImageError, match=face.image.path.name.replace(".", r"\.")):
        read(face.image)


@pytest.mark.parametrize("orientation", TURNS)
def test_the_box_of_a_turned_scene_is_one_of_the_upright_picture(toy, tmp_path, orientation):
    root = copy(toy, "expw", tmp_path) / "expw"
    face = load("expw", root, "test")[1]
    upright = read(face.image)
    whole = read(face.image.model_copy(update={"box": None}))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    face.image.path.unlink()
    Image.fromarray(np.rot90(np.asarray(whole), TURNS[orientation])).save(face.image.path, "PNG", exif=exif)
    assert load("expw", root, "test")[1] == face
    assert read(face.image).tobytes() == upright.tobytes()


@pytest.mark.parametrize("name", ["émotion 怒り.jpg", "wütend, 'n (1).jpg", "\N{PILE OF POO}.jpg"])
def test_names_of_other_letters_are_opened(toy, tmp_path, name):
    root = copy(toy, "expw", tmp_path) / "expw"
    face = load("expw", root, "test")[0]
    old, pixels = face.image.path, read(face.image).tobytes()
    old.rename(old.with_name(name))
    labels = root / "label/label.lst"
    labels.write_text(labels.read_text().replace(old.name, name))
    (renamed,) = (one for split in ("train", "test") for one in load("expw", root, split) if one.id == f"{name}#0")
    assert read(renamed.image).tobytes() == pixels
    old.with_name(name).unlink()
    with pytest.raises(ImageError, match="does not exist") as error:
        read(renamed.image)
    assert name in str(error.value)


@pytest.mark.parametrize("dataset", LOADERS)
def test_in_a_plan_each_broken_picture_is_its_own_error_and_no_others(toy, tmp_path, plain, dataset):
    root = copy(toy, dataset, tmp_path) / dataset
    faces = faces_of(dataset, root)
    kinds = [one for one in BROKEN if dataset != "utkface" or one not in ("missing", "a folder")]
    broken = {}
    for face, oddity in zip(faces, kinds, strict=False):
        plant(face.image.path, oddity)
        broken[face.image.path] = oddity
    for face, oddity in zip(faces[len(broken) :], READABLE, strict=False):
        plant(face.image.path, oddity)
    asked = next(one for one in QUESTIONS.values() if one.dataset == dataset)
    cases = Planner(tmp_path, Decoding(), limit=None, seed=0).plan(question(asked.name)).cases
    assert [case.sample_id for case in cases] == [one.id for one in plain(dataset).faces["test"]]
    for case in cases:
        assert (case.error is not None) == (case.image.path in broken) == (case.size is None)
        assert case.error is None or str(case.image.path) in case.error
    good = [case.key for case in cases if case.error is None]
    assert len(set(good)) == len(good) or dataset == "expw"


def test_a_box_outside_its_picture_is_a_failed_sample_and_not_a_failed_set(toy, tmp_path):
    root = copy(toy, "expw", tmp_path) / "expw"
    labels = root / "label/label.lst"
    first = load("expw", root, "test")[0]
    labels.write_text(f"{first.id.split('#')[0]} 7 5000 5000 5100 5100 9.0 3\n{labels.read_text()}")
    cases = Planner(tmp_path, Decoding(), None, 0, options()).plan(question("expw")).cases
    assert [case.sample_id for case in cases if case.error] == [f"{first.id.split('#')[0]}#7"]
    assert "lies outside image" in next(case.error for case in cases if case.error)
