"""mAP on the page: where some model has evidence, and nowhere else."""

import json
import re

import pytest

from harness.records import Estimate
from reports import load, page, ranking, tables

SURE, PARTLY = "mantis-siglip-8b", "qwen2.5-vl-7b"
HEAD = '<th scope="col" class="num">mAP</th>'
FOLD = "Average precision by label"


@pytest.fixture(scope="module")
def run(ranked_folder):
    return load.read(ranked_folder)


@pytest.fixture(scope="module")
def text(run):
    return page.render(run)


def question(run, name):
    return next(q for q in run.questions() if q.name == name)


def with_scores(run, question_name, **changes):
    """The run with some fields of the sure model's score replaced."""
    score = run.scores[SURE, question_name].model_copy(update=changes)
    return load.Run(run.folder, run.manifest, {**run.scores, (SURE, question_name): score})


def board(text, place):
    part = text[text.index(f'id="q{place}"') :]
    return part[: part.index("</section>")]


@pytest.mark.parametrize("place", range(3))
def test_a_column_and_a_table_of_labels_per_question(run, text, place):
    asked = run.questions()[place]
    shown = board(text, place)
    assert (shown.count(HEAD), shown.count(FOLD)) == (1, 1)
    for model in (SURE, PARTLY):
        score = run.scores[model, asked.name]
        estimate = score.mean_average_precision
        number = f"{100 * estimate.value:.1f}"
        low, high, floor = (f"{100 * x:.1f}" for x in (estimate.low, estimate.high, score.mean_base_rate))
        pattern = (
            rf'data-sort="{estimate.value}">(<b>)?{number}(</b>)?[^\n]*\[{low}, {high}\]</small>\s*<small>floor {floor}'
        )
        assert re.search(pattern, shown), model
    assert shown.count("12 of 19 ranked") == 1
    assert shown.count("19 of 19") == 0, "where all are ranked nothing needs to be said"


def test_every_row_of_the_leaderboard_is_as_wide_as_its_head(text):
    table = board(text, 0)[: board(text, 0).index("</table>")]
    widths = {len(re.findall(r"<t[hd][ >]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)}
    assert widths == {10}


def test_a_model_without_a_score_fills_its_row(run):
    scores = {key: score for key, score in run.scores.items() if key != ("llava-v1.5-7b", "maad")}
    shown = board(page.render(load.Run(run.folder, run.manifest, scores)), 0)
    row = next(row for row in shown.split("<tr") if "no score yet" in row)
    assert row.count("<td") == 9  # as many as the other rows have: without it the table cannot be sorted


def test_without_evidence_nothing_is_shown_and_nothing_is_said(written):
    assert HEAD not in written
    assert FOLD not in written


def test_only_the_questions_with_evidence_have_it(run):
    bare = {"ranked": 0, "mean_average_precision": None, "average_precision": {}}
    scores = {
        (model, name): score.model_copy(update=bare) if name == "celeba" else score
        for (model, name), score in run.scores.items()
    }
    shown = page.render(load.Run(run.folder, run.manifest, scores))
    assert [HEAD in board(shown, place) for place in range(3)] == [True, False, True]
    assert [FOLD in board(shown, place) for place in range(3)] == [True, False, True]


def test_the_highest_is_best_and_one_alone_is_the_best_of_nothing(run):
    asked = question(run, "celeba")
    low, high = (Estimate(value=value, low=value, high=value) for value in (0.01, 0.99))
    for mean in (low, high):
        rows = tables.leaderboard(with_scores(run, "celeba", mean_average_precision=mean), asked).rows
        assert {row.name: row.ranking.best for row in rows if row.is_model} == {
            **dict.fromkeys(run.models, False),
            SURE if mean is high else PARTLY: True,
        }
    rows = tables.leaderboard(with_scores(run, "celeba", mean_average_precision=None), asked).rows
    assert not any(row.ranking.best for row in rows)


def test_a_ranking_not_above_its_floor_is_marked(run):
    asked = question(run, "celeba")
    for value, below in ((0.3, True), (0.31, False)):
        mean = Estimate(value=value, low=0, high=1)
        changed = with_scores(run, "celeba", mean_average_precision=mean, mean_base_rate=0.3)
        cells = {row.name: row.ranking for row in tables.leaderboard(changed, asked).rows}
        assert cells[SURE].below is below


def test_labels_have_the_numbers_of_the_scores(run):
    for asked in run.questions():
        found = ranking.label_table(run, asked)
        assert found.models == (PARTLY, SURE), "in the order of the run"
        for place, model in enumerate(found.models):
            score = run.scores[model, asked.name]
            shown = {row.label: row.cells[place].sort for row in found.rows if row.cells[place].sort is not None}
            assert shown == score.average_precision
            assert {row.label: row.cells[place].below for row in found.rows if row.label in shown} == {
                label: value <= score.base_rates[label] for label, value in score.average_precision.items()
            }


def test_base_rates_that_differ_are_a_range_and_a_label_one_model_lacks_is_a_dash(run):
    changed = with_scores(run, "celeba", average_precision={"Smiling": 0.5}, base_rates={"Smiling": 0.25})
    other = run.scores[PARTLY, "celeba"]
    rows = {row.label: row for row in ranking.label_table(changed, question(run, "celeba")).rows}
    ends = sorted([0.25, other.base_rates["Smiling"]])
    assert rows["Smiling"].base.text == "–".join(f"{100 * end:.1f}" for end in ends)
    assert rows["Male"].base.text == f"{100 * other.base_rates['Male']:.1f}"
    assert [cell.text for cell in rows["Male"].cells] == [f"{100 * other.average_precision['Male']:.1f}", "–"]
    assert not any(cell.best for cell in rows["Male"].cells)


def test_hostile_labels_and_numbers_are_shown_and_do_nothing(run, hostile):
    bad = {hostile["script"] + "\u202e": float("nan"), "Smiling": float("inf")}
    changed = with_scores(run, "celeba", average_precision=bad, base_rates=bad, mean_base_rate=float("nan"))
    shown = page.render(changed)
    assert hostile["script"] not in shown
    assert "&lt;script&gt;alert(&#39;gotcha&#39;)&lt;/script&gt;⟨U+202E⟩</th>" in board(shown, 1)
    assert "nan" not in json.dumps(re.findall(r'data-sort="([^"]*)"', board(shown, 1)))


def test_options_have_a_column_and_forced_choices_are_named(run):
    asked = run.questions()[0]
    assert not tables.leaderboard(run, asked).has_options
    forced = with_scores(run, asked.name, option_mass=0.034)
    rows = {row.name: row for row in tables.leaderboard(forced, asked).rows}
    assert rows[SURE].options.text == "3.4"
    assert rows[PARTLY].options.text == "–"
    text = page.render(forced)
    assert text.count(">Options</abbr>") == 1
    assert f"{SURE} gave the options as little as 3.4%" in text
    assert "gave the options" not in page.render(with_scores(run, asked.name, option_mass=0.97))
