from hypothesis import given
from hypothesis import strategies as st

from harness.records import Mention, Prediction
from reports import marks, style

GOLD = {"Smiling": True, "Bald": False}


def say(text, phrase, label, value=True):
    start = text.index(phrase)
    return Mention(start=start, end=start + len(phrase), label=label, value=value)


def test_one_label_is_right_where_it_is_the_gold_label():
    text = "Not happy but sad."
    found = [say(text, "sad", "sad"), say(text, "Not happy", "happy", False)]
    assert [marks.verdict(m, "sad") for m in found] == ["right", "right"]
    assert [marks.verdict(m, "happy") for m in found] == ["wrong", "wrong"]


def test_attributes_are_right_wrong_or_not_annotated():
    text = "smiling, bald, young"
    found = [say(text, "smiling", "Smiling"), say(text, "bald", "Bald"), say(text, "young", "Young")]
    pieces = marks.pieces(text, found, GOLD)
    assert [(p.text, p.verdict, p.sign) for p in pieces if p.verdict] == [
        ("smiling", "right", "✓"),
        ("bald", "wrong", "✗"),
        ("young", "undefined", "?"),
    ]
    assert marks.tally(found, GOLD) == {"right": 1, "wrong": 1, "undefined": 1}


def test_where_phrases_overlap_the_wrong_one_shows():
    text = "a smiling bald man"
    found = [say(text, "a smiling bald", "Smiling"), say(text, "bald man", "Bald")]
    pieces = [(p.text, p.verdict) for p in marks.pieces(text, found, GOLD)]
    assert pieces == [("a smiling ", "right"), ("bald", "wrong"), (" man", "wrong")]


spans = st.builds(
    lambda start, length, label, value: Mention(start=start, end=start + length, label=label, value=value),
    st.integers(-5, 60),
    st.integers(-5, 30),
    st.sampled_from(["Smiling", "Bald", "Young"]),
    st.booleans(),
)


@given(st.text(max_size=50), st.lists(spans, max_size=6))
def test_pieces_join_to_the_answer_and_each_character_has_the_worst_verdict_on_it(text, found):
    pieces = marks.pieces(text, found, GOLD)
    assert "".join(piece.text for piece in pieces) == style.visible(text)
    flat = [piece.verdict for piece in pieces for _ in range(len(piece.text))]
    if style.visible(text) == text:
        assert flat == [worst(place, found) for place in range(len(text))]


def worst(place, found):
    on = {
        "undefined" if m.label not in GOLD else "right" if GOLD[m.label] is m.value else "wrong"
        for m in found
        if m.start >= 0 and m.start <= place < m.end
    }
    return next((kind for kind in ("wrong", "right", "undefined") if kind in on), None)


def test_missed_is_what_is_there_and_was_not_affirmed():
    prediction = Prediction(key="k", sample_id="s", status="parsed", yes=("Bald",))
    assert marks.missed(prediction, {"Smiling": True, "Bald": True, "Young": False}) == ("Smiling",)
    assert marks.missed(prediction, "happy") == ()


def test_quality():
    one = Prediction(key="k", sample_id="s", status="parsed", label="sad")
    assert (marks.quality(one, "sad"), marks.quality(one, "happy")) == (1.0, 0.0)
    many = Prediction(key="k", sample_id="s", status="parsed", yes=("Smiling", "Bald", "Young"))
    assert marks.quality(many, GOLD) == 2 / 3  # precision 1/2, recall 1; Young is not annotated
    assert marks.quality(Prediction(key="k", sample_id="s", status="failed"), "sad") is None
    assert marks.quality(None, "sad") is None
