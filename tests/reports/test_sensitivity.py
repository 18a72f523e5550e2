"""Prompt sensitivity: kappa is scikit-learn's, differences are paired, and what failed under one wording is in none."""

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, cohen_kappa_score

from harness.records import Estimate, Prediction
from harness.store import quoted
from reports import page, sensitivity, sensitivity_rows
from reports.load import Run, read
from tests.reports.conftest import MODELS, make_run, question

MODEL, OTHER = MODELS[:2]
SAMPLES = 40


def ask_in_other_words(folder: Path, plain: str, variant: str, change) -> None:
    """Give a run a variant of a question, each prediction changed by a function of its place and itself."""
    name = f"{plain}+{variant}"
    shutil.copy(folder / "samples" / f"{plain}.jsonl", folder / "samples" / f"{quoted(name)}.jsonl")
    for kind in ("responses", "predictions"):
        for model in MODELS[:2]:
            file = folder / kind / quoted(model) / f"{plain}.jsonl"
            lines = file.read_text().splitlines()
            if kind == "predictions":
                rows = [change(place, Prediction.model_validate_json(line)) for place, line in enumerate(lines)]
                lines = [row.model_dump_json() for row in rows]
            file.with_name(f"{quoted(name)}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    run = json.loads((folder / "run.json").read_text())
    run["questions"].append(question(plain) | {"name": name, "variant": variant, "prompt": f"x.{variant}"})
    run["prompts"][name] = {"text": f"In {variant} words?"}
    (folder / "run.json").write_text(json.dumps(run))


def flip(place: int, said: Prediction) -> Prediction:
    """A sixth of the labels turns into "happy", and one more answer fails."""
    if place == 8:
        return said.model_copy(update={"status": "failed", "label": None})
    changed = said.status == "parsed" and said.label is not None and place % 6 == 0
    return said.model_copy(update={"label": "happy"}) if changed else said


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = make_run(
        tmp_path_factory.mktemp("wordings") / "run", SAMPLES, models=MODELS[:2], questions=("celeba", "expw", "raf-db")
    )
    ask_in_other_words(folder, "expw", "terse", flip)
    ask_in_other_words(folder, "expw", "same", lambda _, said: said)
    ask_in_other_words(folder, "celeba", "terse", lambda _, said: said.model_copy(update={"yes": said.yes[1:]}))
    return read(folder)


def measured(run: Run, plain: str, *variants: str) -> sensitivity.Sensitivity:
    found = sensitivity.measure(run, MODEL, [one for one in run.wordings()[plain] if one.variant in variants])
    assert found is not None
    return found


def said(run: Run, name: str) -> dict[str, tuple[str, str]]:
    """Sample -> gold and answer, of what did not fail; read without the code under test."""
    rows = [json.loads(line) for line in (run.folder / "samples" / f"{quoted(name)}.jsonl").read_text().splitlines()]
    file = run.folder / "predictions" / quoted(MODEL) / f"{quoted(name)}.jsonl"
    predictions = {row["key"]: row for row in map(json.loads, file.read_text().splitlines())}
    pairs = {row["sample_id"]: (row["gold"], predictions[row["key"]]) for row in rows}
    answered = ("parsed", "truncated")
    return {
        name: (gold, (one["label"] if one["status"] in answered else None) or "none")
        for name, (gold, one) in pairs.items()
        if one["status"] != "failed"
    }


def test_a_run_knows_its_wordings(run: Run):
    assert {name: [one.variant for one in group] for name, group in run.wordings().items()} == {
        "celeba": ["paper", "terse"],
        "expw": ["paper", "terse", "same"],
        "raf-db": ["paper"],
    }
    assert [one.name for one in run.main_questions()] == ["celeba", "expw", "raf-db"]
    assert len(run.questions()) == 6


def test_scores_are_those_of_the_samples_that_are_scored_under_all(run: Run):
    found = measured(run, "expw", "paper", "terse")
    rows = {variant: said(run, name) for variant, name in (("paper", "expw"), ("terse", "expw+terse"))}
    common = rows["paper"].keys() & rows["terse"].keys()
    assert found.n == len(common) == SAMPLES - 2
    for variant, answers in rows.items():
        gold, labels = zip(*(answers[name] for name in common), strict=True)
        assert found.accuracy[variant].value == pytest.approx(accuracy_score(gold, labels))
    changed = np.mean([rows["paper"][name][1] != rows["terse"][name][1] for name in common])
    assert found.changed == pytest.approx(changed)
    assert found.changed > 0
    labels = [[answers[name][1] for name in common] for answers in rows.values()]
    assert found.kappa == pytest.approx(cohen_kappa_score(*labels))


def test_the_interval_of_the_spread_is_that_of_a_paired_bootstrap(run: Run):
    found = measured(run, "expw", "paper", "terse")
    rows = [said(run, name) for name in ("expw", "expw+terse")]
    common = sorted(rows[0].keys() & rows[1].keys())
    right = [np.array([answers[name][0] == answers[name][1] for name in common]) for answers in rows]
    right.sort(key=np.mean)
    oracle = bootstrap(
        (right[1], right[0]), lambda a, b, axis: np.mean(a, axis) - np.mean(b, axis), paired=True,
        method="percentile", n_resamples=5000, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert found.spread.value == pytest.approx(right[1].mean() - right[0].mean())
    assert found.spread.low == pytest.approx(oracle.confidence_interval.low, abs=0.03)
    assert found.spread.high == pytest.approx(oracle.confidence_interval.high, abs=0.03)
    unpaired = bootstrap(
        (right[1], right[0]), lambda a, b, axis: np.mean(a, axis) - np.mean(b, axis), method="percentile",
        n_resamples=2000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found.spread.high - found.spread.low < 0.8 * (unpaired.high - unpaired.low)


def test_the_same_answers_have_no_spread(run: Run):
    found = measured(run, "expw", "paper", "same")
    assert found.spread == found.f1_spread == found.against_first["same"] == Estimate(value=0, low=0, high=0)
    assert (found.changed, found.kappa) == (0, 1)


def test_one_wording_is_compared_with_nothing(run: Run):
    assert sensitivity.measure(run, MODEL, run.wordings()["raf-db"]) is None


def test_of_attributes_each_cell_is_an_answer(run: Run):
    found = measured(run, "celeba", "paper", "terse")
    assert found.units == "cells"
    assert 0 < found.changed < 0.2
    assert found.kappa is not None
    assert 0.5 < found.kappa < 1


@given(st.lists(st.tuples(*[st.integers(-1, 3)] * 3), min_size=1, max_size=30))
def test_kappa_is_scikit_learns(rows):
    codes = np.array(rows, dtype=np.int64).T
    with np.errstate(invalid="ignore"):
        pairs = [
            cohen_kappa_score(one, other)
            for one, other in combinations(codes, 2)
            if len({*one.tolist(), *other.tolist()}) > 1
        ]
    found = sensitivity.mean_kappa(codes)
    assert (found is None) == (not pairs)
    if found is not None:
        assert found == pytest.approx(np.mean(pairs))


def test_a_label_space_that_is_gone_is_a_notice(run: Run):
    other = [one.model_copy(update={"space": "gone"}) for one in run.wordings()["expw"]]
    assert sensitivity.measure(run, MODEL, other) is None
    assert "label space 'gone'" in run.notices.pop()


def test_the_page_shows_wordings_apart_from_the_main_results(run: Run):
    text = page.render(run)
    overview = text[text.index('id="overview"') : text.index("</section>", text.index('id="overview"'))]
    assert overview.count('<th scope="col" class="num') == 3
    shown = text[text.index('<section id="sensitivity"') :]
    assert text.index("ExpW · terse") > text.index('<section id="sensitivity"')
    assert "In terse words?" in shown
    assert "RAF-DB under" not in shown
    assert page.render(read(run.folder)) == text


def test_a_model_that_answered_one_wording_is_named(run: Run, tmp_path: Path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    for name in ("expw+terse", "expw+same"):
        (folder / "predictions" / quoted(OTHER) / f"{quoted(name)}.jsonl").unlink()
    found = read(folder)
    block = sensitivity_rows.blocks(found)[1]
    assert ([line.name for line in block.lines], block.missing) == ([MODEL], (OTHER,))
    assert "no answers under two wordings yet" in page.render(found)


def test_a_run_in_one_wording_has_no_such_section(tmp_path: Path):
    folder = make_run(tmp_path / "run", 8, models=MODELS[:1], questions=("expw",))
    assert 'id="sensitivity"' not in page.render(read(folder))


def test_a_run_without_the_papers_words_shows_those_it_has(run: Run, tmp_path: Path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    about["questions"] = [one for one in about["questions"] if one.get("variant") == "terse"]
    (folder / "run.json").write_text(json.dumps(about))
    assert [one.name for one in read(folder).main_questions()] == ["expw+terse", "celeba+terse"]
    assert "ExpW · terse" in page.render(read(folder))


def test_a_dot_for_each_wording(run: Run):
    block = sensitivity_rows.blocks(run)[1]
    figure = sensitivity_rows.dots(block, run.models, "ExpW")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["paper", "terse", "same"]
    line = axes.containers[run.models.index(MODEL)].lines[0]
    drawn = [value / 100 for value in line.get_ydata()]
    assert drawn == pytest.approx([one.value for one in block.found[MODEL].accuracy.values()])
    words = sensitivity_rows.dots_in_words(block, "ExpW")
    assert all(f"{100 * value:.1f}" in words for value in drawn)
