"""`python -m harness data stats`: every label's share, and how often the ground truth breaks the logical rules."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from faceinsight import ground_truth
from faceinsight.rules import Rules, Tally, load_rules, tally
from harness.data.check import distribution
from harness.data.show import say
from harness.errors import DataError
from harness.records import Record
from tasks.datasets import SOURCES, DataOptions, Faces, open_index
from tasks.datasets.base import Tally as LoaderTally
from tasks.labels import label_space


class LabelCount(Record):
    """How often one label is given."""

    label: str
    present: int
    absent: int
    undefined: int = 0


class SplitStats(Record):
    """The labels of one split of one dataset."""

    dataset: str
    split: str
    tally: LoaderTally
    labels: dict[str, tuple[LabelCount, ...]]
    """Label space -> counts in the order of its labels."""
    rules: Tally | None = None
    """How often its annotations break the rules that speak of its attributes; None where it has no attributes."""


def stats(root: Path, names: Sequence[str], splits: Sequence[str], options: DataOptions) -> list[SplitStats]:
    """Count the labels of the splits that are there.

    Args:
        root: the folder of the datasets' folders.
        names: of datasets; none means all that lie under the root.
        splits: of train, val, test those that a dataset has are counted.
        options: the user's choices.

    Raises:
        DataError: none of the datasets is there, or one is damaged.
    """
    wanted = list(names) or [name for name in SOURCES if (root / name).is_dir()]
    found = [one for name in wanted for one in _of_dataset(root, name, splits, options)]
    if not found:
        raise DataError(f"{root} holds no dataset. `python -m harness data check --data {root}` says what is missing.")
    return found


def _of_dataset(root: Path, name: str, splits: Sequence[str], options: DataOptions) -> Iterator[SplitStats]:
    index = open_index(name, root / name, options)
    for split in index.splits:
        if split in splits and split not in index.absent and len(faces := index.faces(split)):
            labels = {space: tuple(_counts(faces, space)) for space in faces.spaces}
            yield SplitStats(dataset=name, split=split, tally=faces.tally, labels=labels, rules=_broken(faces))


def _counts(faces: Faces, space: str) -> Iterator[LabelCount]:
    held, codes = distribution(faces, space), faces.codes(space)
    denied = (codes < 0).sum(0).tolist() if codes.ndim > 1 else [len(faces) - present for present in held.values()]
    for (label, present), absent in zip(held.items(), denied, strict=True):
        yield LabelCount(label=label, present=present, absent=absent, undefined=len(faces) - present - absent)


def _broken(faces: Faces) -> Tally | None:
    spaces = [name for name in faces.spaces if label_space(name).kind == "attributes"]
    if not spaces:
        return None
    labels, codes = label_space(spaces[0]).labels, faces.codes(spaces[0])
    blocks = (codes[start : start + ground_truth.ROWS] for start in range(0, len(codes), ground_truth.ROWS))
    return ground_truth.add([tally(_rules(spaces[0]), labels, block > 0, block != 0) for block in blocks])


def _rules(space: str) -> Rules:
    """The rules that speak of a space's attributes."""
    return load_rules().within(label_space(space).labels)


def show_stats(console: Console, found: Sequence[SplitStats]) -> None:
    """A table per label space, and the rules that each dataset's annotations break."""
    for one in found:
        console.print(f"\n[bold]{SOURCES[one.dataset].title}, {one.split}[/bold]: {one.tally.kept:,} faces")
        say(console, _lines(one))
        if one.rules is not None:
            table = ground_truth.table(_rules(next(iter(one.labels))), {one.dataset: one.rules})
            say(console, ["", *table.split("\n")])


def _lines(one: SplitStats) -> Iterator[str]:
    for word, counts in (("left out", one.tally.dropped), ("mended", one.tally.repaired)):
        for reason, count in counts.items():
            yield f"  {word}: {count:,} {reason}"
    for space, labels in one.labels.items():
        undefined = any(row.undefined for row in labels)
        yield f"  {space:<22} {'faces':>9}  {'share':>6}" + ("  undefined" if undefined else "")
        for row in labels:
            share = row.present / max(row.present + row.absent, 1)
            tail = f"  {row.undefined / max(one.tally.kept, 1):9.1%}" if undefined else ""
            yield f"    {row.label:<20} {row.present:>9,}  {share:>6.1%}{tail}"
