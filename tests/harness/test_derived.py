"""Scores and report are made anew exactly when something they came from has changed."""

import json
from pathlib import Path

import pytest

from harness import derived
from harness.derived import mark, up_to_date
from harness.store import PAGE, RunFolder
from tasks.registry import question
from tests.fakes import case


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "run")
    found.write_run(
        {"models": ["m"], "questions": [question("fairface.gender").model_dump(mode="json")], "command": "a"}
    )
    found.write_cases("fairface.gender", [case(0), case(1)])
    (found.path / "responses/m").mkdir(parents=True)
    (found.path / "responses/m/fairface.gender.jsonl").write_text("{}\n")
    found.write_scores([])
    (found.path / PAGE).parent.mkdir()
    (found.path / PAGE).write_text("page")
    assert not up_to_date(found)
    mark(found)
    assert up_to_date(found)
    return found


def test_the_same_again_is_up_to_date(folder):
    folder.write_cases("fairface.gender", [case(0), case(1)])
    folder.write_run(folder.run() | {"command": "another", "started": "later"})
    assert up_to_date(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.write_cases("fairface.gender", [case(0), case(1, gold="Male")]),
        lambda run: run.write_cases("expw", [case(2)]),
        lambda run: run.write_run(run.run() | {"models": ["m", "n"]}),
        lambda run: (run.path / "responses/m/fairface.gender.jsonl").open("a").write("{}\n"),
        lambda run: (run.path / PAGE).unlink(),
        lambda run: (run.path / "scores.json").unlink(),
        lambda run: (run.path / derived.FILE).write_text("{"),
        lambda run: (run.path / derived.FILE).unlink(),
    ],
)
def test_any_change_makes_them_stale(folder, change):
    change(folder)
    assert not up_to_date(folder)


def test_other_code_makes_them_stale(folder, tmp_path, monkeypatch):
    (tmp_path / "other.py").write_text("x = 1\n")
    code = list(derived._code())
    assert {"tasks", "reports", "prompts", "harness"} <= {part for file in code for part in file.parts}
    monkeypatch.setattr(derived, "_code", lambda: iter([*code, tmp_path / "other.py"]))
    assert not up_to_date(folder)


def test_the_state_is_one_line_of_json(folder):
    assert set(json.loads((folder.path / derived.FILE).read_text())) == {"state"}
