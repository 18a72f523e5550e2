"""The main job with a real network: what it scores is what scikit-learn scores from the stored answers."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.main_job import Options, main_job
from harness.records import Decoding
from harness.store import RunFolder

MODEL = "llava-onevision-7b-si"
QUESTIONS = ("raf-db", "utkface.gender")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    from tasks.toy import write_toy

    base = tmp_path_factory.mktemp("job")
    write_toy(base / "data", test=12, train=0, seed=11)
    options = Options(models=(MODEL,), tasks=QUESTIONS, data=base / "data", out=base / "run")
    assert main_job(options, Console(file=io.StringIO())).complete
    return RunFolder.existing(base / "run")


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_are_scikit_learns(folder: RunFolder, question: str):
    (score,) = (row for row in json.loads((folder.path / "scores.json").read_text()) if row["question"] == question)
    rows = (folder.path / "predictions" / MODEL / f"{question}.jsonl").read_text().splitlines()
    said = {row["sample_id"]: row.get("label", "none") for row in map(json.loads, rows)}
    cases = folder.read_cases(question)
    gold = [case.gold for case in cases]
    answers = [said[case.sample_id] for case in cases]
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, answers, labels=sorted(set(gold)), average="macro", zero_division=0
    )
    expected = {"accuracy": accuracy_score(gold, answers), "precision": precision, "recall": recall, "f1": f1}
    assert {name: row["value"] for name, row in score["metrics"].items()} == pytest.approx(expected)


def test_the_network_was_really_asked(folder: RunFolder):
    case = folder.read_cases("raf-db")[0]
    stored = folder.read_responses(MODEL, "raf-db")[case.key]
    engine = open_engine(spec(MODEL), EngineOptions(batch_size=1))
    [[alone]] = engine.generate([case.request("fairface.gender")], Decoding(max_new_tokens=128))
    assert alone.text == stored.text
    assert stored.new_tokens is not None
    assert stored.new_tokens > 1


def test_the_run_says_what_was_loaded(folder: RunFolder):
    run = folder.read_run()
    assert run is not None
    assert run["profile"] == "tiny"
    assert run["engines"][MODEL]["parameters"] > 500_000
    assert Path(run["engines"][MODEL]["source"]).name == MODEL
    assert run["versions"]["transformers"].startswith("5.")
    assert run["prompts"]["raf-db"]["template"] == "expr/expression"


def test_the_report_is_there(folder: RunFolder):
    page = (folder.path / "report" / "index.html").read_text()
    assert "TINY PROFILE" in page.upper()
    assert MODEL in page
