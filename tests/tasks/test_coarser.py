"""Labels in the words of a coarser space."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.coarser import _table, added_up, coarser
from tasks.labels import SPACE_NAMES, label_space

PAIRS = [(space, wanted) for space, others in _table().items() for wanted in others]


@pytest.mark.parametrize(("space", "wanted"), PAIRS)
def test_a_pair_translates_every_label_into_one_and_reaches_all(space, wanted):
    names = coarser(space, wanted)
    assert set(names) == set(label_space(space).labels)
    assert set(names.values()) == set(label_space(wanted).labels)


@pytest.mark.parametrize("space", SPACE_NAMES)
def test_a_space_says_the_same_in_its_own_words(space):
    assert coarser(space, space) == {label: label for label in label_space(space).labels}


def test_ages_lie_within_the_years_of_what_they_become():
    fine, coarse = label_space("fairface.age"), label_space("utkface.age")
    years = dict(zip(coarse.labels, coarse.bounds, strict=True))
    for label, (first, last) in zip(fine.labels, fine.bounds, strict=True):
        low, high = years[coarser("fairface.age", "utkface.age")[label]]
        assert low <= first <= last <= high


def test_nobody_is_told_apart_who_was_not():
    assert coarser("utkface.age", "fairface.age") is None
    assert coarser("utkface.race", "fairface.race") is None
    assert coarser("expw", "fairface.race") is None


@given(st.data(), st.sampled_from(PAIRS))
def test_nothing_is_lost_when_shares_are_added_up(data, pair):
    space, wanted = pair
    values = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=9).map(lambda some: (some * 9)[:9]))
    shares = dict(zip(label_space(space).labels, values, strict=False))
    found = added_up(shares, coarser(space, wanted))
    assert set(found) == set(label_space(wanted).labels)
    assert math.isclose(sum(found.values()), sum(shares.values()))
