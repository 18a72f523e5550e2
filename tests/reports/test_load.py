import json

import pytest

from harness.errors import StoreError
from harness.records import Response
from harness.store import quoted
from reports import load


def test_a_folder_that_is_no_run_is_refused_with_the_cure(tmp_path):
    with pytest.raises(StoreError, match="harness run"):
        load.read(tmp_path)
    (tmp_path / "run.json").write_text('{"models": ["a"]}')
    with pytest.raises(StoreError, match=r"run\.json is not the record of a run"):
        load.read(tmp_path)


def test_only_models_and_questions_are_needed_and_unknown_fields_are_allowed(tmp_path):
    about = {"models": ["a", {"name": "hf:b/c", "weights": "x"}], "questions": [{"name": "expw"}], "later": 1}
    (tmp_path / "run.json").write_text(json.dumps(about))
    run = load.read(tmp_path)
    assert run.models == ("a", "hf:b/c")
    assert run.cases("expw") == []
    assert run.predictions("a", "expw") == {}
    assert "no scores yet" in run.notices[0]


def test_lines_that_cannot_be_read_are_left_out_and_said(small_run):
    path = small_run / "responses" / "qwen2.5-vl-7b" / "expw.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    run = load.read(small_run)
    assert len(run.responses("qwen2.5-vl-7b", "expw", ()).keys) == 7
    assert run.notices == [
        "responses/qwen2.5-vl-7b/expw.jsonl: 1 line(s) cannot be read and are left out, perhaps cut off by a kill."
    ]


def test_one_broken_score_does_not_hide_the_others(small_run):
    path = small_run / "scores.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([{"model": "x"}, *rows[1:]]))
    run = load.read(small_run)
    assert len(run.scores) == len(rows) - 1
    assert "1 score(s)" in run.notices[0]
    path.write_text("[{")
    assert "cannot be read" in load.read(small_run).notices[0]


def test_the_last_answer_to_a_key_counts():
    answers = load.Answers()
    answers.add(Response(key="k", sample_id="s", finish="failed", error="out of memory"), {"k"})
    assert list(answers.failed) == ["k"]
    answers.add(Response(key="k", sample_id="s", finish="stop", text="happy"), {"k"})
    assert answers.failed == {}
    assert answers.kept["k"].text == "happy"


def test_names_cannot_leave_the_folder():
    assert quoted("../../etc") == "..%2F..%2Fetc"
    assert quoted("fairface.age") == "fairface.age"
