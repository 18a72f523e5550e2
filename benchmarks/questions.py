"""Drawn faces on disk and a question about each, as the harness will ask it: lines of JSON with `image` and `text`.

    python -m benchmarks.questions FILE COUNT

Prints the data root for `--data`. A command of its own, so that who measures small processes need not import numpy.
"""

import json
import sys
from pathlib import Path

from harness.plan import Planner
from harness.records import Decoding
from harness.toys import RUN_SEED, toy_root
from tasks.registry import question

ASKED = "fairface.gender"


def write(file: Path, count: int) -> Path:
    """Draw the faces where they are not there yet, write the file, return the data root."""
    root = toy_root(0, count, RUN_SEED)
    planned = Planner(root, Decoding(), count, seed=0).plan(question(ASKED))
    lines = [json.dumps({"image": str(case.image.path), "text": case.text}) for case in planned.cases]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])))
