"""Tables 1-5 against the scores they are drawn from, and which number of the paper stands beside which model."""

import json

import pytest

from reports import load, paper_marks, paper_tables, paper_writers
from reports.published import paper
from tests.reports.conftest import make_run

MODELS = (
    "faceinsight",
    "llava-v1.5-7b",
    "llava-v1.5-7b@runs/a",
    "llava-v1.5-7b@runs/b",
    "qwen2.5-vl-7b@mine",
    "facexformer",
    "nvila-8b",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load.read(make_run(tmp_path_factory.mktemp("runs") / "tuned", samples=12, models=MODELS))


@pytest.fixture(scope="module")
def tables(run):
    return {table.paper.number: table for table in paper_tables.tables(run)}


def changed(run, **about):
    return load.Run(run.folder, run.manifest.model_copy(update=about), run.scores)


def test_every_cell_is_the_score_of_its_question_and_metric(run, tables):
    checked = 0
    for table in tables.values():
        for row in table.rows:
            for cell in row.cells:
                score = run.scores.get((row.model, cell.place.question))
                if score is None:
                    assert (cell.value, cell.low, cell.high, cell.scored, cell.difference) == (None,) * 5
                    continue
                estimate = score.metrics[cell.place.metric]
                assert (cell.value, cell.low, cell.high) == pytest.approx(
                    (100 * estimate.value, 100 * estimate.low, 100 * estimate.high)
                )
                assert cell.scored == score.scored
                checked += 1
    assert checked == 4 * 10 * len(MODELS) + 2 * 3 * 2  # tables 1-3 and 5; table 4: faceinsight and facexformer


def test_published_numbers_stand_in_the_rows_and_columns_of_the_paper(tables):
    for table in tables.values():
        for group in table.paper.groups:
            rows = [row for row in table.groups()[group.name] if row.printed]
            assert list(dict.fromkeys(row.printed for row in rows)) == list(group.values)
            for row in rows:
                assert tuple(cell.published for cell in row.cells) == group.values[row.printed]
                assert tuple(cell.place for cell in row.cells) == group.cells


def test_no_training_free_model_has_a_published_number_beside_it(tables):
    for table in tables.values():
        for row in table.rows:
            if row.setting == "training-free":
                assert not row.printed
                assert all(cell.published is None and cell.difference is None for cell in row.cells)


def test_rows_of_a_group_are_the_papers_then_other_trained_ones_then_the_free(tables):
    rows = [(row.name, row.printed, row.setting) for row in tables[1].groups()["MAAD"]]
    assert rows == [
        ("LLaVA-OneVision-7b-SI", "LLaVA-OneVision-7b-SI", "fine-tuned"),
        ("llava-v1.5-7b@runs/a", "LLaVA-v1.5-7b", "fine-tuned"),
        ("llava-v1.5-7b@runs/b", "LLaVA-v1.5-7b", "fine-tuned"),
        ("NVILA-8b", "NVILA-8b", "fine-tuned"),
        ("faceinsight", "FaceInsight", "trained"),
        ("qwen2.5-vl-7b@mine", "", "fine-tuned"),
        ("facexformer", "", "trained"),
        ("llava-v1.5-7b", "", "training-free"),
        ("nvila-8b", "", "training-free"),
    ]


def test_table_4_compares_what_was_made_for_the_task(tables):
    rows = [row.name for row in tables[4].groups()["Age"]]
    assert rows == ["FairFace", "facexformer", "faceinsight"]


def test_difference_is_measured_less_published(tables):
    row = next(row for row in tables[5].groups()["ExpW"] if row.model == "faceinsight")
    for cell, published in zip(row.cells, (78.47, 50.09, 50.92, 59.36), strict=True):
        assert cell.difference == pytest.approx(cell.value - published)
        assert cell.difference_text.lstrip("+−") == f"{abs(cell.value - published):.2f}"
        assert cell.difference_text[0] == ("+" if cell.value > published else "−")


COARSE = {"fairface.age": "utkface.age", "fairface.race": "utkface.race"}


def asked_in(run, spaces):
    asked = [one.model_copy(update={"space": spaces.get(one.name, one.space)}) for one in run.manifest.questions]
    return {table.paper.number: table for table in paper_tables.tables(changed(run, questions=tuple(asked)))}


def undifferenced(table):
    """Questions of cells with both numbers and no difference, and those with one."""
    cells = [cell for row in table.rows for cell in row.cells if None not in (cell.value, cell.published)]
    without = {cell.place.question for cell in cells if cell.difference is None}
    assert {cell.difference_text for cell in cells if cell.difference is None} <= {paper_tables.OTHER_LABELS}
    assert {cell.place.question for cell in cells if cell.space} == without
    return without, {cell.place.question for cell in cells if cell.difference is not None}


def test_no_difference_is_taken_between_numbers_of_different_labels(run, tables):
    others = {"fairface.gender", "utkface.age", "utkface.gender", "utkface.race"}
    assert undifferenced(tables[2]) == (set(), {"fairface.age", "fairface.gender", "fairface.race"})
    assert undifferenced(tables[4]) == ({"fairface.age", "fairface.race"}, others)
    coarse = asked_in(run, COARSE)
    assert undifferenced(coarse[2]) == ({"fairface.age", "fairface.race"}, {"fairface.gender"})
    assert undifferenced(coarse[4]) == (set(), others | set(COARSE))


def test_other_labels_of_utkface_and_raf_db_are_met_too(run):
    other = asked_in(run, {"utkface.age": "fairface.age", "raf-db": "raf-db.compound"})
    assert undifferenced(other[3])[0] == {"utkface.age"}
    assert undifferenced(other[5])[0] == {"raf-db"}
    assert "none (other labels)" in paper_writers.markdown(other[3])
    assert "none (other labels)" in paper_writers.latex(other[5])


def test_a_run_that_does_not_say_its_label_spaces_is_taken_for_a_usual_one(run):
    unknown = asked_in(run, {one.name: "" for one in run.manifest.questions})
    assert undifferenced(unknown[2])[0] == set()


@pytest.mark.parametrize(
    ("points", "text"), [(0.004, "0.00"), (-0.004, "0.00"), (1.0, "+1.00"), (-1.005, "−1.00"), (None, "–")]
)
def test_sign_of_a_difference(points, text):
    assert paper_tables.signed(points) == text


def test_the_best_of_each_column_is_marked_within_its_setting_and_the_papers_for_itself(tables):
    for table in tables.values():
        for rows in table.groups().values():
            for free in (False, True):
                block = [row for row in rows if (row.setting == "training-free") == free]
                for column in zip(*(row.cells for row in block), strict=True):
                    measured = [float(cell.measured_text) for cell in column if cell.value is not None]
                    printed = [cell.published for cell in column if cell.published is not None]
                    wanted = [len(measured) > 1 and cell.measured_text == f"{max(measured):.2f}" for cell in column]
                    assert [cell.best for cell in column] == wanted
                    assert [c.best_published for c in column] == [
                        len(printed) > 1 and c.published == max(printed) for c in column
                    ]


def test_every_measured_row_says_what_it_was_measured_on(run, tables):
    for table in tables.values():
        for row in table.rows:
            measured = any(cell.value is not None for cell in row.cells)
            assert row.measured_on == ("TINY PROFILE · SUBSET of 12" if measured else "–")
    full = paper_tables.tables(changed(run, profile="paper", limit=None))
    assert {row.measured_on for table in full for row in table.rows} == {"full test set", "–"}


@pytest.mark.parametrize(
    ("about", "mark"),
    [
        ({"profile": "paper", "limit": None}, ""),
        ({"profile": "paper", "limit": 1500}, "SUBSET of 1,500"),
        ({"profile": "tiny", "limit": None}, "TINY PROFILE"),
        ({"profile": "", "limit": None}, "PROFILE NOT RECORDED"),
        ({"profile": "paper", "limit": None, "protocol": {"answers": "choice"}}, "ANSWERS BY CHOICE"),
    ],
)
def test_marks(run, about, mark):
    assert paper_marks.mark(changed(run, **about)) == mark
    assert all(sentence.endswith(".") for sentence in paper_marks.marks(changed(run, **about)).values())


def test_numbers_that_are_not_finite_are_missing(run):
    score = run.scores["faceinsight", "maad"]
    broken = {"accuracy": score.metrics["accuracy"].model_copy(update={"value": float("nan")})}
    scores = {("faceinsight", "maad"): score.model_copy(update={"metrics": broken})}
    found = paper_tables.table(load.Run(run.folder, run.manifest, scores), paper().tables[0])
    row = next(row for row in found.rows if row.model == "faceinsight")
    assert [cell.measured_text for cell in row.cells] == ["–"] * 4
    assert row.measured_on == "–"
    assert not found.any


def test_a_run_of_one_task_has_the_papers_numbers_and_dashes_elsewhere(small_run):
    run = load.read(small_run)
    tables = {table.paper.number: table for table in paper_tables.tables(run)}
    assert [number for number, table in tables.items() if table.any] == [1, 5]
    assert {row.name for row in tables[2].rows} == {
        name for name, known in paper().models.items() if known.setting != "trained"
    } | {"FaceInsight"}
    assert json.loads((small_run / "run.json").read_text())["limit"] == 8
