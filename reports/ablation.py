"""The report of an ablation: a page that needs nothing else, figure 8 as files, and its tables in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from pydantic import Field, ValidationError

from harness.errors import StoreError
from harness.store import quoted, write_atomically
from harness.trials import STANDARD, Asked, read_trials
from reports import (
    ablation_figures,
    ablation_notes,
    ablation_rows,
    ablation_tables,
    assets,
    gallery,
    page,
    seeds,
    style,
)
from reports.ablation_tables import Table, markdown, plain
from reports.load import Lenient
from reports.seeds import Condition

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOY = "Toy numbers say nothing about the paper's claims."
"""Said of every tiny ablation, on the page and in the Markdown."""


class About(Lenient):
    """ablation.json; nothing of it must be there."""

    profile: str = ""
    title: str = ""
    command: str | list[str] = ""
    versions: dict[str, Any] = Field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    """The seeds that are planned; without it, those that some variant has."""
    conditions: dict[str, Asked] = Field(default_factory=dict)
    """What each condition asks for; see `seeds.conditions` on those that are not named."""


@dataclass(frozen=True)
class Ablation:
    """All that the folder holds."""

    about: About
    conditions: tuple[Condition, ...]

    @property
    def title(self) -> str:
        """The heading of page and Markdown."""
        return self.about.title or "Ablation"

    @property
    def is_tiny(self) -> bool:
        """Whether the numbers are the toy world's."""
        return self.about.profile == "tiny"


@dataclass(frozen=True)
class Section:
    """One condition on the page."""

    name: str
    figures: Mapping[str, Markup]
    """Caption -> drawn figure."""
    tables: Sequence[Table]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Drawing:
    """One figure, for the page and for files of its own."""

    name: str
    figure: "Figure"
    caption: str
    alt: str
    tips: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path) -> Ablation:
    """Read an ablation, finished or not.

    Raises:
        StoreError: the folder holds no ablation, or a damaged file.
    """
    file, trials = folder / "ablation.json", read_trials(folder)
    if not trials and not file.exists():
        raise StoreError(f"{folder} holds no ablation. Name its folder, or make one: `python -m harness ablate`.")
    about = _about(file)
    return Ablation(about, tuple(seeds.conditions(trials, about.seeds, about.conditions)))


def write_ablation(folder: Path) -> Path:
    """Write FOLDER/report: index.html, figure-8a and 8b as SVG and PDF, ablation.md.

    The figures of another condition than the standard one have its name: figure-8a.<condition>.svg.

    Returns:
        The page.

    Raises:
        StoreError: the folder holds no ablation, or a damaged file.
    """
    found = read(folder)
    report = folder / "report"
    report.mkdir(parents=True, exist_ok=True)
    for condition in found.conditions:
        _save(condition, report)
    write_atomically(report / "ablation.md", as_markdown(found))
    write_atomically(report / "index.html", render(found))
    return report / "index.html"


def render(found: Ablation) -> str:
    """The page as text: the same trials give the same bytes."""
    profile = ("Profile not recorded", "Nothing says which model and faces these are.")
    banner = page.BANNERS.get(found.about.profile, profile)
    return (
        assets.environment()
        .get_template("ablation.html.j2")
        .render(
            found=found,
            banner=banner,
            warning=TOY if found.is_tiny else "",
            facts=_facts(found.about),
            unfinished=[
                sentence for condition in found.conditions for sentence in ablation_notes.unfinished(condition)
            ],
            sections=[_section(condition, f"c{i}") for i, condition in enumerate(found.conditions)],
            trials=sum(len(condition.all()) for condition in found.conditions),
            **assets.own(),
        )
    )


def as_markdown(found: Ablation) -> str:
    """The tables for a log, with what is unfinished said first."""
    parts = [f"# {plain(found.title)}\n", *([f"{TOY}\n"] if found.is_tiny else [])]
    parts += [f"{plain(name)}: {plain(value)}\n" for name, value in _facts(found.about)]
    if not found.conditions:
        parts.append("No trials yet.\n")
    for condition in found.conditions:
        parts.append(f"## {plain(condition.name)}\n")
        parts += [f"- {plain(sentence)}" for sentence in ablation_notes.unfinished(condition)]
        parts += [f"- {plain(name)}: {plain(value)}" for name, value in ablation_notes.settings(condition).items()]
        parts.append("")
        parts += [markdown(table) for table in ablation_tables.tables(condition)]
    return "\n".join(parts)


def _about(file: Path) -> About:
    if not file.exists():
        return About()
    try:
        return About.model_validate_json(file.read_bytes())
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise StoreError(f"{file} is damaged: {reason}. Remove it and run the same `ablate` again.") from error


def _facts(about: About) -> list[tuple[str, str]]:
    command = " ".join(about.command) if isinstance(about.command, list) else about.command
    facts = (("Versions", page.pairs(about.versions)), ("Command", command))
    return [(name, gallery.short(value, 600)) for name, value in facts if value]


def _section(condition: Condition, prefix: str) -> Section:
    figures = {
        drawing.caption: page.chart(drawing.figure, f"{prefix}-{drawing.name}", drawing.alt, drawing.tips)
        for drawing in _drawings(condition)
    }
    return Section(condition.name, figures, ablation_tables.tables(condition), ablation_notes.settings(condition))


def _drawings(condition: Condition) -> list[Drawing]:
    """The figures of a condition, with what a reader must know of each."""
    means, broken = ((seeds.ACCURACY, seeds.PRECISION), (seeds.IMPOSSIBLE, seeds.INCOMPLETE))
    spoken = ablation_rows.variants_in_words
    parts = Drawing(
        "figure-8a",
        ablation_figures.figure_8a(condition),
        "Figure 8(a): what each part gives. A dot is the mean over seeds, its line the 95 % interval; dotted: the "
        "better of always and never. The attributes stand in the order of what all parts together give.",
        spoken(condition, means),
        ablation_rows.tips(condition),
    )
    swept = Drawing(
        "figure-8b",
        ablation_figures.figure_8b(condition),
        "Figure 8(b): the weight ω of the neighbours, means and 95 % intervals over seeds, every seed a small ring.",
        ablation_rows.sweep_in_words(condition),
    )
    rules = Drawing(
        "violations",
        ablation_figures.violations(condition),
        "Test faces whose prediction breaks a rule, means and 95 % intervals over seeds, every seed a small ring.",
        spoken(condition, broken),
    )
    return [parts, swept, rules] if condition.sweep() else [parts, rules]


def _save(condition: Condition, report: Path) -> None:
    tail = "" if condition.name == STANDARD else f".{quoted(condition.name)}"
    for drawing in _drawings(condition):
        style.save(drawing.figure, report / f"{drawing.name}{tail}")
