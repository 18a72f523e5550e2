import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tasks.groups import MINIMUM, NOT_RECORDED, groupings, split, wilson

QUICK = settings(deadline=None, max_examples=60)


def two_groups(n, hits_of_a, hits_of_b):
    """A split of 2 n faces of two groups, of which so many are right."""
    (grouping,) = groupings([{"race": "A"}] * n + [{"race": "B"}] * n)
    right = np.array([i < hits_of_a for i in range(n)] + [i < hits_of_b for i in range(n)])
    return split(grouping, right, np.ones(2 * n, dtype=bool))


@QUICK
@given(st.integers(1, 500), st.data())
def test_wilson_is_that_of_scipy(n, data):
    hits = data.draw(st.integers(0, n))
    found, oracle = wilson(hits, n), binomtest(hits, n).proportion_ci(method="wilson")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@QUICK
@given(
    st.lists(st.fixed_dictionaries({"gender": st.sampled_from("FM"), "race": st.sampled_from("ABC")}), min_size=1),
    st.integers(0, 2**32),
)
def test_groups_are_counted_one_by_one(rows, seed):
    rng = np.random.default_rng(seed)
    right, scored = rng.random(len(rows)) < 0.5, rng.random(len(rows)) < 0.8
    for grouping in groupings(rows):
        found = split(grouping, right, scored, resamples=10)
        wanted = {}
        for row, hit, there in zip(rows, right, scored, strict=True):
            if there:
                wanted.setdefault(tuple(row[column] for column in grouping.columns), []).append(hit)
        assert {g.values: (g.n, g.accuracy.value) for g in found.groups} == {
            values: (len(hits), np.mean(hits)) for values, hits in wanted.items()
        }
        shares = [np.mean(hits) for hits in wanted.values() if len(hits) >= MINIMUM]
        assert (found.gap is None) == (len(shares) < 2)
        if found.gap:
            assert found.gap.size.value == pytest.approx(max(shares) - min(shares))
            assert found.gap.groups == len(shares)


def test_every_column_every_two_and_every_three():
    rows = [{"gender": "F", "race": "A", "age": "1"}, {"gender": "M", "race": "A"}]
    found = {grouping.columns: grouping.values for grouping in groupings(rows)}
    assert list(found)[:4] == [("gender",), ("race",), ("age",), ("gender", "race")]
    assert list(found)[-1] == ("gender", "race", "age")
    assert found["age",] == (("1",), (NOT_RECORDED,))
    assert groupings([{}, {}]) == []


def test_a_true_gap_is_told_from_chance_and_one_of_chance_is_not():
    true, chance = two_groups(100, 90, 50).gap, two_groups(12, 6, 5).gap
    assert (true.highest, true.lowest, true.groups) == (("A",), ("B",), 2)
    assert true.size.low < 0.4 < true.size.high
    assert true.p < 0.01
    assert true.chance < true.size.value
    assert chance.p > 0.3
    assert chance.chance > chance.size.value


def test_the_interval_of_the_gap_is_that_of_resampled_answers():
    gap = two_groups(60, 45, 30).gap
    rng = np.random.default_rng(1)
    answers = [np.repeat([1, 0], [45, 15]), np.repeat([1, 0], [30, 30])]
    drawn = [abs(np.ptp([rng.choice(one, 60).mean() for one in answers])) for _ in range(4000)]
    assert (gap.size.low, gap.size.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_what_chance_gives_is_that_of_shuffled_answers():
    gap = two_groups(40, 26, 18).gap
    rng = np.random.default_rng(2)
    right = np.repeat([1.0, 0.0], [44, 36])
    drawn = np.array([np.ptp(rng.permutation(right).reshape(2, 40).mean(axis=1)) for _ in range(4000)])
    assert (drawn > gap.chance + 1e-9).mean() < 0.065
    assert (drawn > gap.chance - 1e-9).mean() > 0.035
    assert gap.p == pytest.approx((drawn >= 0.2 - 1e-9).mean(), abs=0.03)


def test_a_group_too_small_is_shown_and_not_compared():
    (grouping,) = groupings([{"race": "A"}] * 20 + [{"race": "B"}] * (MINIMUM - 1))
    found = split(grouping, np.ones(29, dtype=bool), np.ones(29, dtype=bool))
    assert [(group.n, group.compared) for group in found.groups] == [(20, True), (9, False)]
    assert found.gap is None


@pytest.mark.parametrize("hits", [0, 30])
def test_all_right_or_all_wrong_is_no_gap(hits):
    gap = two_groups(30, hits, hits).gap
    assert (gap.size.value, gap.size.high, gap.p) == (0, 0, 1)
