from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import f1_score

from harness.errors import DataError, StoreError
from harness.records import METRICS, ImageRef, Prediction, Response, Sample
from harness.score import is_answered, predict, score
from tasks.labels import label_space
from tasks.registry import question

GENDER, CELEBA = question("fairface.gender"), question("celeba")
NAMES = label_space("celeba").labels


def sample(number, gold):
    return Sample(id=str(number), image=ImageRef(path=Path("x.jpg")), gold=gold)


def said(number, label=None, status="parsed", **more):
    return Prediction(key="k", sample_id=str(number), status=status, label=label, **more)


def genders(*pairs):
    """Score pairs of a gold label and a prediction's label or status."""
    samples = [sample(number, gold) for number, (gold, _) in enumerate(pairs)]
    predictions = [
        said(number, answer) if answer in ("Male", "Female") else said(number, status=answer)
        for number, (_, answer) in enumerate(pairs)
    ]
    return score(GENDER, "echo", samples, predictions[::-1])


def attributes(*rows):
    """Score pairs of gold and prediction over all 40 attributes, of which gold names the positive ones."""
    samples = [sample(number, {name: name in gold for name in NAMES}) for number, (gold, _) in enumerate(rows)]
    return score(CELEBA, "echo", samples, [said(number, **answer) for number, (_, answer) in enumerate(rows)])


def values(found):
    return {name: estimate.value for name, estimate in found.metrics.items()}


def test_one_label():
    found = genders(("Male", "Male"), ("Male", "Female"), ("Female", "Female"), ("Male", "Male"))
    assert (found.n, found.scored, found.counts["parsed"]) == (4, 4, 4)
    assert values(found)["accuracy"] == 0.75
    assert values(found)["f1"] == pytest.approx(f1_score([0, 0, 1, 0], [0, 1, 1, 0], average="macro"))
    assert found.baseline_name == "majority label (Male)"
    assert found.baseline["accuracy"] == 0.75
    assert (found.coverage, found.contradiction_rate, found.gold_contradiction_rate) == (None, None, None)


@pytest.mark.parametrize("status", ["ambiguous", "unparsed", "refused", "truncated"])
def test_what_is_not_answered_is_wrong(status):
    found = genders(("Male", "Male"), ("Female", status))
    assert (found.n, found.scored, found.counts[status]) == (2, 2, 1)
    assert values(found)["accuracy"] == 0.5
    assert found.answered["accuracy"] == 1


def test_what_failed_is_not_scored():
    found = genders(("Male", "Male"), ("Female", "failed"), ("Female", "failed"))
    assert (found.n, found.scored, found.counts["failed"]) == (3, 1, 2)
    assert values(found) == dict.fromkeys(METRICS, 1.0)
    assert found.baseline["accuracy"] == 1, "the baseline answers the same samples"


def test_nothing_scored_invents_no_number():
    found = genders(("Male", "failed"))
    assert (found.metrics, found.answered, found.baseline) == ({}, {}, {})
    found = genders(("Male", "refused"))
    assert values(found)["accuracy"] == 0
    assert found.answered == {}


def test_a_label_counts_only_where_the_status_says_so():
    space = label_space("fairface.gender")
    assert is_answered(said(1, "Male", status="truncated"), space)
    assert not is_answered(said(1, "Male", status="ambiguous"), space)
    assert not is_answered(said(1, status="parsed"), space)


def test_attributes():
    found = attributes(
        ({"Smiling", "Male"}, {"yes": ("Smiling",), "no": ("Bald",)}),
        ({"Young"}, {"yes": ("Young", "Bangs"), "status": "truncated"}),
    )
    assert values(found)["accuracy"] == pytest.approx(78 / 80)
    assert values(found)["precision"] == pytest.approx((1 + 1 / 2) / 2)
    assert values(found)["recall"] == pytest.approx((1 / 2 + 1) / 2)
    assert values(found)["f1"] == pytest.approx(2 / 3)
    assert (found.coverage, found.baseline_name) == (1, "all negative")
    assert found.baseline == {"accuracy": pytest.approx(77 / 80), "precision": 0, "recall": 0, "f1": 0}


@pytest.mark.parametrize("answer", [{"status": "refused"}, {"status": "parsed"}, {"status": "unparsed", "yes": NAMES}])
def test_an_image_without_answer_has_all_cells_wrong(answer):
    found = attributes(({"Smiling"}, {"yes": ("Smiling",)}), ({"Smiling"}, answer))
    assert values(found) == dict.fromkeys(METRICS, 0.5)
    assert found.answered == dict.fromkeys(METRICS, 1.0)


def test_undefined_cells_are_not_scored():
    samples = [sample(0, {"Smiling": True, "Male": False})]
    found = score(CELEBA, "echo", samples, [said(0, yes=("Smiling", "Bald"))])
    assert values(found) == dict.fromkeys(METRICS, 1.0)
    assert found.coverage == pytest.approx(2 / 40)


