"""Runs side by side: numbers, differences, settings and warnings, recomputed from the files."""

import json
import re
import shutil

import pytest

from harness.errors import StoreError
from harness.records import METRICS
from reports import compare, load
from tests.reports.conftest import MODELS, make_run
from tests.reports.markup import parsed

EVIL = "</style><script>alert(1)</script>\u202e"


@pytest.fixture
def two(tmp_path):
    """The same samples asked twice, the second time of one model less, with other answers."""
    return [
        make_run(tmp_path / "before", samples=10, models=MODELS[:3], questions=("expw", "maad")),
        make_run(tmp_path / "after", samples=10, models=MODELS[:2], questions=("expw", "maad")),
    ]


def edit(folder, **fields):
    file = folder / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def scores(folder):
    rows = json.loads((folder / "scores.json").read_text())
    return {(row["model"], row["question"]): row["metrics"] for row in rows}


def boards(folders):
    runs = [load.read(folder) for folder in folders]
    return [compare._board(runs, question) for question in compare._questions(runs)]


def test_numbers_and_differences_are_those_of_the_scores(two):
    edit_score(two[1], "expw", 0.25)
    before, after = map(scores, two)
    for question, board in zip(("expw", "maad"), boards(two), strict=True):
        assert len(board.lines) == 3 * len(METRICS)
        for place, line in enumerate(board.lines):
            metric = METRICS[place % 4]
            old, new = before[line.model, question][metric], after.get((line.model, question), {}).get(metric)
            assert line.cells[0].text == f"{100 * old['value']:.1f}"
            if new is None:
                assert (line.cells[1].text, line.changes[0].text) == ("–", "–")
                continue
            assert float(line.changes[0].text) == pytest.approx(100 * (new["value"] - old["value"]), abs=0.0501)
            assert line.changes[0].best == (new["low"] > old["high"] or new["high"] < old["low"])


def edit_score(folder, question, value):
    rows = json.loads((folder / "scores.json").read_text())
    for row in rows:
        if row["question"] == question:
            row["metrics"]["accuracy"] = {"value": value, "low": value, "high": value}
    (folder / "scores.json").write_text(json.dumps(rows))


def test_only_what_differs_is_listed(two):
    edit(two[1], decoding={"max_new_tokens": 256, "temperature": 0.7, "stop": [], "seed": 0}, seed=1)
    found = {setting.name: setting.values for setting in compare.settings([load.read(folder) for folder in two])}
    assert found == {"decoding.temperature": ("0.0", "0.7"), "seed": ("0", "1")}


def test_other_samples_and_profiles_are_warned_of(two):
    runs = [load.read(folder) for folder in two]
    assert compare.warnings(runs) == []
    file = two[1] / "samples" / "expw.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:6]))
    edit(two[1], profile="paper")
    profiles, samples = compare.warnings([load.read(folder) for folder in two])
    assert profiles.startswith("The profiles differ (tiny, paper)")
    assert samples == "expw: the samples are not the same (10 and 6, 6 in common); scores do not compare."


def test_a_question_of_one_run_alone_is_no_warning(two):
    edit(two[1], questions=[{"name": "expw", "task": "expr", "dataset": "expw"}])
    (two[1] / "samples" / "maad.jsonl").unlink()
    assert compare.warnings([load.read(folder) for folder in two]) == []


def test_the_page_is_well_formed_and_hostile_names_are_text(two, tmp_path):
    edit(two[1], profile=EVIL, versions={EVIL: EVIL})
    text = compare.write([*two, two[0]], tmp_path / "deep" / "c.html").read_text(encoding="utf-8")
    checked = parsed(text)
    assert checked.open == []
    assert {value[1:] for tag, name, value in checked.attributes if tag == "a" and name == "href"} <= set(checked.ids)
    assert text.count("<script>") == text.count("</script>") == 2
    assert "\u202e" not in text
    assert len(re.findall(r"<th scope=\"col\" class=\"num\">Δ [BC]</th>", text)) == 4


def test_it_lies_beside_the_report_of_the_first_and_is_the_same_twice(two):
    first = compare.write(two)
    assert first == two[0] / "report" / "comparison.html"
    content = first.read_bytes()
    assert compare.write(two).read_bytes() == content


def test_a_folder_that_is_no_run_leaves_no_page(two, tmp_path):
    shutil.rmtree(two[1])
    with pytest.raises(StoreError):
        compare.write(two)
    assert not (two[0] / "report").exists()
