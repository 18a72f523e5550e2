"""RUN/report/paper, and the section of the page."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import StoreError
from reports import gallery, page, paper_answers, paper_files, paper_tables, style
from reports import load as loading
from tests.reports import trials as made
from tests.reports.conftest import MODELS, make_run
from tests.reports.markup import parsed

TABLES = {f"table-{n}.{kind}" for n in range(1, 6) for kind in ("md", "csv", "tex", "html")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A run of two models with every file, an ablation's too."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "small", 8, MODELS[:2], ("maad", "celeba", "expw"))
    ablated = made.written(tmp_path_factory.mktemp("ablations"), made.ablation(made.NAMES[:3], seeds=(0, 1)))
    return paper_files.write(folder, figures=True, ablated=ablated)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, and their files touched: drawing takes seconds."""

    def touch(figure, stem, kinds=("svg", "pdf")):
        for kind in kinds:
            stem.with_name(f"{stem.name}.{kind}").touch()

    monkeypatch.setattr(paper_files.style, "save", touch)


def test_tables_and_figure_1_are_written_every_time(small_run):
    folder = paper_files.write(small_run)
    assert folder == small_run / "report" / "paper"
    assert {file.name for file in folder.iterdir()} == {*TABLES, "figure-1.svg"}


def test_figures_are_written_when_asked_for(drawn):
    names = ("1", "1-left", "3", "6", "7", "8a", "8b")
    wanted = {f"figure-{name}.{kind}" for name in names for kind in ("svg", "pdf")}
    assert {file.name for file in drawn.iterdir()} == TABLES | wanted


def test_a_whole_run_has_all_figures_but_the_ablations(run_folder, tmp_path, undrawn):
    folder = shutil.copytree(run_folder, tmp_path / "whole")
    names = {file.stem for file in paper_files.write(folder, figures=True).glob("figure-*.pdf")}
    assert names == {f"figure-{name}" for name in ("1", "1-left", "3", "4", "5", "6", "7")}


def test_only_what_was_asked_is_drawn_and_older_files_go(small_run, undrawn):
    names = {file.name for file in paper_files.write(small_run, figures=True).iterdir()}
    assert {name for name in names if name.endswith("pdf")} == {f"figure-{n}.pdf" for n in (1, 3, 6, 7)}
    assert {file.name for file in paper_files.write(small_run).iterdir()} == {*TABLES, "figure-1.svg"}


def test_the_same_run_gives_the_same_bytes(small_run):
    first = {file.name: file.read_bytes() for file in paper_files.write(small_run).iterdir()}
    assert {file.name: file.read_bytes() for file in paper_files.write(small_run).iterdir()} == first


def test_the_same_figure_gives_the_same_bytes(small_run, tmp_path):
    run = loading.read(small_run)
    card = paper_answers.chosen(gallery.read(run, run.questions()[0]))
    files = [style.save(paper_answers.answers(card, "CelebA", ""), tmp_path / name) for name in ("one", "two")]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]


def test_pdfs_hold_their_fonts_and_no_date_and_fit_the_paper(drawn):
    for file in drawn.glob("*.pdf"):
        content = file.read_bytes()
        assert b"/Type3" not in content
        assert b"/FontFile2" in content
        assert b"CreationDate" not in content
        width = float(re.search(rb"/MediaBox \[\s*0 0 ([\d.]+)", content).group(1)) / 72
        wanted = {"figure-1.pdf": 3.35, "figure-8a.pdf": 9.2, "figure-8b.pdf": 9.2}.get(file.name, 7.0)
        assert width == pytest.approx(wanted, abs=0.01)


def test_every_drawing_and_every_measured_table_bears_the_mark(drawn):
    measured = [drawn / name for name in TABLES if name[6] in "15"]
    for file in (*drawn.glob("*.svg"), *measured):
        mark = "TINY PROFILE" if file.name.startswith("figure-8") else "SUBSET of 8"
        assert mark in file.read_text(encoding="utf-8"), file.name


def test_html_files_are_whole_and_hold_the_cells(drawn):
    for table in paper_tables.tables(loading.read(drawn.parents[1])):
        text = (drawn / f"table-{table.paper.number}.html").read_text(encoding="utf-8")
        assert parsed(text).open == []
        sorts = [float(value) for tag, name, value in parsed(text).attributes if name == "data-sort"]
        assert sorts == [c.value for row in table.rows for c in row.cells if c.value is not None]
        assert text.count(">paper ") == sum(c.published is not None for row in table.rows for c in row.cells)


def test_the_page_shows_the_paper_after_the_overview(written, run_folder):
    start = written.index('<section id="paper"')
    assert written.index('id="overview"') < start < written.index('id="task-1"')
    section = written[start : written.index("</section>", start)]
    assert section.count('<table class="sortable paper-table">') == 4
    assert "Nothing was measured of Table 4." in section
    assert section.count("TINY PROFILE · SUBSET of 20") > 20
    assert "no difference below says anything about the paper" in section
    names = re.findall(r">(\d+\.\d\d)</b>", section)
    best = max(
        s["metrics"]["f1"]["value"]
        for s in json.loads((run_folder / "scores.json").read_text())
        if s["question"] == "expw"
    )
    assert f"{100 * best:.2f}" in names
    assert "93.55" in section


def test_a_run_without_scores_has_no_such_section(small_run):
    (small_run / "scores.json").unlink()
    text = page.write(small_run).read_text()
    assert 'id="paper"' not in text
    assert 'href="#paper"' not in text
    assert {file.name for file in paper_files.write(small_run).iterdir()} == {*TABLES, "figure-1.svg"}


def test_hostile_names_in_every_file(small_run):
    about = json.loads((small_run / "run.json").read_text())
    tame = page.write(small_run).read_text().count("<script")
    evil = "</style><script>alert(1)</script>$x_1$|\\input{x}\n\u202e"
    scores = json.loads((small_run / "scores.json").read_text())
    about["models"].append(evil)
    scores += [{**score, "model": evil} for score in scores if score["model"] == about["models"][0]]
    (small_run / "run.json").write_text(json.dumps(about))
    (small_run / "scores.json").write_text(json.dumps(scores))
    text = page.write(small_run).read_text()
    assert text.count("<script") == tame
    assert parsed(text).open == []
    for file in paper_files.write(small_run).iterdir():
        content = file.read_bytes()
        assert "\u202e".encode() not in content
        assert b"<script" not in content or file.suffix == ".csv"
        assert b"\\input{x" not in content or file.suffix != ".tex"


def test_the_command_writes_page_and_files(small_run):
    said = CliRunner().invoke(app, ["report", str(small_run)])
    assert said.exit_code == 0
    assert str(small_run / "report" / "paper") in said.output.replace("\n", "")
    assert (small_run / "report" / "paper" / "table-5.tex").is_file()
    assert not (small_run / "report" / "paper" / "figure-3.svg").exists()


def test_a_folder_that_is_no_ablation_is_named_before_anything_is_written(small_run, tmp_path):
    with pytest.raises(StoreError, match="no ablation"):
        paper_files.write(small_run, ablated=tmp_path)
    assert not (small_run / "report").exists()