def test_contradictions_of_model_and_gold():
    rows = [
        ({"Bald", "Bangs"}, {"yes": ("Bald",)}),
        ({"Bald"}, {"yes": ("No_Beard", "Goatee"), "contradictions": (("No_Beard", "Goatee"),)}),
        ({"Bald"}, {"yes": ("Bald",)}),
        ({"Bald"}, {"status": "refused"}),
    ]
    found = attributes(*rows)
    assert found.gold_contradiction_rate == 1 / 4
    assert found.contradiction_rate == pytest.approx(1 / 3), "of the answered replies"


def test_samples_and_predictions_must_match():
    samples = [sample(0, "Male"), sample(1, "Male")]
    with pytest.raises(StoreError, match=r"2 samples and 1 predictions.*'1'"):
        score(GENDER, "echo", samples, [said(0, "Male")])
    with pytest.raises(StoreError, match="twice"):
        score(GENDER, "echo", samples, [said(0, "Male"), said(0, "Male")])


@pytest.mark.parametrize(("asked", "gold"), [(GENDER, "Man"), (CELEBA, {"Beard": True}), (CELEBA, "Male")])
def test_gold_outside_the_space_is_an_error(asked, gold):
    with pytest.raises(DataError, match=r"sample 0: gold '(Man|Beard|Male)'"):
        score(asked, "echo", [sample(0, gold)], [said(0)])


def test_a_failed_response_is_never_parsed():
    response = Response(key="k", sample_id="7", text="Male", finish="failed", error="out of memory")
    assert predict(response, label_space("fairface.gender")) == said(7, status="failed")


def test_a_reply_is_parsed():
    found = predict(Response(key="k", sample_id="7", text="Female", finish="stop"), label_space("fairface.gender"))
    assert (found.key, found.sample_id, found.status, found.label) == ("k", "7", "parsed", "Female")


def test_gold_against_gold_scores_one_on_every_space():
    rng = np.random.default_rng(0)
    labels = label_space("fairface.race").labels
    golds = [labels[number] for number in rng.integers(0, len(labels), 30)]
    samples = [sample(number, gold) for number, gold in enumerate(golds)]
    found = score(question("fairface.race"), "echo", samples, [said(n, gold) for n, gold in enumerate(golds)])
    assert values(found) == dict.fromkeys(METRICS, 1.0)
    assert {(estimate.low, estimate.high) for estimate in found.metrics.values()} == {(1.0, 1.0)}


def believed(number, label="Male", status="parsed", **evidence):
    return said(number, label, status=status, label_scores=evidence or None)


def test_evidence_is_ranked_beside_the_words():
    """Precision 1/1 and 2/3 for Male, 1/2 for Female: the words are all wrong, and refusals carry evidence too."""
    samples = [sample(0, "Male"), sample(1, "Female"), sample(2, "Male")]
    found = score(
        GENDER,
        "echo",
        samples,
        [
            believed(0, "Female", Male=0.9, Female=0.6),
            believed(1, "Male", Male=0.8, Female=0.2),
            believed(2, None, "refused", Male=0.3, Female=0.1),
        ],
    )
    assert values(found)["accuracy"] == 0
    assert (found.ranked, found.scored) == (3, 3)
    assert found.average_precision == pytest.approx({"Male": 5 / 6, "Female": 1 / 2})
    assert found.base_rates == pytest.approx({"Male": 2 / 3, "Female": 1 / 3})
    assert found.mean_average_precision.value == pytest.approx(2 / 3)
    assert found.mean_base_rate == pytest.approx(1 / 2)


def test_without_evidence_there_is_no_ranking():
    found = genders(("Male", "Male"), ("Female", "Male"))
    assert (found.ranked, found.mean_average_precision, found.mean_base_rate) == (0, None, None)
    assert (found.average_precision, found.base_rates) == ({}, {})


def test_only_samples_with_evidence_are_ranked_and_they_are_counted():
    samples = [sample(number, gold) for number, gold in enumerate(["Male", "Female", "Male", "Female"])]
    told = [believed(0, Male=0.9, Female=0.1), believed(1, Male=0.4, Female=0.6)]
    found = score(GENDER, "echo", samples, [*told, believed(2), said(3, status="failed")])
    assert (found.n, found.scored, found.ranked) == (4, 3, 2)
    alone = score(GENDER, "echo", samples[:2], told)
    assert found.mean_average_precision == alone.mean_average_precision
    assert found.average_precision == alone.average_precision == {"Male": 1, "Female": 1}


