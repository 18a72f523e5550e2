"""Tables for the terminal: models, tasks, scores."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import prompts
from harness.records import METRICS, Score
from harness.terminal import terminal
from tasks.labels import label_space
from tasks.registry import TASKS, question

if TYPE_CHECKING:
    from adapters.spec import ModelSpec
    from harness.checkpoints import Whereabouts
    from harness.forecast import Duration, Forecast, ModelForecast

_PROOF = (
    "Fidelity: the upstream code of each model was run with small random weights; its ids, pixels, logits and greedy "
    "tokens are what the tests compare with. No published weights were loaded. docs/models.md has the particulars."
)
_RESOLUTION = (
    "Resolution: what becomes of a picture in profile paper. What stands under `to choose` is for --protocol "
    "MODEL.KEY=VALUE; the rest is as the network was built. A run records all values in force, and image tokens."
)

_HEADS = {"mllm": "MULTIMODAL LLMS", "specialist": "SPECIALISTS", "floor": "FLOORS"}


def show_models() -> None:
    """Every model with its checkpoint, size, licence and what is proven of it; a block each, as sentences need room."""
    from adapters.registry import GROUPS, names, spec

    found = [spec(name) for name in names()]
    table = Table.grid(padding=(0, 2))
    for word, group in GROUPS.items():
        table.add_row(f"[bold]{_HEADS[group]}[/bold]", f"all of them: --models {word}")
        table.add_row()
        for model in (one for one in found if one.group == group):
            for head, words in _about(model):
                table.add_row(head, escape(words))
            table.add_row()
    terminal().print(table)
    for sentence in (_RESOLUTION, _PROOF):
        terminal().print(sentence, highlight=False)


def _about(model: "ModelSpec") -> Iterator[tuple[str, str]]:
    own = f"unpublished; `python -m harness train {model.name}` writes it to {model.trained}" if model.trained else ""
    yield f"[bold]{escape(model.name)}[/bold]", model.repo or (f"by hand: {model.by_hand}" if model.by_hand else own)
    if model.parameters and model.size_gb:
        yield "  size", f"{model.parameters} billion parameters, {model.size_gb} GB"
    yield "  licence", model.licence
    if model.listed:
        yield "  engines", ", ".join(model.engines)
        yield "  miniature", "yes" if (model.miniature / "config.json").is_file() else "no"
        yield "  fidelity", model.fidelity or "not compared with upstream"
        yield "  unproven", model.unproven or "everything"
    if model.policy and model.policy.values:
        yield "  resolution", model.policy.in_words(model.policy.values)
        yield (
            "  to choose",
            ", ".join(f"{field}={model.policy.values[field]}" for field in model.policy.free) or "nothing",
        )
    if model.note:
        yield "  note", model.note


def show_tasks() -> None:
    """Every question with its label space and words, and the variants of the words."""
    table = Table("task", "question", "labels", "prompt", title="Tasks and questions")
    for task, questions in TASKS.items():
        for name in questions:
            asked = question(name)
            table.add_row(task, name, str(len(label_space(asked.space).labels)), asked.render().text)
    terminal().print(table)
    terminal().print(_wordings())


def _wordings() -> Table:
    """Every template in all its words."""
    table = Table("template", "variant", "words", title="Wordings for --prompts, or `all` of them")
    for template in dict.fromkeys(question(name).prompt for names in TASKS.values() for name in names):
        for variant in prompts.variants(template):
            shown = prompts.render(prompts.worded(template, variant), labels=("LABELS",)).text
            table.add_row(template if variant == prompts.PAPER else "", variant, escape(shown))
    return table


def show_scores(scores: Sequence[Score]) -> None:
    """The four metrics in percent, mAP where any model has it, the constant answer's accuracy, what was answered.

    Where options were asked for, all that did not fail is answered, and the last column says how freely.
    """
    ranks = any(row.mean_average_precision for row in scores)
    chose = any(row.option_mass is not None for row in scores)
    title = "Scores in percent; const is the accuracy of the constant answer"
    if chose:
        title += ",\noptions the probability that a first token was one of them at all"
    # A question has a line of its own: beside each model its name would take the table beyond 80 columns.
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("question and model", no_wrap=True)
    for head in ("acc", "prec", "rec", "F1", *(["mAP"] if ranks else []), "const", "options" if chose else "answered"):
        table.add_column(head, no_wrap=True, justify="right")
    for asked, rows in groupby(scores, key=lambda row: row.question):
        table.add_row(f"[bold]{escape(asked)}[/bold]")
        for row in rows:
            last = _percent(row.option_mass) if chose else _answered(row)
            table.add_row(f" {escape(row.model)}", *_numbers(row, ranks), last)
    terminal().print(table)


def show_forecast(seen: "Forecast", console: Console) -> None:
    """What a run will need and take: a line for the miniatures, a table for real models, and what does not fit."""
    console = terminal(console)
    if seen.profile == "tiny":
        console.print(_in_one_line(seen), highlight=False)
    else:
        console.print(_forecast_table(seen))
        for line in _footnotes(seen):
            console.print(line, highlight=False, markup=False)
    for one in seen.models:
        if one.endpoint:
            console.print(f"{one.model}: endpoint {one.endpoint}, {one.left:,} requests", highlight=False, markup=False)
    for warning in seen.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)


def _forecast_table(seen: "Forecast") -> Table:
    planned = max((one.planned for one in seen.models), default=0)
    title = f"Before anything is loaded; {planned:,} requests for each model"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("model", overflow="fold", min_width=11)
    table.add_column("checkpoint", no_wrap=True)
    for head in ("memory", "answered", "to ask", "time"):
        table.add_column(head, no_wrap=True, justify="right")
    for one in seen.models:
        memory = "-" if one.memory_gb is None else f"{one.memory_gb:.1f} GB"
        counts = (f"{count:,}" for count in (one.planned - one.left, one.left))
        table.add_row(escape(one.model), _place(one.checkpoint), memory, *counts, _duration(one.time))
    return table


def _footnotes(seen: "Forecast") -> Iterator[str]:
    memory = "unknown memory" if seen.device.memory_gb is None else f"{seen.device.memory_gb:.1f} GB"
    yield f"device: {seen.device.name}, {memory}. Memory is parameters x bytes of the dtype + 2 GB for one request."
    if seen.missing_gb:
        yield f"to download: {seen.missing_gb:.1f} GB, {seen.free_gb:.1f} GB free in {seen.hub}"
    if len(seen.models) > 1:
        yield f"all models: {_altogether(seen.models)}; loading and downloading come on top"
    if any(one.time.basis == "guess" for one in seen.models):
        yield "A guess comes from the GPU's data sheet and may be off by a factor of three (harness/roofline.py)."


def _in_one_line(seen: "Forecast") -> str:
    planned, left = (sum(getattr(one, name) for one in seen.models) for name in ("planned", "left"))
    counts = f"{planned:,} requests planned, {planned - left:,} answered before, {left:,} to ask"
    return f"{_count(len(seen.models))}, {counts}" + (f": {_altogether(seen.models)}" if left else "")


def _altogether(models: Sequence["ModelForecast"]) -> str:
    """The time of all models, and of how many nobody knows it."""
    known = [one.time.seconds for one in models if one.time.seconds is not None]
    if not known:
        return "time not measured yet"
    unknown = f", and {_count(len(models) - len(known))} not measured yet" if len(known) < len(models) else ""
    return f"about {_words_of(sum(known))} of asking{unknown}"


def _count(models: int) -> str:
    return "1 model" if models == 1 else f"{models} models"


def _place(found: "Whereabouts") -> str:
    missing = "size unknown" if found.missing_gb is None else f"{found.missing_gb:.1f} GB"
    return {
        "none": "no weights",
        "endpoint": "with its server",
        "file": f"in its file, {found.here_gb:.1f} GB",
        "folder": f"in its folder, {found.here_gb:.1f} GB",
        "cache": f"in the cache, {found.here_gb:.1f} GB",
        "partial": f"in part, {missing} left" if found.missing_gb is not None else "in part",
        "hub": f"to download, {missing}",
        "absent": "not found",
    }[found.place]


def _duration(time: "Duration") -> str:
    if time.seconds is None:
        return "not measured yet"
    return _words_of(time.seconds) + (" (guess)" if time.basis == "guess" else "")


def _words_of(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _numbers(row: Score, ranks: bool) -> list[str]:
    estimates = [row.metrics.get(name) for name in METRICS] + ([row.mean_average_precision] if ranks else [])
    values = [estimate.value if estimate else None for estimate in estimates]
    return [_percent(value) for value in (*values, row.baseline.get("accuracy"))]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _answered(row: Score) -> str:
    return f"{row.counts.get('parsed', 0)}/{row.n}"
