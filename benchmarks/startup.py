"""Wall time and peak memory of whole commands, and of one answer beside the bare script's.

    OMP_NUM_THREADS=1 python -m benchmarks.startup [--limit 12]

The cached run is ten models' answers about six datasets, asked once before the clock starts (minutes, with miniatures),
then again: nothing is left to ask. It must not import torch, which alone takes longer than the goal. The one-answer
run and the bare script (benchmarks/bare.py) load the same miniature and answer the same question; the run also draws up
a plan, stores, scores and reports.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from adapters.spec import MINIATURES
from benchmarks import parts
from benchmarks.rounds import Cost, differences, interleaved, process
from benchmarks.table import Goal, Row, at_most, figure

MODEL, ASKED, TOKENS = "qwen2.5-vl-7b", "fairface.gender", 16
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
ONE, BARE = "run, one answer", "bare script, the same answer"
GOALS = {"--help": at_most(0.3), "run, all cached": at_most(1)}


def harness(*words: str) -> Cost:
    """One command of the harness."""
    return process([sys.executable, "-m", "harness", *words], ENVIRONMENT)


def one_answer(folder: Path, root: Path) -> Cost:
    """A run that has never been asked before."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return harness(
            "run", "--models", MODEL, "--tasks", ASKED, "--data", str(root), "--limit", "1", "--device", "cpu",
            "--max-new-tokens", str(TOKENS), "--out", f"{out}/run",
        )  # fmt: skip


def bare(questions: Path) -> Cost:
    """The script without a harness."""
    script = Path(__file__).with_name("bare.py")
    command = [sys.executable, str(script), str(MINIATURES / MODEL), str(questions), "--tokens", str(TOKENS)]
    return process(command, ENVIRONMENT)


def imports_torch(command: Sequence[str]) -> bool:
    """Whether a command of the harness imports torch, by Python's own account."""
    told = process([sys.executable, "-X", "importtime", "-m", "harness", *command], ENVIRONMENT)
    return any(line.rpartition("|")[2].strip() == "torch" for line in told.output.splitlines())


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """One run folder is asked in full, then everything in turn."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        run, questions = folder / "run", folder / "question.jsonl"
        root = Path(process([sys.executable, "-m", "benchmarks.questions", str(questions), "1"]).output.strip())
        cached = ["run", "--models", options.models, "--limit", str(options.limit), "--out", str(run)]
        harness(*cached)
        arms = {
            "--help": partial(harness, "--help"),
            "run, all cached": partial(harness, *cached),
            "score": partial(harness, "score", str(run)),
            "report": partial(harness, "report", str(run)),
            ONE: partial(one_answer, folder, root),
            BARE: partial(bare, questions),
        }
        found = interleaved(arms, options.rounds)
        yield from (_row(name, costs, GOALS.get(name)) for name, costs in found.items())
        more, work = (differences(*([one[field] for one in found[name]] for name in (ONE, BARE))) for field in (0, 1))
        note = f"{figure(median(work))} s of CPU"
        yield Row(what="the run, beyond the bare script", values=tuple(more), unit="s", goal=at_most(2), note=note)
        imports = float(imports_torch(cached))
        yield Row(what="imports of torch by the cached run", values=(imports,), goal=at_most(0))


def _row(name: str, costs: Sequence[Cost], goal: Goal | None) -> Row:
    note = f"{figure(median(one.cpu for one in costs))} s of CPU, {max(one.mib for one in costs):,.0f} MiB"
    return Row(what=name, values=tuple(one.seconds for one in costs), unit="s", goal=goal, note=note)


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("--models", default="all")
    parser.add_argument("--limit", type=int, default=12, help="faces of each dataset in the cached run")


if __name__ == "__main__":
    parts.run("startup", __doc__, add, measure)
