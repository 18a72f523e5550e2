"""From labels to coarser ones: what an answer in one label space says in another; the pairs are in coarser.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tasks.labels import label_space


@cache
def coarser(space: str, wanted: str) -> dict[str, str] | None:
    """Label of the one space -> the label of the wanted one that holds where it holds; None where that is unknown.

    Spaces with the same labels, in whatever order, say the same.

    Raises:
        UnknownNameError: there is no such space.
    """
    labels, others = label_space(space).labels, label_space(wanted).labels
    if set(labels) == set(others):
        return {label: label for label in labels}
    return _table().get(space, {}).get(wanted)


def added_up(shares: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    """The shares of coarser labels: each the sum of those it stands for.

    Args:
        shares: label -> probability, of labels of which one holds.
        names: of every one of them, as `coarser` gives it.
    """
    found = dict.fromkeys(names.values(), 0.0)
    for label, share in shares.items():
        found[names[label]] += share
    return found


@cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