def test_a_label_is_ranked_where_it_has_evidence_and_is_annotated():
    golds = [{"Smiling": True, "Male": True}, {"Smiling": False}, {"Smiling": False, "Male": False}]
    scores = [{"Smiling": 0.5, "Male": 0.5}, {"Smiling": 0.7, "Male": 0.9}, {"Smiling": 0.1, "Male": 0.4}]
    predictions = [said(number, label_scores=evidence) for number, evidence in enumerate(scores)]
    found = score(CELEBA, "echo", [sample(number, gold) for number, gold in enumerate(golds)], predictions)
    assert found.average_precision == {"Smiling": 0.5, "Male": 1}, "the undefined cell would be a false alarm"
    assert found.ranked == 3
    scores[1] = {"Male": 0.9}
    partly = [said(number, label_scores=evidence) for number, evidence in enumerate(scores)]
    found = score(CELEBA, "echo", [sample(number, gold) for number, gold in enumerate(golds)], partly)
    assert found.average_precision == {"Smiling": 1, "Male": 1}
    assert found.base_rates == {"Smiling": 0.5, "Male": 0.5}


def test_evidence_that_cannot_rank_is_counted_and_gives_no_number():
    found = score(GENDER, "echo", [sample(0, "Male")], [believed(0, Male=0.9)])
    assert (found.ranked, found.mean_average_precision, found.mean_base_rate) == (1, None, None)


def test_evidence_for_an_unknown_label_is_an_error():
    with pytest.raises(StoreError, match=r"echo on fairface.gender: sample 0 has evidence for 'Man'.*Male, Female"):
        score(GENDER, "echo", [sample(0, "Male")], [believed(0, Man=0.9)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01])
def test_evidence_out_of_bounds_is_no_response(value):
    with pytest.raises(ValidationError, match=r"sample 7: the evidence for 'Male' is .*must be in \[0, 1\]"):
        Response(key="k", sample_id="7", text="Male", finish="stop", label_scores={"Female": 1, "Male": value})


def test_a_prediction_carries_the_evidence_of_what_did_not_fail():
    space, scores = label_space("fairface.gender"), {"Male": 0.9, "Female": 0.0}
    response = Response(key="k", sample_id="7", text="Hm.", finish="stop", label_scores=scores)
    assert predict(response, space).label_scores == scores
    assert predict(response.model_copy(update={"finish": "failed"}), space).label_scores is None


# --- options


def chose(question, scores, mass=0.9):
    response = Response(
        key="k", sample_id="7", text="B", finish="stop", label_scores=scores, option_mass=mass, new_tokens=1
    )
    return predict(response, label_space(question.space))


@given(st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_what_was_chosen_among_options_is_read_from_the_evidence(values):
    found = chose(CELEBA, dict(zip(NAMES, values, strict=True)))
    assert found.status == "parsed"
    assert found.yes == tuple(name for name, value in zip(NAMES, values, strict=True) if value > 0.5)
    assert sorted(found.yes + found.no) == sorted(NAMES)
    assert all(set(pair) <= set(found.yes) for pair in found.contradictions)
    assert bool(found.contradictions) == any(
        first in found.yes and second in found.yes for first, second in label_space("celeba").exclusive
    )


def test_the_likeliest_label_is_the_answer_whatever_letter_stands_in_the_text():
    assert chose(GENDER, {"Male": 0.2, "Female": 0.8}).label == "Female"
    assert chose(GENDER, {"Male": 0.5, "Female": 0.5}).label == "Male"  # the first, always


def test_evidence_beside_free_text_is_not_read_instead_of_it():
    response = Response(key="k", sample_id="7", text="Male", finish="stop", label_scores={"Male": 0.1, "Female": 0.9})
    assert predict(response, label_space("fairface.gender")).label == "Male"


def test_the_mass_of_the_options_is_the_mean_over_what_did_not_fail():
    samples = [sample(number, "Male") for number in range(3)]
    masses = {0: 0.2, 1: 0.6}
    rows = [said(number, "Male", label_scores={"Male": 1.0}, option_mass=mass) for number, mass in masses.items()]
    assert score(GENDER, "m", samples, [*rows, said(2, status="failed")]).option_mass == pytest.approx(0.4)
    assert score(GENDER, "m", samples[:1], [said(0, "Male")]).option_mass is None


@pytest.mark.parametrize("mass", [-0.1, 1.1, float("nan")])
def test_a_mass_out_of_bounds_is_no_response(mass):
    with pytest.raises(ValidationError, match="option_mass"):
        Response(key="k", sample_id="7", text="Male", finish="stop", option_mass=mass)


def test_evidence_is_looked_at_for_calibration_and_nothing_stands_in_for_it():
    """Two of three samples have evidence; the likeliest label decides, whatever the text says."""
    samples = [sample(number, gold) for number, gold in enumerate(("Male", "Male", "Female"))]
    predictions = [
        said(0, "Female", label_scores={"Male": 0.75, "Female": 0.25}),
        said(1, "Male", label_scores={"Male": 0.25, "Female": 0.75}),
        said(2, "Female"),
    ]
    found = score(GENDER, "echo", samples, predictions).calibration
    assert (found.decisions, [(one.count, one.evidence, one.rate) for one in found.bins]) == (2, [(2, 0.75, 0.5)])
    assert (found.expected_error, found.brier) == (0.25, pytest.approx((0.25**2 + 0.75**2) / 2))
    assert score(GENDER, "echo", samples[2:], predictions[2:]).calibration is None
