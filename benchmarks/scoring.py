"""Parsing, scoring and reporting a large run: 200,000 descriptions of 40 attributes, by ten models.

    python -m benchmarks.scoring [--samples 20000] [--models 10] [--rounds 1]

Replies are put together from rows of the parser's table (tests/tasks/replies.jsonl), three to a reply, so that they are
as long and as varied as what models write. A row comes again and again, though seldom beside the same two; the parser
gains nothing from that, for it remembers no text. `score` and `report` are processes of their own; `score` takes all
cores.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import parts
from benchmarks.rounds import interleaved, process
from benchmarks.table import Row, at_most, figure
from harness.records import Case, ImageRef, Response
from harness.store import RunFolder
from tasks.labels import label_space
from tasks.registry import question

TABLE = Path(__file__).parents[1] / "tests/tasks/replies.jsonl"
QUESTION = "celeba"
FULL = 200_000
"""Answers of the goal; fewer have none."""
GOAL = at_most(60)


def replies() -> list[str]:
    """The table's replies about attributes."""
    rows = map(json.loads, TABLE.read_text(encoding="utf-8").splitlines())
    return [row["reply"] for row in rows if row["space"] == QUESTION and 0 < len(row["reply"]) < 1000]


def write(folder: RunFolder, samples: int, models: int) -> int:
    """A run folder with random golds and replies; returns the number of words in them."""
    luck, known, labels, words = random.Random(0), replies(), label_space(QUESTION).labels, 0
    names = [f"model-{number}" for number in range(models)]
    asked = question(QUESTION)
    folder.write_run(
        {"name": "large", "profile": "tiny", "models": names, "questions": [asked.model_dump(mode="json")]}
    )
    cases = [
        Case(
            key=f"{number:032x}",
            sample_id=f"{number:06d}.jpg",
            image=ImageRef(path=Path(f"{number:06d}.jpg")),
            gold={label: luck.random() < 0.2 for label in labels},
            text="?",
        )
        for number in range(samples)
    ]
    folder.write_cases(QUESTION, cases)
    for name in names:
        rows = []
        for case in cases:
            text = " ".join(luck.choices(known, k=3))
            words += len(text.split())
            rows.append(Response(key=case.key, sample_id=case.sample_id, text=text, finish="stop", new_tokens=80))
        folder.append_responses(name, QUESTION, rows)
    return words


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """Write the run, then time the two commands."""
    with tempfile.TemporaryDirectory() as path:
        words = write(RunFolder(Path(path)), options.samples, options.models)
        count = options.samples * options.models
        commands = ("score", "report")
        arms = {name: partial(process, [sys.executable, "-m", "harness", name, path]) for name in commands}
        found = interleaved(arms, options.rounds)
    for name, costs in found.items():
        note = f"{figure(median(one.cpu for one in costs))} s of CPU; {count:,} answers of {words / count:.0f} words"
        goal = GOAL if name == "score" and count == FULL else None
        yield Row(what=name, values=tuple(one.seconds for one in costs), unit="s", goal=goal, note=note)


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=10)


if __name__ == "__main__":
    parts.run("scoring", __doc__, add, measure)
