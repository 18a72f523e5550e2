from functools import partial

import pytest

from harness.errors import DataError
from tasks import datasets
from tasks.datasets.split import hash_split

load = partial(datasets.load, "expw")

NAMES = [f"angry_actor_{number}.jpg" for number in range(40)]
SCENE = next(name for name in NAMES if hash_split(name) == "test")
OTHER = next(name for name in NAMES if hash_split(name) == "train")


def layout(write, *rows, file="label/label.lst", images="image/origin", end="\n"):
    write(f"{images}/{SCENE}")
    return write(file, "".join(row + end for row in rows))


def test_boxes_are_top_left_right_bottom(write):
    root = layout(write, f"{SCENE} 0 10 20 60 50 54.3 3", f"{SCENE} 4 1 2 30 31 1.5 0")
    first, second = load(root, "test")
    assert (first.id, first.image.path) == (f"{SCENE}#0", root / "image/origin" / SCENE)
    assert first.image.box == (20, 10, 60, 50)
    assert (first.labels, second.labels) == ({"expw": "happy"}, {"expw": "angry"})
    assert (second.id, second.group) == (f"{SCENE}#4", {})


def test_boxes_are_clamped(write):
    (face,) = load(layout(write, f"{SCENE} 0 -5 -7 60 50 54.3 3"), "test")
    assert face.image.box == (0, 0, 60, 50)


@pytest.mark.parametrize("code", range(7))
def test_codes(write, code):
    (face,) = load(layout(write, f"{SCENE} 0 1 2 60 50 54.3 {code}"), "test")
    assert face.labels["expw"] == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"][code]


@pytest.mark.parametrize("file", ["label/label.lst", "label.lst", "data/label/label.lst"])
@pytest.mark.parametrize("images", ["image/origin", "origin", "data/image/origin", "images"])
def test_layouts(write, file, images):
    root = layout(write, f"{SCENE} 0 1 2 60 50 54.3 3", file=file, images=images, end="\r\n")
    assert load(root, "test")[0].image.path == root / images / SCENE


def test_the_faces_of_a_photograph_stay_together(write):
    root = layout(write, *(f"{name} {face} 1 2 60 50 54.3 3" for name in (SCENE, OTHER) for face in (0, 1)))
    assert [face.id for face in load(root, "test")] == [f"{SCENE}#0", f"{SCENE}#1"]
    assert [face.id for face in load(root, "train")] == [f"{OTHER}#0", f"{OTHER}#1"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("0 1 2 60 50 54.3 7", ["'7'", "0 to 6"]),
        ("0 1 2 60 50 54.3 -1", ["'-1'", "0 to 6"]),
        ("0 1 2 60.5 50 54.3 3", ["1 2 60.5 50", "whole numbers"]),
        ("0 1 60 60 50 54.3 3", ["1 60 60 50", "encloses"]),
        ("0 50 2 60 50 54.3 3", ["50 2 60 50", "encloses"]),
        ("0 1 2 60 50 3", ["8 fields"]),
        ("x.jpg 0 1 2 60 50 3", ["'x.jpg'", "number of a face"]),
        ("0 -1000000000000 2 60 50 54.3 3", ["-1000000000000", "encloses"]),
        ("9 1 2 60 50 54.3 3", [f"'{SCENE}#9'", "earlier row"]),
    ],
)
def test_bad_values_name_file_row_and_value(write, bad, words):
    root = layout(write, f"{SCENE} 9 1 2 60 50 54.3 3", f"{SCENE} {bad}")
    with pytest.raises(DataError) as error:
        load(root, "test")
    assert all(word in str(error.value) for word in ["label.lst, row 2", *words])


def test_the_widest_box_with_the_widest_margin_is_a_box(write):
    root, wide = layout(write, f"{SCENE} 0 0 0 {2**28} {2**28} 1 3"), {"expw": {"margin": 1.0}}
    (face,) = datasets.load("expw", root, "test", datasets.DataOptions.model_validate(wide))
    assert face.image.box == (0, 0, 2**29, 2**29)
    with pytest.raises(DataError, match="encloses"):
        load(layout(write, f"{SCENE} 0 0 0 {2**30} {2**30} 1 3"), "test")


def test_what_is_missing_is_said(write, tmp_path):
    with pytest.raises(DataError, match=r"label/label\.lst.*socialrelation"):
        load(tmp_path, "test")
    with pytest.raises(DataError, match="none of image/origin"):
        load(write("label.lst", f"{SCENE} 0 1 2 60 50 54.3 3"), "test")
