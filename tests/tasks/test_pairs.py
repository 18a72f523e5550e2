from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import binomtest, bootstrap, permutation_test

from tasks.pairs import SMALLEST, compare, holm, sign_flip

QUICK = settings(deadline=None, max_examples=60)
differences = arrays.arrays(int, st.integers(1, 9), elements=st.integers(-6, 6))
fractions = arrays.arrays(float, st.integers(1, 6), elements=st.floats(0, 1))


def by_enumeration(row):
    sums = [abs(np.dot(signs, row)) for signs in product((-1, 1), repeat=len(row))]
    return np.mean(np.array(sums) >= abs(row.sum()))


@st.composite
def answers(draw):
    """Right cells of three models on samples of up to four cells, some failed or not asked."""
    n = draw(st.integers(1, 12))
    cells = draw(arrays.arrays(int, n, elements=st.integers(0, 4)))
    right = np.minimum(draw(arrays.arrays(int, (3, n), elements=st.integers(0, 4))), cells)
    return right, draw(arrays.arrays(bool, (3, n))), cells


@QUICK
@given(differences)
def test_the_sign_flip_test_counts_all_signs(row):
    assert sign_flip(row) == pytest.approx(by_enumeration(row), abs=1e-9)


@QUICK
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_on_one_cell_it_is_the_exact_test_of_mcnemar(ahead, behind):
    row = np.repeat([1, -1, 0], [ahead, behind, 5])
    oracle = binomtest(ahead, ahead + behind).pvalue if ahead + behind else 1.0
    assert sign_flip(row) == pytest.approx(max(oracle, SMALLEST), rel=1e-6, abs=2e-10)


def test_it_is_that_of_scipy_on_many_cells():
    rng = np.random.default_rng(3)
    row = rng.integers(-20, 24, 300)
    oracle = permutation_test(
        (row,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=rng,
        vectorized=True,
    )
    assert sign_flip(row) == pytest.approx(oracle.pvalue, abs=4 * np.sqrt(oracle.pvalue / 20_000) + 1e-3)


@QUICK
@given(differences, st.randoms())
def test_neither_the_order_nor_who_is_first_changes_p(row, random):
    shuffled = row.copy()
    random.shuffle(shuffled)
    assert sign_flip(shuffled) == sign_flip(row) == sign_flip(-row)


@QUICK
@given(fractions)
def test_holm_is_closed_testing_by_bonferroni(p_values):
    """The adjusted p of a pair is the largest Bonferroni p of all sets of pairs that hold it (Marcus et al., 1976)."""
    places = range(len(p_values))
    sets = [some for size in range(1, len(p_values) + 1) for some in combinations(places, size)]
    oracle = [max(min(1.0, len(some) * p_values[list(some)].min()) for some in sets if i in some) for i in places]
    assert holm(p_values) == pytest.approx(oracle)


def test_holm_by_hand():
    assert holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([])).tolist() == []


@QUICK
@given(answers())
def test_a_difference_is_of_accuracy_over_the_samples_that_neither_failed(found):
    right, there, cells = found
    for pair in compare(("0", "1", "2"), right, there, cells, resamples=20):
        i, j = int(pair.first), int(pair.second)
        both = there[i] & there[j]
        accuracies = [right[model][both].sum() / cells[both].sum() for model in (i, j)]
        assert pair.n == both.sum()
        assert pair.accuracy.value == pytest.approx(accuracies[0] - accuracies[1])
        assert pair.accuracy.low <= pair.accuracy.value <= pair.accuracy.high
        assert pair.p <= pair.adjusted <= 1


@QUICK
@given(answers())
def test_who_stands_first_only_turns_the_sign(found):
    right, there, cells = found
    forth = {(x.first, x.second): x for x in compare("abc", right, there, cells, resamples=50)}
    back = {(x.second, x.first): x for x in compare("cba", right[::-1], there[::-1], cells, resamples=50)}
    assert forth.keys() == back.keys()
    for pair, one in forth.items():
        other = back[pair]
        assert one.accuracy.value == -other.accuracy.value
        assert (one.accuracy.low, one.accuracy.high) == pytest.approx((-other.accuracy.high, -other.accuracy.low))
        assert (one.p, one.adjusted) == (other.p, other.adjusted)


@QUICK
@given(answers(), st.randoms())
def test_the_order_of_samples_changes_neither_difference_nor_p(found, random):
    right, there, cells = found
    order = list(range(len(cells)))
    random.shuffle(order)
    for one, other in zip(
        compare("abc", right, there, cells, resamples=5),
        compare("abc", right[:, order], there[:, order], cells[order], resamples=5),
        strict=True,
    ):
        assert (one.accuracy.value, one.p, one.adjusted) == (other.accuracy.value, other.p, other.adjusted)


def test_models_alike_do_not_differ():
    right = np.tile(np.arange(5), (2, 1))
    (pair,) = compare("ab", right, np.ones((2, 5), dtype=bool), np.full(5, 4))
    assert (pair.accuracy.value, pair.accuracy.low, pair.accuracy.high, pair.p, pair.adjusted) == (0, 0, 0, 1, 1)


def test_the_interval_is_that_of_scipy():
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, (2, 150))
    right[1] &= rng.integers(0, 2, 150)
    (pair,) = compare("ab", right, np.ones((2, 150), dtype=bool), np.ones(150, dtype=int), resamples=4000)
    row = right[0] - right[1]
    oracle = bootstrap((row,), np.mean, method="percentile", n_resamples=4000, rng=rng).confidence_interval
    assert (pair.accuracy.low, pair.accuracy.high) == pytest.approx((oracle.low, oracle.high), abs=0.02)


@pytest.mark.parametrize("there", [[[True], [False]], [[False], [False]]])
def test_nothing_in_common_is_no_pair(there):
    assert compare("ab", np.ones((2, 1), dtype=int), np.array(there), np.ones(1, dtype=int)) == []


def test_one_model_or_none_is_no_pair():
    assert compare("a", np.ones((1, 3), dtype=int), np.ones((1, 3), dtype=bool), np.ones(3, dtype=int)) == []
    assert compare("", np.ones((0, 3), dtype=int), np.ones((0, 3), dtype=bool), np.ones(3, dtype=int)) == []


def test_differences_without_doubt_are_the_smallest_p():
    assert sign_flip(np.full(5000, 7)) == SMALLEST
