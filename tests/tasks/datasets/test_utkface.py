from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from tasks import datasets
from tasks.datasets import DataOptions
from tasks.datasets.split import hash_split
from tasks.datasets.utkface import age_label
from tasks.labels import label_space
from tasks.registry import question

load = partial(datasets.load, "utkface")
WILD = DataOptions.model_validate({"utkface": {"images": "wild"}})

STAMPS = [f"201701161745251{number:02d}" for number in range(40)]
TEST = next(stamp for stamp in STAMPS if hash_split(stamp) == "test")
TRAIN = next(stamp for stamp in STAMPS if hash_split(stamp) == "train")


def only(root, split="test"):
    (face,) = load(root, split)
    return face


@pytest.mark.parametrize("folder", ["UTKFace/", ""])
def test_labels_are_in_the_name(write, folder):
    root = write(f"{folder}26_1_3_{TEST}.jpg.chip.jpg")
    face = only(root)
    assert face.id == f"26_1_3_{TEST}.jpg.chip.jpg"
    assert face.image.path == root / folder / face.id
    assert face.labels == {"utkface.age": "20-29", "utkface.gender": "Female", "utkface.race": "Indian"}
    assert face.group == {"age": "20-29", "gender": "Female", "race": "Indian"}


@pytest.mark.parametrize("ending", [".jpg.chip.jpg", " .jpg.chip.jpg", "jpg.chip.jpg", ".pg", ".jpg", ".JPG"])
def test_harmless_oddities_of_names_are_read(write, ending):
    assert only(write(f"UTKFace/24_0_1_{TEST}{ending}")).group == {"age": "20-29", "gender": "Male", "race": "Black"}


@pytest.mark.parametrize(
    "name", ["39_1_{}.jpg.chip.jpg", "53__0_{}.jpg", "61_3_{}.jpg", "117_0_0_{}.jpg", "9_0_5_{}.jpg"]
)
def test_malformed_names_are_counted_not_guessed(write, name):
    write(f"UTKFace/1_0_0_{TEST}.jpg")
    faces = load(write(f"UTKFace/{name.format(TEST)}"), "test")
    assert (faces.tally.kept, faces.tally.dropped) == (1, {"malformed name": 1})


def test_other_files_are_counted_apart(write):
    write("UTKFace/.DS_Store")
    write(f"UTKFace/1_0_0_{TEST}.jpg")
    assert load(write("UTKFace/UTKFace.tar.gz"), "test").tally.dropped == {"not an image": 2}


def test_splits_part_by_stamp(write):
    write(f"UTKFace/1_0_0_{TEST}.jpg")
    root = write(f"UTKFace/1_0_0_{TRAIN}.jpg")
    assert [only(root, split).id for split in ("test", "train")] == [f"1_0_0_{TEST}.jpg", f"1_0_0_{TRAIN}.jpg"]


def test_the_parts_in_the_wild_are_one_set(write):
    write(f"part1/1_0_0_{TEST}.jpg")
    root = write(f"part3/1_0_0_{TEST}.jpg")
    assert [face.id for face in load(root, "test", WILD)] == [f"part1/1_0_0_{TEST}.jpg", f"part3/1_0_0_{TEST}.jpg"]
    with pytest.raises(DataError, match="part1/ holds the photographs in the wild: set"):
        load(root, "test")


def test_ages_in_the_bins_of_fairface(write):
    options = DataOptions.model_validate({"utkface": {"ages": "fairface"}})
    (face,) = load(write(f"UTKFace/5_1_4_{TEST}.jpg"), "test", options)
    assert face.labels == {"fairface.age": "3-9", "utkface.gender": "Female", "utkface.race": "Others"}
    assert face.group["age"] == "3-9"
    asked = question("utkface.age").under(options)
    assert (asked.name, asked.space) == ("utkface.age", "fairface.age")
    assert asked.labels()[-1] == "more than 70"


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"none of UTKFace.*susanqq"):
        load(tmp_path, "test")


@pytest.mark.parametrize("space", ["utkface.age", "fairface.age"])
@given(age=st.integers(0, 116))
def test_an_age_lies_within_the_bounds_of_its_label(space, age):
    bounds = dict(zip(label_space(space).labels, label_space(space).bounds, strict=True))
    first, last = bounds[age_label(space, age)]
    assert first <= age <= last


@given(st.text())
def test_the_hash_split_is_a_function_of_the_text(text):
    assert hash_split(text) == hash_split(text) in ("test", "train")


def test_the_hash_split_is_for_ever():
    assert [hash_split(stamp) for stamp in STAMPS[:8]] == [*["train"] * 5, "test", *["train"] * 2]
    share = sum(hash_split(str(number)) == "test" for number in range(5000)) / 5000
    assert 0.18 < share < 0.22
