"""Parsing, scoring and reporting a large run: 200,000 descriptions of 40 attributes, by ten models.

    python -m benchmarks.scoring [--samples 20000] [--models 10]

Replies are put together from rows of the parser's table (tests/tasks/replies.jsonl), three to a reply, so that they are
as long and as varied as what models write. A row comes again and again, though seldom beside the same two; the parser
gains nothing from that, for it remembers no text. Prints seconds of `score` and of `report`, each in a process of its
own.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.records import Case, ImageRef, Response
from harness.store import RunFolder
from tasks.labels import label_space
from tasks.registry import question

TABLE = Path(__file__).parents[1] / "tests/tasks/replies.jsonl"
QUESTION = "celeba"


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


def timed(*command: str) -> float:
    """Seconds of a command of the harness."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "harness", *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Write the run, then time the two commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as path:
        words = write(RunFolder(Path(path)), options.samples, options.models)
        count = options.samples * options.models
        print(f"{count} responses of {words / count:.0f} words")
        print(f"score:  {timed('score', path):.1f} s", flush=True)
        print(f"report: {timed('report', path):.1f} s")


if __name__ == "__main__":
    main()
