import random

import pytest

from harness.records import Case, ImageRef, Prediction
from reports.picks import LEAST, MOST, pick


def item(number, gold="happy"):
    return Case(key=str(number), sample_id=f"s{number}", image=ImageRef(path=f"{number}.jpg"), gold=gold, text="?")


def said(number, label=None, status="parsed", **more):
    return Prediction(key=str(number), sample_id=f"s{number}", status=status, label=label, **more)


ITEMS = [item(n) for n in range(200)]


@pytest.fixture
def predictions():
    """A is right on even samples, B on multiples of three; five samples have other statuses."""
    a = {str(n): said(n, "happy" if n % 2 == 0 else "sad") for n in range(200)}
    b = {str(n): said(n, "happy" if n % 3 == 0 else "sad") for n in range(200)}
    for n, status in enumerate(("ambiguous", "unparsed", "refused", "truncated", "failed"), start=50):
        a[str(n)] = said(n, status=status)
    a["77"] = said(77, "sad", contradictions=(("No_Beard", "Goatee"),))
    return {"a": a, "b": b}


def test_picks_show_every_status_a_contradiction_disagreement_right_and_wrong(predictions):
    picks = pick(ITEMS, predictions)
    reasons = {reason: [p.case for p in picks if reason in p.reasons] for p in picks for reason in p.reasons}
    for status in ("ambiguous", "unparsed", "refused", "truncated", "failed"):
        assert any(predictions["a"][i.key].status == status for i in reasons[status])
    assert [i.sample_id for i in reasons["contradiction"]] == ["s77"]
    answers = {
        kind: [(predictions["a"][i.key].label, predictions["b"][i.key].label) for i in reasons[kind]]
        for kind in reasons
    }
    assert all(pair == ("happy", "happy") for pair in answers["all right"])
    assert all("happy" not in pair for pair in answers["all wrong"])
    assert all(pair.count("happy") == 1 for pair in answers["models disagree"])
    assert LEAST <= len(picks) <= MOST


def test_the_choice_does_not_depend_on_the_order_of_the_samples(predictions):
    shuffled = random.Random(1).sample(ITEMS, len(ITEMS))
    assert pick(shuffled, predictions) == pick(ITEMS, predictions)


def test_without_predictions_samples_are_drawn_by_hash():
    picks = pick(ITEMS, {"a": {}})
    assert len(picks) == LEAST
    assert {p.reasons for p in picks} == {("drawn by hash",)}
    assert [p.case.sample_id for p in picks] != [f"s{n}" for n in range(LEAST)]


def test_few_or_no_samples():
    assert len(pick(ITEMS[:3], {"a": {}})) == 3
    assert pick([], {}) == []


def test_attributes_show_the_best_and_the_worst_answered():
    items = [item(n, {"Smiling": True, "Bald": False}) for n in range(30)]
    predictions = {"a": {str(n): said(n, yes=("Smiling",) if n != 4 else ("Bald",)) for n in range(30)}}
    reasons = {p.case.sample_id: p.reasons for p in pick(items, predictions)}
    assert "answered worst" in reasons["s4"]
    assert not any({"answered best", "answered worst"} <= set(why) for why in reasons.values())
    assert not any("models disagree" in why for why in reasons.values())
