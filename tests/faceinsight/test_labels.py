"""The joint label space: which columns exist, which are shared, and what a sample says about them."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceinsight.labels import Encoded, join, joint_labels
from harness.errors import DataError, UnknownNameError
from tasks import datasets
from tasks.labels import label_space
from tasks.registry import QUESTIONS, question
from tasks.toy import write_toy

JOINT = joint_labels()
BY_NAME = {one.name: one for one in JOINT.characteristics}
CHOICES = [name for name in QUESTIONS if label_space(name).kind != "attributes"]
ATTRIBUTES = [name for name in QUESTIONS if label_space(name).kind == "attributes"]


def shown(encoded: Encoded) -> dict[str, bool]:
    """Name -> present, of what is annotated."""
    return {
        name: bool(value) for name, value, known in zip(JOINT.names, encoded.labels, encoded.mask, strict=True) if known
    }


def test_there_are_80_columns_with_unique_names() -> None:
    assert len(JOINT) == len(set(JOINT.names)) == 80
    aspects = [one.aspect for one in JOINT.characteristics]
    counted = {aspect: aspects.count(aspect) for aspect in dict.fromkeys(aspects)}
    assert counted == {"attribute": 53, "age": 10, "gender": 1, "race": 9, "expression": 7}


@pytest.mark.parametrize(
    ("dataset", "count"), [("maad", 47), ("celeba", 40), ("fairface", 18), ("utkface", 15), ("expw", 7), ("raf-db", 7)]
)
def test_each_dataset_annotates_all_of_its_labels_and_nothing_else(dataset: str, count: int) -> None:
    annotated = JOINT.annotated(dataset)
    own = {column for name, asked in QUESTIONS.items() if asked.dataset == dataset for column in columns(name)}
    assert annotated.shape == (80,)
    assert annotated.sum() == count
    assert set(np.flatnonzero(annotated)) == own


def columns(space: str) -> list[int]:
    return list(JOINT.columns(space).values())


@pytest.mark.parametrize("space", QUESTIONS)
def test_a_space_has_one_column_per_label_in_its_own_order(space: str) -> None:
    assert tuple(JOINT.columns(space)) == label_space(space).labels
    assert len(set(columns(space))) == len(label_space(space).labels)
    for label, column in JOINT.columns(space).items():
        assert JOINT.characteristics[column].spaces[space] == label


def test_attributes_are_shared_by_name() -> None:
    shared = set(label_space("maad").labels) & set(label_space("celeba").labels)
    assert {one.name for one in JOINT.characteristics if {"maad", "celeba"} <= one.spaces.keys()} == shared
    assert BY_NAME["Wavy_Hair"].words == "Wavy Hair"


def test_male_is_shared_by_the_four_sets_that_know_it_and_female_by_the_two_that_ask() -> None:
    assert BY_NAME["Male"].spaces.keys() == {"maad", "celeba", "fairface.gender", "utkface.gender"}
    assert BY_NAME["gender: Female"].spaces.keys() == {"fairface.gender", "utkface.gender"}


def test_ages_are_shared_exactly_where_the_bounds_are_equal() -> None:
    fairface, utkface = label_space("fairface.age"), label_space("utkface.age")
    for (one, mine), (other, its) in product(
        zip(fairface.labels, fairface.bounds, strict=True), zip(utkface.labels, utkface.bounds, strict=True)
    ):
        same = JOINT.columns("fairface.age")[one] == JOINT.columns("utkface.age")[other]
        assert same == (mine == its)
    assert BY_NAME["age: more than 70"].spaces == {"fairface.age": "more than 70", "utkface.age": "70+"}


def test_expressions_are_shared_and_the_race_attributes_of_maad_are_not() -> None:
    assert columns("expw") == columns("raf-db")
    assert not set(columns("maad")) & {*columns("fairface.race"), *columns("utkface.race")}
    shared = set(columns("fairface.race")) & set(columns("utkface.race"))
    assert {JOINT.names[column] for column in shared} == {"race: White", "race: Black", "race: Indian"}


@given(st.data())
@settings(deadline=None)
def test_one_label_annotates_its_own_list(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(CHOICES))
    label = data.draw(st.sampled_from(label_space(space).labels))
    encoded = JOINT.encode({space: label})
    assert np.flatnonzero(encoded.labels).tolist() == [JOINT.columns(space)[label]]
    assert np.flatnonzero(encoded.mask).tolist() == sorted(columns(space))


@given(st.data())
@settings(deadline=None)
def test_attributes_annotate_what_they_hold_so_that_an_undefined_one_never_counts(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(ATTRIBUTES))
    gold = data.draw(st.dictionaries(st.sampled_from(label_space(space).labels), st.booleans()))
    assert shown(JOINT.encode({space: gold})) == gold


@given(st.data())
@settings(deadline=None)
def test_what_a_face_holds_is_read_back_in_the_order_of_the_space(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(ATTRIBUTES))
    gold = data.draw(st.dictionaries(st.sampled_from(label_space(space).labels), st.booleans()))
    present = tuple(label for label in label_space(space).labels if gold.get(label))
    assert JOINT.held(space, JOINT.encode({space: gold}).labels) == present
    space = data.draw(st.sampled_from(CHOICES))
    label = data.draw(st.sampled_from(label_space(space).labels))
    assert JOINT.held(space, JOINT.encode({space: label}).labels) == (label,)


def test_a_space_holds_what_it_shares_with_another_under_its_own_name() -> None:
    encoded = JOINT.encode({"fairface.age": "more than 70", "fairface.gender": "Male"})
    assert JOINT.held("utkface.age", encoded.labels) == ("70+",)
    assert JOINT.held("celeba", encoded.labels) == ("Male",)
    assert JOINT.held("expw", encoded.labels) == ()


def test_the_labels_of_one_face_are_joined() -> None:
    found = shown(JOINT.encode({"utkface.age": "70+", "utkface.gender": "Female", "utkface.race": "Others"}))
    assert len(found) == 15
    assert [name for name, present in found.items() if present] == [
        "age: more than 70",
        "gender: Female",
        "race: Others",
    ]
    assert found["Male"] is False


def test_a_zero_in_the_file_of_maad_is_masked_and_a_minus_one_is_absent(tmp_path) -> None:
    names = label_space("maad").labels
    values = {"Male": "1", "Young": "-1"}
    (tmp_path / "test" / "n000001").mkdir(parents=True)
    row = ",".join(["n000001/0001_01.jpg", *(values.get(name, "0") for name in names)])
    (tmp_path / "MAAD_Face.csv").write_text(f"Filename,{','.join(names)}\n{row}\n", encoding="utf-8")
    (face,) = datasets.load("maad", tmp_path, "test")
    assert shown(JOINT.encode(face.labels)) == {"Male": True, "Young": False}


def test_nothing_known_annotates_nothing() -> None:
    assert shown(JOINT.encode({})) == shown(JOINT.encode({"maad": {}})) == {}


def test_every_toy_face_can_be_encoded(tmp_path) -> None:
    write_toy(tmp_path, test=6, train=1, seed=3)
    for dataset in datasets.LOADERS:
        faces = datasets.load(dataset, tmp_path / dataset, "test")
        assert faces
        for face in faces:
            encoded = JOINT.encode(face.labels)
            assert not (encoded.mask & ~JOINT.annotated(dataset)).any()
            assert not (encoded.labels & ~encoded.mask).any()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"expw": "bored"}, "gold 'bored' is no label of expw: angry, "),
        ({"celeba": {"Bald": True, "Bold": True}}, "gold 'Bold' is no label of celeba"),
        ({"celeba": "Bald"}, "does not fit celeba, which wants attributes"),
        ({"expw": {"happy": True}}, "does not fit expw, which wants one label"),
    ],
)
def test_gold_that_does_not_fit_is_an_error(labels, words: str) -> None:
    with pytest.raises(DataError) as caught:
        JOINT.encode(labels)
    assert words in str(caught.value)


def test_unknown_names_are_errors() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'celeba'"):
        JOINT.encode({"celebA": {}})
    with pytest.raises(UnknownNameError, match="Did you mean 'fairface'"):
        JOINT.annotated("fair-face")
    with pytest.raises(UnknownNameError, match="Did you mean 'celeba'"):
        JOINT.held("celebA", JOINT.encode({}).labels)


def test_some_questions_have_a_space_of_their_own() -> None:
    small = join([question("celeba"), question("expw")])
    assert len(small) == 47
    assert small.encode({"expw": "sad"}).mask.sum() == 7
    with pytest.raises(UnknownNameError):
        small.columns("maad")


def test_labels_and_rules_start_without_torch() -> None:
    code = "import faceinsight.labels, faceinsight.rules, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
