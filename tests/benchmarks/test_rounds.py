"""What the shared clock promises: everything in turn, compared within a round."""

import sys

import pytest

from benchmarks.rounds import Span, differences, interleaved, process, ratios, shares, spent


def test_every_arm_has_its_turn_in_every_round_and_each_is_first_in_turn():
    order = []
    found = interleaved({name: lambda name=name: order.append(name) or len(order) for name in "abc"}, 4)
    assert "".join(order) == "abcbcacababc"
    assert found == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}


def test_without_rounds_nothing_runs():
    assert interleaved({"a": lambda: 1 / 0}, 0) == {"a": []}


def test_rounds_are_compared_with_themselves():
    slow_then_fast = [10.0, 1.0]
    assert ratios(slow_then_fast, [5.0, 0.5]) == [2.0, 2.0]
    assert differences(slow_then_fast, [8.0, 0.5]) == [2.0, 0.5]
    with pytest.raises(ValueError, match="shorter"):
        ratios(slow_then_fast, [1.0])


def test_speed_is_a_share_of_theirs_and_work_a_multiple():
    speed, work = shares([Span(2.0, 3.0)], [Span(1.0, 1.0)])
    assert (speed, work) == ([0.5], [3.0])


def test_a_call_is_made_once():
    calls = []
    assert spent(lambda: calls.append(1)).seconds >= 0
    assert calls == [1]


def test_a_process_has_its_words_its_memory_and_its_environment():
    cost = process([sys.executable, "-c", "import os, sys; print(os.environ['A']); sys.stderr.write('b')"], {"A": "a"})
    assert "a\n" in cost.output
    assert "b" in cost.output
    assert cost.seconds > 0
    assert cost.cpu > 0
    assert cost.mib > 1


def test_a_process_that_fails_says_so_in_its_own_words():
    with pytest.raises(RuntimeError, match=r"ended with 3: (?s:.*)no such luck"):
        process([sys.executable, "-c", "import sys; print('no such luck'); sys.exit(3)"])
