"""Tables for the terminal: models, tasks, scores."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.records import METRICS, Score
from tasks.labels import label_space
from tasks.registry import TASKS, question

if TYPE_CHECKING:
    from adapters.registry import ModelSpec

_PROOF = (
    "Fidelity: the upstream code of each model was run with small random weights; its ids, pixels, logits and greedy "
    "tokens are what the tests compare with. No published weights were loaded. docs/models.md has the particulars."
)


def show_models() -> None:
    """Every model with its checkpoint, size, licence and what is proven of it; a block each, as sentences need room."""
    from adapters.registry import names, spec

    table = Table.grid(padding=(0, 2))
    for name in names():
        for head, words in _about(spec(name)):
            table.add_row(head, escape(words))
        table.add_row()
    _console().print(table)
    _console().print(_PROOF)


def _about(model: "ModelSpec") -> Iterator[tuple[str, str]]:
    own = f"unpublished; your own training writes it to {model.trained}" if model.trained else ""
    yield f"[bold]{escape(model.name)}[/bold]", model.repo or own
    if model.parameters and model.size_gb:
        yield "  size", f"{model.parameters} billion parameters, {model.size_gb} GB"
    yield "  licence", model.licence
    if model.listed:
        yield "  engines", ", ".join(model.engines)
        yield "  miniature", "yes" if (model.miniature / "config.json").is_file() else "no"
        yield "  fidelity", model.fidelity or "not compared with upstream"
        yield "  unproven", model.unproven or "everything"
    if model.note:
        yield "  note", model.note


def show_tasks() -> None:
    """Every question with its label space and words."""
    table = Table("task", "question", "labels", "prompt", title="Tasks and questions")
    for task, questions in TASKS.items():
        for name in questions:
            asked = question(name)
            table.add_row(task, name, str(len(label_space(asked.space).labels)), asked.render().text)
    _console().print(table)


def show_scores(scores: Sequence[Score]) -> None:
    """The four metrics in percent, mAP where any model has it, the constant answer's accuracy, what was answered."""
    ranks = any(row.mean_average_precision for row in scores)
    title = "Scores in percent; const is the accuracy of the constant answer"
    # A question has a line of its own: beside each model its name would take the table beyond 80 columns.
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("question and model", no_wrap=True)
    for head in ("acc", "prec", "rec", "F1", *(["mAP"] if ranks else []), "const", "answered"):
        table.add_column(head, no_wrap=True, justify="right")
    for asked, rows in groupby(scores, key=lambda row: row.question):
        table.add_row(f"[bold]{escape(asked)}[/bold]")
        for row in rows:
            table.add_row(f" {escape(row.model)}", *_numbers(row, ranks), _answered(row))
    _console().print(table)


def _numbers(row: Score, ranks: bool) -> list[str]:
    estimates = [row.metrics.get(name) for name in METRICS] + ([row.mean_average_precision] if ranks else [])
    values = [estimate.value if estimate else None for estimate in estimates]
    return [_percent(value) for value in (*values, row.baseline.get("accuracy"))]


def _console() -> Console:
    """The terminal as it is; a file or pipe, which has no width of its own, gets lines long enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _answered(row: Score) -> str:
    return f"{row.counts.get('parsed', 0)}/{row.n}"
