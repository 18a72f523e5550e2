"""The report: one HTML file that needs nothing else, and in which no answer can run or load anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.records import METRICS
from harness.store import PAGE, write_atomically
from prompts import PAPER
from reports import (
    assets,
    cost,
    figures,
    gallery,
    paper,
    problems,
    ranking,
    seen,
    sensitivity_rows,
    statistics,
    style,
    tables,
)
from reports.browse import Browser
from reports.load import Question, Run, read

_CHOICE = "a choice between options, read from the probabilities of the first token"

BANNERS = {
    "tiny": (
        "Tiny profile",
        "Miniatures on drawn toy faces: these numbers say nothing about the real models.",
    ),
    "paper": ("Paper profile", "The published checkpoints on the real datasets."),
}


@dataclass(frozen=True)
class Section:
    """One question on the page."""

    question: Question
    title: str
    anchor: str
    caption: str
    chart: Markup
    board: tables.Leaderboard
    labels: ranking.LabelTable | None
    asked: gallery.Asked
    prompt: Mapping[str, str]
    statistics: statistics.Statistics


def write(run_folder: Path, out: Path | None = None) -> Path:
    """Write the report of a run, finished or not.

    Args:
        run_folder: the folder of the run.
        out: the file to write; RUN/report/index.html if None.

    Returns:
        The file written.

    Raises:
        StoreError: the folder holds no run.
    """
    target = out or run_folder / PAGE
    write_atomically(target, render(read(run_folder)))
    return target


def render(run: Run) -> str:
    """The page as text: the same run gives the same bytes."""
    browser = Browser(run)
    main = {question.name for question in run.main_questions()}
    sections = {
        one.name: _section(run, one, f"q{place}", browser, one.name in main)
        for place, one in enumerate(run.questions())
    }
    groups = {
        task: [sections[question.name] for question in questions if question.name in main]
        for task, questions in run.tasks().items()
    }
    template = assets.environment().get_template("page.html.j2")
    return template.render(
        run=run,
        about=run.manifest,
        groups=groups,
        paper=paper.section(run),
        sensitivity=[_paraphrased(run, block, sections) for block in sensitivity_rows.blocks(run)],
        browser=browser,
        **_header(run),
        **_summary(run, sections.values()),
        **assets.own(),
    )


def _header(run: Run) -> dict[str, Any]:
    profile = run.manifest.profile
    return {
        "facts": _facts(run),
        "banner": BANNERS.get(profile, ("Profile not recorded", "Nothing says which models and faces these are.")),
        "is_paper": profile == "paper",
        "colours": style.model_colours(run.models),
        "metrics": METRICS,
    }


def _summary(run: Run, sections: Iterable[Section]) -> dict[str, Any]:
    """What is said of the run as a whole; after the sections, for reading them collects the notices."""
    counted = tables.counts(run)
    asked = [section.asked for section in sections]
    costs = cost.table(run, asked)
    return {
        "problems": problems.find(run, asked),
        "seen": seen.table(run, asked),
        "costs": costs,
        "cost_chart": chart(cost.bars(costs), "cost", cost.in_words(costs)) if costs else "",
        "overview": tables.overview(run),
        "counted": {model: (sum(statuses.values()), tables.shares(statuses)) for model, statuses in counted.items()},
        "status_chart": chart(figures.status_bars(counted), "statuses", figures.statuses_in_words(counted)),
    }


def _section(run: Run, question: Question, anchor: str, browser: Browser, main: bool) -> Section:
    """One question; a paraphrase, which is folded away, shows neither chart nor statistics."""
    name = question_title(question)
    follows = style.paper_figure(question.dataset)
    asked = gallery.read(run, question, browser.most)
    browser.add(name, asked)
    return Section(
        question=question,
        title=name,
        anchor=anchor,
        caption=f"{name}, as in the paper's {follows}" if follows else name,
        chart=_bars(run, question, name, anchor) if main else Markup(),
        board=tables.leaderboard(run, question),
        labels=ranking.label_table(run, question),
        asked=asked,
        prompt=_prompt(run, question),
        statistics=statistics.read(run, question, anchor, chart) if main else statistics.Statistics(),
    )


def _bars(run: Run, question: Question, name: str, anchor: str) -> Markup:
    scores, colours = tables.scores_of(run, question.name), tables.colours_of(run, question.name)
    drawn = figures.bars(scores, colours, name, legend=False)
    return chart(drawn, anchor, figures.bars_in_words(scores, name), figures.bar_tips(scores, list(colours)))


def _paraphrased(run: Run, block: sensitivity_rows.Block, sections: Mapping[str, Section]) -> dict[str, Any]:
    """A question under several wordings; the sections of those that the tasks do not show are folded away there."""
    first, *others = (sections[asked.name] for asked in block.variants)
    title = question_title(block.variants[0].model_copy(update={"name": block.plain, "variant": PAPER}))
    drawn = sensitivity_rows.dots(block, run.models, title)
    anchor = f"s{first.anchor}"
    return {
        "title": title,
        "anchor": anchor,
        "chart": chart(drawn, anchor, sensitivity_rows.dots_in_words(block, title)),
        "variants": [asked.variant for asked in block.variants],
        "words": [(asked.variant, sections[asked.name].prompt.get("text", "")) for asked in block.variants],
        "lines": block.lines,
        "missing": block.missing,
        "units": block.units,
        "others": others,
    }


def question_title(question: Question) -> str:
    """How a question is called on the page, such as "FairFace · age"."""
    dataset = style.title("datasets", question.dataset) if question.dataset else question.plain
    _, _, part = question.plain.partition(".")
    title = f"{dataset} · {part}" if part and question.dataset else dataset
    return style.visible(title if question.variant == PAPER else f"{title} · {question.variant}")


def _prompt(run: Run, question: Question) -> dict[str, str]:
    """What was asked, and how many faces of the dataset were kept and dropped."""
    found = run.manifest.prompts.get(question.name, {})
    fields = dict(found) if isinstance(found, Mapping) else {"text": found}
    tally = run.manifest.tallies.get(question.name)
    fields |= tally if isinstance(tally, Mapping) else {}
    said = {name: pairs(value) if isinstance(value, Mapping) else str(value) for name, value in fields.items()}
    return {name: gallery.short(value, gallery.CUT) for name, value in said.items() if value}


def chart(figure: Any, prefix: str, alt: str, tips: Mapping[str, str] | None = None) -> Markup:
    """A figure as markup; see `style.svg`."""
    return Markup(style.svg(figure, prefix, alt, tips))  # noqa: S704 drawn and escaped by matplotlib


def _facts(run: Run) -> list[tuple[str, str]]:
    """What the header says of the run; what is not recorded is left out."""
    about = run.manifest
    command = " ".join(about.command) if isinstance(about.command, list) else about.command
    facts: list[tuple[str, object]] = [
        ("Run", about.name or run.folder.name),
        ("Started", about.started),
        ("Samples", f"at most {about.limit:,} a question (a subset)" if about.limit else "all of each test set"),
        ("Seed", about.seed),
        ("Decoding", pairs(about.decoding)),
        ("Answers", _CHOICE if about.protocol.get("answers") == "choice" else None),
        *((f"Loaded for {model}", pairs(loaded)) for model, loaded in about.engines.items()),
        ("Versions", pairs(about.versions)),
        ("Data", about.data_root),
        ("Choices about the data", pairs(_choices(about.protocol)) or "none: the defaults of docs/datasets.md"),
        ("Fetched from mirrors", pairs({name: one.get("repo", "") for name, one in about.sources.items()})),
        ("Command", command),
    ]
    return [(name, gallery.short(str(value), 600)) for name, value in facts if value not in (None, "")]


def _choices(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from the defaults, such as {"expw.margin": 0.1}."""
    chosen = protocol.get("datasets") or {}
    return {f"{name}.{key}": value for name, own in chosen.items() for key, value in own.items()}


def pairs(value: Mapping[str, Any] | str | None) -> str:
    """Settings on one line, such as "lr 0.002, tau 0.4"; what is empty is left out."""
    if not isinstance(value, Mapping):
        return value or ""
    return ", ".join(f"{name} {part}" for name, part in value.items() if part not in (None, "", [], (), {}))
