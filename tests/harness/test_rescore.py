"""From stored responses to scores.json, with evidence for one model of two."""

from pathlib import Path

import pytest

from harness.records import Prediction, Response
from harness.rescore import rescore
from harness.store import RunFolder
from tasks.registry import question
from tests.fakes import case

GOLDS = ("Male", "Female", "Male", "Female")
BELIEFS = (0.9, 0.8, 0.7, None)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    cases = [case(number, gold) for number, gold in enumerate(GOLDS)]
    found.write_run({"models": ["sure", "mute"], "questions": [question("fairface.gender").model_dump(mode="json")]})
    found.write_cases("fairface.gender", cases)
    found.append_responses("sure", "fairface.gender", list(map(answer, cases, BELIEFS)))
    found.append_responses("mute", "fairface.gender", list(map(answer, cases)))
    return found


def answer(asked, belief=None):
    scores = None if belief is None else {"Male": belief, "Female": 1 - belief}
    return Response(key=asked.key, sample_id=asked.sample_id, text="Male", finish="stop", label_scores=scores)


def test_evidence_goes_from_the_responses_to_predictions_and_scores(folder: RunFolder):
    sure, mute = rescore(folder)
    assert (sure.ranked, mute.ranked, mute.mean_average_precision) == (3, 0, None)
    assert sure.average_precision == pytest.approx({"Male": (1 + 2 / 3) / 2, "Female": 1 / 2})
    lines = (folder.path / "predictions" / "sure" / "fairface.gender.jsonl").read_text().splitlines()
    kept = [Prediction.model_validate_json(line).label_scores for line in lines]
    assert [scores and scores["Male"] for scores in kept] == list(BELIEFS)


def test_several_processes_find_what_one_does(folder: RunFolder):
    alone = rescore(folder, jobs=1)
    predictions = {file: file.read_bytes() for file in (folder.path / "predictions").rglob("*.jsonl")}
    assert rescore(folder, jobs=2) == alone == folder.read_scores()
    assert {file: file.read_bytes() for file in (folder.path / "predictions").rglob("*.jsonl")} == predictions
