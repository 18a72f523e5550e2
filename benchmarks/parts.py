"""The command line that all parts share: rounds, a table on the terminal, everything measured as JSON."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.table import Result, Row, figure, markdown

ROUNDS = 5
_PATHS: dict[str, list[str]] = {"--json": [], "--lmms-python": ["--lmms-python", "PATH"]}
"""Options that take a path, and what is shown of them."""


class LacksError(Exception):
    """A part cannot run here; the message says what it needs."""


def run(
    part: str,
    about: str | None,
    add: Callable[[argparse.ArgumentParser], None],
    measure: Callable[[argparse.Namespace], Iterable[Row]],
) -> None:
    """Measure one part and say what came of it; without what it needs, one sentence and exit code 2.

    Args:
        part: its name, that of its module.
        about: the module's docstring.
        add: adds the part's own options.
        measure: does the work; each figure is said on standard error as soon as it is there.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often everything is measured, in turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds here")
    add(parser)
    options = parser.parse_args()
    command = " ".join(["python", "-m", f"benchmarks.{part}", *told(sys.argv[1:])])
    load, rows, lacks = os.getloadavg()[0], [], ""
    try:
        for row in measure(options):
            rows.append(row)
            sys.stderr.write(f"{row.what}: {figure(row.median)} {row.unit}\n")
    except LacksError as error:
        lacks = str(error)
    result = Result(part=part, command=command, rows=tuple(rows), lacks=lacks, load=load)
    if options.json:
        options.json.write_text(result.model_dump_json(indent=1), encoding="utf-8")
    if result.lacks:
        sys.stderr.write(f"{part} cannot run here: {result.lacks}\n")
        sys.exit(2)
    print(markdown([result]))


def told(words: Sequence[str]) -> list[str]:
    """A command's arguments as a table shows them: what is measured, and no path of this machine."""
    shown, rest = [], iter(words)
    for word in rest:
        if word not in _PATHS:
            shown.append(word)
            continue
        next(rest, "")
        shown += _PATHS[word]
    return shown
