"""RUN/report/paper: the paper's tables and figures as files, to put into a text of one's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.store import PAGE, write_atomically
from reports import (
    ablation,
    ablation_figures,
    assets,
    gallery,
    page,
    paper_answers,
    paper_figures,
    paper_marks,
    paper_tables,
    style,
)
from reports.load import Question, Run, read
from reports.paper_tables import Table
from reports.paper_writers import WRITERS
from reports.published import paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = Path(PAGE).with_name("paper")


def write(run_folder: Path, figures: bool = False, ablated: Path | None = None) -> Path:
    """Write tables 1-5 (.md, .csv, .tex, .html) and figure 1; the rest of the figures takes seconds more.

    Files of an earlier report are removed, so that what lies there is all of one state of the run.

    Args:
        run_folder: the folder of the run.
        figures: also figures 1 (left) and 3-7, and all of them as PDF too.
        ablated: the folder of an ablation, for figure 8.

    Returns:
        The folder of the files.

    Raises:
        StoreError: a folder holds no run, or no ablation.
    """
    run, found = read(run_folder), ablation.read(ablated) if ablated else None
    folder = run_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("table-*.*"), *folder.glob("figure-*.*")):
        old.unlink()
    for table in paper_tables.tables(run):
        for suffix, text in _texts(run, table):
            write_atomically(folder / f"table-{table.paper.number}.{suffix}", text)
    kinds = ("svg", "pdf") if figures else ("svg",)
    style.save(paper_figures.radar(run), folder / "figure-1", kinds)
    drawn = [*(_figures(run) if figures else ()), *(_figure_8(found) if found else ())]
    for name, figure in drawn:
        style.save(figure, folder / name)
    return folder


def _texts(run: Run, table: Table) -> Iterator[tuple[str, str]]:
    """Suffix and content of each file of a table."""
    for suffix, writer in WRITERS.items():
        yield suffix, writer(table)
    template = assets.environment().get_template("paper_file.html.j2")
    colours = style.model_colours(run.models)
    yield "html", template.render(table=table, colours=colours, note=paper_tables.NOTE)


def _figures(run: Run) -> Iterator[tuple[str, "Figure"]]:
    """Figures 3-7 and the left of figure 1, of what the run has asked."""
    asked = {question.name for question in run.questions()}
    for panels in paper().figures:
        if asked & set(panels.panels.values()):
            yield f"figure-{panels.number}", paper_figures.grouped_bars(run, panels)
    described = [question for question in run.main_questions() if question.task == "attr"] or run.main_questions()
    samples = dict.fromkeys((*described[-1:], *described[:1]))  # CelebA, then MAAD; one of them if there is one
    for name, question in zip(("figure-7", "figure-1-left"), samples, strict=False):
        if figure := _answers(run, question):
            yield name, figure


def _answers(run: Run, question: Question) -> "Figure | None":
    """One sample of a question; None where there is none."""
    card = paper_answers.chosen(gallery.read(run, question))
    if card is None:
        return None
    return paper_answers.answers(card, page.question_title(question), paper_marks.mark(run))


def _figure_8(found: ablation.Ablation) -> Iterator[tuple[str, "Figure"]]:
    """The standard condition's figures 8(a) and 8(b)."""
    for condition in found.conditions[:1]:
        drawn = {"figure-8a": ablation_figures.figure_8a(condition)}
        if condition.sweep():
            drawn["figure-8b"] = ablation_figures.figure_8b(condition)
        for name, figure in drawn.items():
            paper_figures.stamp(figure, paper_marks.profile_mark(found.about.profile))
            yield name, figure
