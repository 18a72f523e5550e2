"""The command line that all parts share: rounds, a table on the terminal, everything measured as JSON."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.table import Result, Row, markdown

ROUNDS = 5
_PATHS = {"--json": [], "--lmms-python": ["--lmms-python", "PATH"]}
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
        measure: does the work; a row is shown as soon as it is there.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often everything is measured, in turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds here")
    add(parser)
    options = parser.parse_args()
    command = " ".join(["python", "-m", f"benchmarks.{part}", *told(sys.argv[1:])])
    empty = Result(part=part, command=command, load=os.getloadavg()[0])
    try:
        result = empty.model_copy(update={"rows": tuple(measure(options))})
    except LacksError as error:
        result = empty.model_copy(update={"lacks": str(error)})
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
