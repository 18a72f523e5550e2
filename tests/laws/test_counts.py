"""Law: every sample is counted once, under one status, whatever was answered."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.records import STATUSES, ImageRef, Prediction, Sample
from harness.score import score
from tasks.labels import label_space
from tasks.registry import question

LABELS = label_space("expw").labels
ANSWERS = st.tuples(st.sampled_from(LABELS), st.sampled_from(STATUSES), st.one_of(st.none(), st.sampled_from(LABELS)))


@given(st.lists(ANSWERS, max_size=25))
@settings(max_examples=60, deadline=None)
def test_counts_sum_to_n(answers):
    samples = [
        Sample(id=str(row), image=ImageRef(path=Path("x")), gold=gold) for row, (gold, _, _) in enumerate(answers)
    ]
    predictions = [
        Prediction(key="k", sample_id=str(row), status=status, label=label)
        for row, (_, status, label) in enumerate(answers)
    ]
    found = score(question("expw"), "any", samples, predictions)
    assert list(found.counts) == list(STATUSES)
    assert sum(found.counts.values()) == found.n == len(answers)
    assert found.scored == found.n - found.counts["failed"]
    if found.scored:
        right = sum(gold == label and status in ("parsed", "truncated") for gold, status, label in answers)
        assert found.metrics["accuracy"].value == right / found.scored
