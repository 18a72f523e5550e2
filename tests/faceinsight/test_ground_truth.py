"""The ground truth's own violations: counted by dataset, printed, and what a threshold leaves out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceinsight import ground_truth
from faceinsight.faces import load
from faceinsight.ground_truth import add, kept, table, tallies
from faceinsight.labels import joint_labels
from faceinsight.rules import AtLeastOne, Broken, Exclusion, Rules, Tally, load_rules, tally
from harness.errors import ConfigError
from tasks.toy import write_toy
from tests.faces import sized

JOINT = joint_labels()
SHIPPED = load_rules()
RULES = Rules(
    exclusions=(
        Exclusion(name="R1", premise="Bald", excludes=("Bangs", "Wavy_Hair")),
        Exclusion(name="R2", premise="Young", excludes=("Senior",)),
    ),
    at_least_one=(
        AtLeastOne(name="eyewear", members=("Eyeglasses", "No_Eyewear")),
        AtLeastOne(name="hair", members=("Bald", "Black_Hair"), soft=True),
    ),
)


def numbers(rates: dict[str, tuple[int, int, int]]) -> Tally:
    """A tally of RULES: rule -> checked, applied, broken."""
    found = [rates.get(name, (0, 0, 0)) for name in RULES.names]
    rows = tuple(
        Broken(rule=name, checked=a, applied=b, broken=c) for name, (a, b, c) in zip(RULES.names, found, strict=True)
    )
    return Tally(faces=100, rules=rows, impossible=7, incomplete=3)


@given(st.lists(st.integers(0, 15), min_size=3, max_size=3), st.integers(0, 5), st.integers(1, 9))
@settings(deadline=None)
def test_datasets_add_up_to_all_faces_however_many_are_counted_at_once(sizes, seed, at_once):
    faces = sized(dict(zip(("celeba", "maad", "expw"), sizes, strict=True)), seed)
    faces = faces.subset(np.random.default_rng(seed).permutation(len(faces)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground_truth, "ROWS", at_once)
        counted = tallies(faces, SHIPPED)
    assert list(counted) == ["celeba", "maad", "expw"]
    assert {name: one.faces for name, one in counted.items()} == faces.sizes()
    assert add(list(counted.values())) == tally(SHIPPED, JOINT.names, faces.labels_NK, faces.mask_NK)
    own = faces.dataset_N == 1
    assert counted["maad"] == tally(SHIPPED, JOINT.names, faces.labels_NK[own], faces.mask_NK[own])


def test_toy_faces_break_no_exclusion_among_what_is_drawn(tmp_path):
    faces = load(write_toy(tmp_path, test=1, train=40, seed=1, datasets=["celeba", "expw"]), ["celeba", "expw"])
    counted = tallies(faces, SHIPPED)
    assert counted["celeba"].impossible == 0
    assert counted["celeba"].rules[0].checked == 40
    assert {one.checked for one in counted["expw"].rules} == {0}


def test_a_threshold_leaves_out_what_is_broken_more_often_and_keeps_soft_and_unseen_rules():
    counted = numbers({"R1": (100, 36, 10), "eyewear": (40, 40, 2), "hair": (100, 100, 90)})
    assert kept(RULES, counted) == RULES
    assert kept(RULES, counted, 0.27).names == ("R2", "eyewear", "hair")
    assert kept(RULES, counted, 10 / 36).names == RULES.names
    assert kept(RULES, counted, 0.04).names == ("R2", "hair")
    assert kept(RULES, counted, 0.05).names == ("R2", "eyewear", "hair")
    with pytest.raises(ConfigError, match=r"threshold of 5 "):
        kept(RULES, counted, 5)


def test_the_table_says_it_all():
    counted = {
        "celeba": numbers({"R1": (100, 30, 9), "hair": (100, 100, 90)}),
        "maad": numbers({"R1": (60, 6, 1), "eyewear": (40, 40, 2)}),
        "expw": numbers({}),
    }
    lines = table(RULES, counted, threshold=0.1).splitlines()
    cells = [line.split(maxsplit=8) for line in lines[1:5]]
    assert " ".join(lines[0].split()) == "rule checked applied broken % checked % applied celeba maad in words"
    assert cells[0] == ["R1", "160", "36", "10", "6.25", "27.78", "30.00", "16.67", cells[0][8]]
    assert cells[0][8].split(maxsplit=1) == ["out", "Bald: not Bangs, Wavy_Hair"]
    assert cells[1][:8] == ["R2", "0", "0", "0", "-", "-", "-", "-"]
    assert cells[2][:8] == ["eyewear", "40", "40", "2", "5.00", "5.00", "-", "5.00"]
    assert cells[3][8].split(maxsplit=1) == ["soft", "at least one of Bald, Black_Hair"]
    assert "300 faces: 7.00 % impossible, 3.00 % incomplete" in lines[6]
    assert "A threshold of 2% of applied would leave out R1, eyewear." in lines
    assert "A threshold of 5% of applied would leave out R1." in lines
    assert "out " not in table(RULES, counted).partition("\n\n")[0]


def test_one_dataset_has_no_column_of_its_own():
    head = table(RULES, {"celeba": numbers({"R1": (10, 3, 1)}), "expw": numbers({})}).splitlines()[0]
    assert "celeba" not in head
