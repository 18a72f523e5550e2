"""What `data check` prints: for a newcomer, all that is needed; for a user, what is wrong and what to do next."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.data.check import Checked, SplitFound, State
from tasks.datasets import SOURCES
from tasks.labels import label_space
from tasks.registry import QUESTIONS, TASKS

_STYLE: dict[State, str] = {"found": "green", "incomplete": "yellow", "missing": "red"}
_FEW = 12
"""Labels up to which a distribution is printed whole by `check`; `stats` always prints all."""


def show(console: Console, root: Path, found: Sequence[Checked]) -> None:
    """The overview, a block for each dataset that is not whole, and what to do next."""
    if all(one.state == "missing" for one in found):
        say(console, [f"There is no dataset in {root}. None is shipped: each has terms of its own and is asked for or"])
        say(console, ["downloaded once. One is enough to begin; drawn faces need none (see the end)."])
    console.print(_overview(found))
    for one in found:
        lines = [*_missing(root, one)] if one.state == "missing" else [*_present(one)]
        if lines:
            console.print(f"\n[bold]{escape(SOURCES[one.name].title)}[/bold] ({escape(str(root / one.name))})")
            say(console, lines)
    console.print("\n[bold]What to do next[/bold]")
    say(console, next_steps(root, found))


def say(console: Console, lines: Sequence[str] | Iterator[str]) -> None:
    """Print lines as they are: file names hold brackets, and a path that is wrapped cannot be copied."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _overview(found: Sequence[Checked]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("dataset", "state", "test faces", "published", "other splits", "left out"):
        table.add_column(head)
    for one in found:
        test = one.splits.get("test", SplitFound(faces=0))
        published = SOURCES[one.name].published
        others = ", ".join(
            f"{split} {found.faces:,}" for split, found in one.splits.items() if split != "test" and found.faces
        )
        state = f"[{_STYLE[one.state]}]{one.state}[/]" + (" (drawn)" if one.toy else "")
        dropped = f"{sum(one.dropped.values()):,}"
        whole = published["test"] if "test" in published else f"{published['all']:,} in all"
        stated = f"{whole:,}" if isinstance(whole, int) else whole
        table.add_row(one.name, state, f"{test.faces:,}" if test.faces else "-", stated, others or "-", dropped)
    return table


def _missing(root: Path, one: Checked) -> Iterator[str]:
    """Everything that somebody needs who does not have the dataset."""
    source = SOURCES[one.name]
    yield f"  missing: {' '.join(one.reasons)}"
    yield f"  obtain:  {source.obtain}"
    if source.mirror:
        yield f"           Or from the Hugging Face Hub ({source.mirror}), in the same layout:"
        yield f"           python -m harness data fetch {one.name} --data {root}"
    yield f"  licence: {source.licence}"
    yield f"  size:    {source.size}"
    for place, line in enumerate(source.layout):
        yield f"  {'files:' if not place else '':<9}{one.name}/{line}"


def _present(one: Checked) -> Iterator[str]:
    """What is wrong with a dataset that is there, what was left out or mended, and what its labels are."""
    for reason in one.reasons:
        yield f"  incomplete: {reason}"
    if one.mirror:
        yield f"  fetched from {one.mirror} (fetched.json)"
    for reason in one.notes:
        yield f"  note: {reason}"
    for split, found in one.splits.items():
        for example in found.examples:
            yield f"    {split}: {example}"
    for word, counts in (("left out", one.dropped), ("mended", one.repaired)):
        for reason, count in counts.items():
            yield f"  {word}: {count:,} {reason}"
    for space, counts in one.labels.items():
        yield f"  {space}: {_in_short(space, counts, sum(found.faces for found in one.splits.values()))}"


def _in_short(space: str, counts: dict[str, int], faces: int) -> str:
    """Labels with their shares, the commonest first; of attributes the commonest and the rarest."""
    order = sorted(counts, key=lambda label: -counts[label])
    shares = [f"{label} {counts[label] / max(faces, 1):.1%}" for label in order]
    if label_space(space).kind != "attributes" and len(shares) <= _FEW:
        return ", ".join(shares)
    return f"{', '.join(shares[:4])} ... {', '.join(shares[-3:])}"


def next_steps(root: Path, found: Sequence[Checked]) -> Iterator[str]:
    """Commands that can be copied."""
    usable = [one.name for one in found if one.usable and not one.toy]
    if drawn := [one.name for one in found if one.usable and one.toy]:
        yield f"  python -m harness run --data {root} --tasks {_tasks(drawn)}"
        yield "      asks miniatures about these drawn faces."
    if usable:
        yield f"  python -m harness run --profile paper --data {root} --tasks {_tasks(usable)} --dry-run"
        yield "      says what would be loaded and how long it takes; without --dry-run it asks."
    if usable or drawn:
        yield f"  python -m harness data stats --data {root}"
        yield "      shows every label's share and how often the annotations break the logical rules."
    if any(one.state == "incomplete" for one in found):
        yield "  Mend what is called incomplete above, and check again; --decode reads every picture as well."
    if lacking := [one.name for one in found if one.state == "missing"]:
        yield f"  Obtain {', '.join(lacking)} as said above and put each into a folder of that name below {root}."
        yield "  One dataset is enough to begin. docs/datasets.md has licences, protocols and what labels can mean."
    if not usable and not drawn:
        yield "  Without any data:"
        yield "      python -m harness run"
        yield "          asks miniatures about drawn faces."
        yield f"      python -m harness data toy --out {root}"
        yield "          draws some in the six official layouts, to see where each file belongs."


def _tasks(names: Sequence[str]) -> str:
    """The tasks that ask about these datasets alone."""
    if len(names) == len(SOURCES):
        return ",".join(TASKS)
    return ",".join(name for name, asked in QUESTIONS.items() if asked.dataset in names)
