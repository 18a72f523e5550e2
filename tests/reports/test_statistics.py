import json
import re
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from harness.store import quoted
from reports import calibration, confusion, cost, gallery, groups, load, page, pairs, rules, statistics, style
from tasks.calibration import calibrate
from tests.reports.conftest import MODELS, SCRIPT, make_run
from tests.reports.markup import parsed

QUESTIONS = ("celeba", "fairface.race", "expw")
RACE = "fairface.race"
HOSTILE = f"{SCRIPT}&"


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(path, change):
    found = rows(path)
    for number, row in enumerate(found):
        change(number, row)
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 faces by two columns, one hostile; the first model has calibrated evidence and all answers have a cost."""
    folder = make_run(tmp_path_factory.mktemp("beyond") / "run", samples=40, questions=QUESTIONS)
    rewrite(
        folder / "samples" / f"{RACE}.jsonl",
        lambda i, row: row.update(group={"gender": "FM"[i % 2], "colour": HOSTILE if i % 8 == 5 else "plain"}),
    )
    for path in (folder / "responses").rglob("*.jsonl"):
        rewrite(path, lambda i, row: row.update(seconds=0.1 * (i + 1), prompt_tokens=100, new_tokens=i))
    scores = json.loads((folder / "scores.json").read_text())
    rng = np.random.default_rng(0)
    for score in scores:
        if score["model"] == MODELS[0]:
            evidence = rng.random(200)
            score["calibration"] = calibrate(evidence, rng.random(200) < evidence).model_dump()
    (folder / "scores.json").write_text(json.dumps(scores))
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return load.read(folder)


@pytest.fixture(scope="module")
def found(run):
    questions = {question.name: question for question in run.questions()}
    return {name: statistics.findings(run, questions[name]) for name in QUESTIONS}


@pytest.fixture(scope="module")
def html(run):
    return page.render(run)


def right(folder, model):
    """Sample id -> whether the label is right, of the answers that did not fail; from the files."""
    gold = {row["sample_id"]: row["gold"] for row in rows(folder / "samples" / f"{RACE}.jsonl")}
    said = rows(folder / "predictions" / quoted(model) / f"{RACE}.jsonl")
    return {x["sample_id"]: x.get("label") == gold[x["sample_id"]] for x in said if x["status"] != "failed"}


def test_pairs_are_those_of_the_files(folder, found):
    table = pairs.table(found[RACE])
    assert len(table.rows) == 6
    answers = {model: right(folder, model) for model in MODELS}
    p_values = {}
    for row in table.rows:
        one, two = answers[row.first], answers[row.second]
        ahead = sum(one[key] and not two[key] for key in one.keys() & two.keys())
        behind = sum(two[key] and not one[key] for key in one.keys() & two.keys())
        assert row.difference.sort == pytest.approx((ahead - behind) / len(one.keys() & two.keys()))
        p_values[row.first, row.second] = binomtest(ahead, ahead + behind).pvalue if ahead + behind else 1.0
        assert row.p.sort == pytest.approx(p_values[row.first, row.second])
    assert table.rows[0].adjusted.sort == pytest.approx(min(1, 6 * min(p_values.values())))
    assert [row.adjusted.sort for row in table.rows] == sorted(row.adjusted.sort for row in table.rows)
    assert table.told == sum(row.adjusted.best for row in table.rows)


def test_the_square_is_antisymmetric(found):
    square = pairs.table(found["celeba"]).square
    for i, j in combinations(range(len(MODELS)), 2):
        assert square[i][1][j].sort == -square[j][1][i].sort
        assert square[i][1][j].best == square[j][1][i].best
    assert all(cells[place].text == "" for place, (_, cells) in enumerate(square))


def test_numbers_in_words():
    assert [style.signed(x) for x in (0.125, -0.125, 0.0, -0.0001)] == ["+12.5", "−12.5", "0.0", "0.0"]
    assert [pairs.chance(p).text for p in (0.0001, 0.04, 1.0)] == ["< 0.001", "0.040", "1.000"]


def test_rows_of_a_confusion_matrix_add_up(found):
    for matrix in confusion.matrices(found[RACE]).matrices:
        for line in matrix.lines:
            assert sum(square.count for square in line.squares) == line.n
            assert all(square.tint == round(100 * square.count / line.n) for square in line.squares)
            assert sum(square.right for square in line.squares) == 1
    assert confusion.matrices(found["celeba"]) is None


def test_groups_are_compared_only_where_they_are_large(found):
    by_name = {table.name: table for table in groups.tables(found[RACE])}
    assert set(by_name) == {"gender", "colour", "gender × colour"}
    assert (by_name["gender"].compared, by_name["gender"].small) == (2, 0)
    assert [(row.name, row.compared) for row in by_name["colour"].rows] == [("plain", True), (HOSTILE, False)]
    assert {cell.text for cell in by_name["colour"].gaps} == {"–"}
    assert all("chance" in " ".join(cell.notes) for cell in by_name["gender"].gaps)
    assert groups.tables(found["expw"]) == ()


def test_a_dot_for_every_group_and_model_where_its_accuracy_is(run, found):
    by_column = groups.singles(found[RACE])
    axes = groups.dots(by_column, style.model_colours(run.models)).axes[0]
    whiskers, dots = axes.collections
    wanted = [100 * g.accuracy.value for splits in by_column for split in splits.values() for g in split.groups]
    assert sorted(dots.get_offsets()[:, 0]) == pytest.approx(sorted(wanted))
    assert len(whiskers.get_segments()) == len(wanted)
    small = sum(not g.compared for splits in by_column for split in splits.values() for g in split.groups)
    assert (dots.get_facecolors()[:, 3] == 0).sum() == small > 0
    assert "by gender: F " in groups.dots_in_words(by_column)


def test_rules_beside_the_annotations(folder, found):
    table = rules.table(found["celeba"])
    rates = {row.name: dict(zip(table.models, row.cells, strict=True)) for row in table.rows}
    for model in MODELS:
        said = [x for x in rows(folder / "predictions" / quoted(model) / "celeba.jsonl") if x["status"] == "parsed"]
        broken = sum(["No_Beard", "Goatee"] in x["contradictions"] for x in said)
        both = "No Beard + Goatee" if "No Beard + Goatee" in rates else "Goatee + No Beard"
        assert rates[both][model].sort == pytest.approx(broken / len(said))
    assert table.broken == 1
    assert rules.table(found[RACE]) is None


def test_calibration_is_shown_where_there_is_some(run):
    question = run.questions()[1]
    believed = calibration.found(run, question)
    assert list(believed) == [MODELS[0]]
    figure = calibration.diagram(believed, run.models)
    curve = next(line for line in figure.axes[0].lines if line.get_gid() == "curve-0")
    assert list(curve.get_ydata()) == pytest.approx([100 * one.rate for one in believed[MODELS[0]].bins])


def test_cost_is_that_of_the_files(folder, run):
    table = cost.table(run, [gallery.read(run, question) for question in run.questions()])
    for row in table:
        found = [
            x
            for name in QUESTIONS
            for x in rows(folder / "responses" / quoted(row.model) / f"{name}.jsonl")
            if x["finish"] != "failed"
        ]
        seconds = [x["seconds"] for x in found]
        assert row.requests == len(found)
        assert (row.median.sort, row.slow.sort) == pytest.approx((np.median(seconds), np.quantile(seconds, 0.95)))
        assert row.rate.sort == pytest.approx(len(found) / sum(seconds))
        assert row.new_tokens.sort == np.median([x["new_tokens"] for x in found])
    bars = cost.bars(table).axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([row.median.sort for row in table])


def test_the_page_holds_all_of_it_well_formed_and_escaped(html):
    checked = parsed(html)
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))
    for words in ("Differences between models", "Confusion matrices", "Accuracy by group", "Contradictions by rule"):
        assert words in html
    assert "Calibration of the evidence" in html
    assert "is not a verdict" in html
    assert SCRIPT not in html
    assert re.search(r'<section id="cost"', html)


def test_one_model_has_no_pairs_and_no_cost_without_times(tmp_path):
    html = page.render(load.read(make_run(tmp_path / "run", samples=9, models=MODELS[:1], questions=("expw", RACE))))
    assert "Differences between models" not in html
    assert "Confusion matrices" in html
    assert 'id="cost"' not in html
    assert "Calibration of the evidence" not in html


def test_a_run_that_is_not_finished_is_compared_as_far_as_it_is(tmp_path):
    folder = make_run(tmp_path / "run", samples=12, models=MODELS[:3], questions=("expw",))
    (folder / "predictions" / MODELS[0] / "expw.jsonl").unlink()
    path = folder / "predictions" / MODELS[1] / "expw.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))
    run = load.read(folder)
    (pair,) = pairs.table(statistics.findings(run, run.questions()[0])).rows
    assert pair.n == 5
    assert page.render(run)


def test_labels_of_another_space_are_a_notice_and_no_crash(tmp_path):
    folder = make_run(tmp_path / "run", samples=4, questions=("expw",))
    rewrite(folder / "samples" / "expw.jsonl", lambda i, row: row.update(gold="no such label"))
    html = page.render(load.read(folder))
    assert "expw is shown without statistics" in html
    assert "Confusion matrices" not in html


def test_an_unknown_space_is_a_notice_and_no_crash(tmp_path):
    folder = make_run(tmp_path / "run", samples=4, questions=("expw",))
    about = json.loads((folder / "run.json").read_text())
    about["questions"][0]["space"] = "of-a-later-version"
    (folder / "run.json").write_text(json.dumps(about))
    assert "shown without statistics" in page.render(load.read(folder))


def test_groups_of_which_every_request_failed_are_left_out(tmp_path):
    folder = make_run(tmp_path / "run", samples=12, models=MODELS[:2], questions=(RACE,))
    rewrite(folder / "samples" / f"{RACE}.jsonl", lambda i, row: row.update(group={"gender": "FM"[i % 2]}))
    for model in MODELS[:2]:
        path = folder / "predictions" / model / f"{RACE}.jsonl"
        rewrite(path, lambda i, row: row.update(status="failed", label=None))
        run = load.read(folder)
        found = statistics.findings(run, run.questions()[0])
        assert [table.models for table in groups.tables(found)] == ([MODELS[1:2]] if model == MODELS[0] else [])
        assert parsed(page.render(run)).open == []


def test_what_cannot_be_seen_in_a_group_is_written_out(tmp_path):
    folder = make_run(tmp_path / "run", samples=40, models=MODELS[:2], questions=(RACE,))
    rewrite(
        folder / "samples" / f"{RACE}.jsonl", lambda i, row: row.update(group={"col\u202e": ("a\u202eb", "c")[i % 2]})
    )
    html = page.render(load.read(folder))
    assert "\u202e" not in html
    assert "a⟨U+202E⟩b" in html
