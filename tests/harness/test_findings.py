from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.findings import find
from harness.records import Case, ImageRef, Prediction
from tasks.labels import label_space

GENDER, CELEBA = label_space("fairface.gender"), label_space("celeba")
BALD = {label: label in ("Bald", "Bangs") for label in CELEBA.labels}


def case(number, gold, **group):
    return Case(
        key=f"k{number}", sample_id=str(number), image=ImageRef(path=Path("x.jpg")), gold=gold, group=group, text="?"
    )


def said(number, label=None, status="parsed", **more):
    return Prediction(key=f"k{number}", sample_id=str(number), status=status, label=label, **more)


def by_key(*predictions):
    return {one.key: one for one in predictions}


CASES = [case(0, "Male", race="A"), case(1, "Female", race="A"), case(2, "Female", race="B"), case(3, "Male", race="B")]
FULL = by_key(said(0, "Male"), said(1, "Male"), said(2, status="refused"), said(3, "Male"))
PART = by_key(said(0, "Female"), said(1, status="failed"), said(2, "Female"))


def test_only_samples_that_both_were_asked_and_neither_failed_are_compared():
    found = find("fairface.gender", GENDER, CASES, {"full": FULL, "part": PART, "none": {}})
    (pair,) = found.differences
    assert (pair.first, pair.second, pair.n) == ("full", "part", 2)
    assert pair.accuracy.value == 0  # each has one of samples 0 and 2 right
    assert found.answered == {"full": 3, "part": 2}


def test_what_is_taken_for_what():
    found = find("fairface.gender", GENDER, CASES, {"full": FULL})
    male, female = GENDER.labels.index("Male"), GENDER.labels.index("Female")
    counts = np.array(found.confusions[0].counts)
    assert (counts[male, male], counts[female, male], counts[female, -1], counts.sum()) == (2, 1, 1, 4)
    assert found.differences == ()


def test_groups_are_of_what_did_not_fail():
    found = find("fairface.gender", GENDER, CASES, {"full": FULL, "part": PART})
    groups = {
        model: {g.values: (g.n, g.accuracy.value) for g in splits[0].groups} for model, splits in found.splits.items()
    }
    assert groups == {"full": {("A",): (2, 0.5), ("B",): (2, 0.5)}, "part": {("A",): (1, 0.0), ("B",): (1, 1.0)}}


def test_rules_are_counted_in_answered_replies_and_in_the_annotations_of_the_same_samples():
    cases = [case(0, BALD), case(1, dict.fromkeys(CELEBA.labels, False)), case(2, BALD)]
    pair, torn = ("Bald", "Bangs"), ("Smiling", "Smiling")
    predictions = by_key(
        said(0, yes=("Bald", "Bangs"), contradictions=(pair,)),
        said(1, yes=("Bald",), contradictions=(torn, torn)),
        said(2, status="ambiguous", contradictions=(pair,)),
    )
    found = find("celeba", CELEBA, cases, {"m": predictions})
    rules = {rule.labels: (rule.broken["m"], rule.gold["m"]) for rule in found.rules}
    assert set(CELEBA.exclusive) | {torn} == rules.keys()
    assert {labels: counts for labels, counts in rules.items() if any(counts)} == {pair: (1, 1), torn: (1, 0)}
    assert (found.splits, found.confusions, found.one_label) == ({}, (), False)


def test_equal_pictures_share_an_answer():
    twice = [case(0, "Male"), case(1, "Female").model_copy(update={"key": "k0"})]
    found = find("fairface.gender", GENDER, twice, {"m": by_key(said(0, "Male"))})
    assert found.answered == {"m": 2}


@pytest.mark.parametrize("predictions", [{}, {"m": {}}, {"m": by_key(said(0, status="failed"))}])
def test_nothing_answered_is_nothing_found(predictions):
    found = find("fairface.gender", GENDER, CASES, predictions)
    assert found.differences == ()
    assert sum(found.answered.values()) == 0


def test_it_can_be_written_and_read_again():
    found = find("fairface.gender", GENDER, CASES, {"full": FULL, "part": PART})
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_a_gold_label_of_another_space_is_named():
    with pytest.raises(DataError, match="gold 'Robot' is no label"):
        find("fairface.gender", GENDER, [case(0, "Robot")], {"m": by_key(said(0, "Male"))})
