"""The section "The paper" of the page: figure 1 and tables 1-5 redrawn from the run, beside what the paper prints."""

from dataclasses import dataclass

from markupsafe import Markup

from reports import paper_figures, paper_marks, paper_tables, style
from reports.load import Run
from reports.paper_tables import Table


@dataclass(frozen=True)
class PaperSection:
    """What the page shows of the paper."""

    mark: str
    """What sets the run apart from the paper; empty where nothing does."""
    cautions: tuple[str, ...]
    """What follows from that, in sentences."""
    radar: Markup
    tables: tuple[Table, ...]
    """Those of which the run has measured something."""
    absent: tuple[str, ...]
    """The titles of the others."""
    note: str = paper_tables.NOTE


def section(run: Run) -> PaperSection | None:
    """What is put into the page; None where nothing is scored yet."""
    if not run.scores:
        return None
    found = paper_tables.tables(run)
    drawn = style.svg(paper_figures.radar(run), "radar", paper_figures.radar_in_words(run), _tips(run))
    return PaperSection(
        mark=paper_marks.mark(run),
        cautions=tuple(paper_marks.marks(run).values()),
        radar=Markup(drawn),  # noqa: S704 drawn and escaped by matplotlib
        tables=tuple(table for table in found if table.any),
        absent=tuple(table.title for table in found if not table.any),
    )


def _tips(run: Run) -> dict[str, str]:
    """Line id (gid) of the radar -> the model's name."""
    return {f"radar-{place}": model for place, model in enumerate(run.models)}
