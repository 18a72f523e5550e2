import pytest

from harness.records import METRICS, STATUSES
from reports import load, tables


@pytest.fixture(scope="module")
def run(run_folder):
    return load.read(run_folder)


def question(run, name):
    return next(q for q in run.questions() if q.name == name)


def test_a_row_per_model_in_order_and_the_constant_answer_last(run):
    rows = tables.leaderboard(run, question(run, "celeba")).rows
    assert [row.name for row in rows] == [*run.models, "all negative"]
    assert [row.is_model for row in rows] == [True] * 4 + [False]


def test_exactly_the_highest_numbers_are_marked_best(run):
    for asked in run.questions():
        rows = [row for row in tables.leaderboard(run, asked).rows if row.is_model]
        for place in range(len(METRICS)):
            shown = [float(row.metrics[place].text) for row in rows]
            assert [row.metrics[place].best for row in rows] == [number == max(shown) for number in shown]


def test_models_that_print_the_same_number_share_the_first_place(run):
    score = run.scores[run.models[0], "expw"]
    alike = score.model_copy(update={"model": run.models[1]})
    two = load.Run(run.folder, run.manifest, {(run.models[0], "expw"): score, (run.models[1], "expw"): alike})
    rows = tables.leaderboard(two, question(run, "expw")).rows
    assert rows[0].metrics[0].best
    assert rows[1].metrics[0].best
    assert tables.leaderboard(two, question(run, "expw")).missing == run.models[2:]


def test_one_model_alone_is_the_best_of_nothing(run):
    one = load.Run(run.folder, run.manifest, {(run.models[0], "expw"): run.scores[run.models[0], "expw"]})
    rows = tables.leaderboard(one, question(run, "expw")).rows
    assert not any(cell.best for row in rows for cell in row.metrics)


def test_numbers_and_intervals_are_those_of_the_score(run):
    for model, row in zip(run.models, tables.leaderboard(run, question(run, "maad")).rows, strict=False):
        score = run.scores[model, "maad"]
        for metric, cell in zip(METRICS, row.metrics, strict=True):
            estimate = score.metrics[metric]
            assert cell.text == f"{100 * estimate.value:.1f}"
            assert cell.interval == f"{100 * estimate.low:.1f}, {100 * estimate.high:.1f}"
            assert cell.below == (estimate.value <= score.baseline[metric])
        assert (row.n, row.scored) == (score.n, score.scored)


def test_shares_have_every_status_and_fill_the_bar():
    shares = {part.status: part for part in tables.shares({"parsed": 3, "refused": 1})}
    assert tuple(shares) == STATUSES
    assert (shares["parsed"].count, shares["parsed"].percent, shares["refused"].percent) == (3, "75.0", "25.0")
    assert sum(part.width for part in shares.values()) == pytest.approx(100)
    assert sum(part.width for part in tables.shares({})) == 0


def test_overview_has_a_cell_per_question_and_the_constant_answers(run):
    rows = tables.overview(run)
    assert [row.name for row in rows] == [*run.models, "constant answer"]
    assert all(len(row.metrics) == 10 for row in rows)
    accuracy = run.scores[run.models[2], "raf-db"].metrics["accuracy"].value
    assert rows[2].metrics[-1].text == f"{100 * accuracy:.1f}"


def test_counts_add_up_to_all_requests(run):
    assert {sum(statuses.values()) for statuses in tables.counts(run).values()} == {20 * 10}
