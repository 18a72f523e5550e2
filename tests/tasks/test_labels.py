"""The label spaces against the official lists, where these lie beside the project."""

import json
from pathlib import Path

import pytest

from harness.errors import UnknownNameError
from tasks.labels import SPACE_NAMES, LabelSpace, label_space

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
SIZES = {
    "maad": 47,
    "celeba": 40,
    "fairface.age": 9,
    "fairface.gender": 2,
    "fairface.race": 7,
    "utkface.age": 8,
    "utkface.gender": 2,
    "utkface.race": 5,
    "expw": 7,
    "raf-db": 7,
    "raf-db.compound": 11,
}


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_sizes_and_uniqueness(name: str) -> None:
    space = label_space(name)
    assert len(space.labels) == len(set(space.labels)) == SIZES[name]
    assert len(space.display) == SIZES[name]
    assert not any("_" in shown for shown in space.display)


def test_the_official_lists() -> None:
    path = REFERENCE / "labels.json"
    if not path.exists():
        pytest.skip("labels.json is not beside this checkout")
    official = json.loads(path.read_text(encoding="utf-8"))
    expected = {
        "celeba": official["celeba40"],
        "maad": official["maad47"],
        "fairface.age": official["fairface"]["age"],
        "fairface.gender": official["fairface"]["gender"],
        "fairface.race": official["fairface"]["race_repo_order"],
        "utkface.age": official["utkface"]["age_bins8"],
        "utkface.gender": list(official["utkface"]["gender"].values()),
        "utkface.race": list(official["utkface"]["race"].values()),
        "expw": list(official["expw"].values()),
        "raf-db": list(official["expw"].values()),
        "raf-db.compound": list(official["rafdb_compound"].values()),
    }
    assert {name: list(label_space(name).labels) for name in SPACE_NAMES} == expected


def test_the_exclusive_pairs_are_those_of_the_22_rules() -> None:
    path = REFERENCE / "rules22.json"
    if not path.exists():
        pytest.skip("rules22.json is not beside this checkout")
    pairs = json.loads(path.read_text(encoding="utf-8"))["exclusive_pairs"]
    for name in ("celeba", "maad"):
        expected = {frozenset((pair["a"], pair["b"])) for pair in pairs if pair[name]}
        assert {frozenset(pair) for pair in label_space(name).exclusive} == expected


@pytest.mark.parametrize(("name", "count"), [("celeba", 15), ("maad", 20), ("expw", 0)])
def test_every_exclusive_pair_is_in_the_space_and_in_its_order(name: str, count: int) -> None:
    space = label_space(name)
    assert len(space.exclusive) == count
    for first, second in space.exclusive:
        assert space.labels.index(first) < space.labels.index(second)


@pytest.mark.parametrize("name", ["fairface.age", "utkface.age"])
def test_ages_follow_one_another_without_a_gap(name: str) -> None:
    bounds = label_space(name).bounds
    assert bounds[0][0] == 0
    assert [first for first, _ in bounds[1:]] == [last + 1 for _, last in bounds[:-1]]


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_no_phrase_names_two_labels(name: str) -> None:
    words = label_space(name).words
    phrases = [phrase for found in words.values() for phrase in found]
    assert len(phrases) == len(set(phrases))


def test_a_misspelt_space_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'fairface\.race'"):
        label_space("fairface.rase")


def test_words_for_a_label_that_is_not_listed_are_an_error() -> None:
    with pytest.raises(ValueError, match="Purple"):
        LabelSpace(name="x", kind="choice", labels=("Red",), words={"Purple": ("violet",)})


def test_a_space_can_be_the_key_of_a_cache() -> None:
    space = label_space("celeba")
    assert hash(space) == hash(space.model_copy())
    assert space == label_space("celeba") != label_space("maad")
