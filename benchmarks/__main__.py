"""Everything that can be measured here, in one table: `python -m benchmarks`.

    OMP_NUM_THREADS=1 python -m benchmarks --out table.md --json all.json \\
        --vllm-python .venv-vllm/bin/python --lmms-python ENVIRONMENT/bin/python
    python -m benchmarks --quick --only throughput endpoint

Each part is a process of its own and can be called by itself (`python -m benchmarks.throughput --help`); here they run
one after the other with their defaults. A part that lacks something says what, and the others go on. Exit code 0: all
that can run here ran, goals met or not; 1: a part broke off.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.parts import ROUNDS, told
from benchmarks.table import Machine, Report, Result, figure, markdown
from harness.devices import device_of
from harness.versions import versions

VLLM = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TOKENIZERS_PARALLELISM": "false"}


class Part(NamedTuple):
    """A module of this package as one command."""

    module: str
    words: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    """Words that make it small enough to see whether it works; what it then measures says nothing."""
    vllm: bool = False
    """Whether it wants vLLM's environment, where that is another one."""
    once: bool = False
    """Minutes long and steady: one round is enough."""


PARTS = (
    Part("throughput", quick=("qwen2.5-vl-7b", "--requests", "4", "--batch-size", "2", "--tokens", "4")),
    Part("vllm_chat", quick=("--requests", "4"), vllm=True),
    Part("endpoint", quick=("--requests", "4", "--concurrency", "4")),
    Part("lmms", quick=("llava-v1.5-7b", "--samples", "4")),
    Part("startup", quick=("--models", "echo", "--limit", "1")),
    Part("scoring", quick=("--samples", "20", "--models", "2"), once=True),
    Part("gpu", ("--engine", "hf")),
    Part("gpu", ("--engine", "vllm"), vllm=True),
)


def command(part: Part, options: argparse.Namespace, file: Path) -> list[str]:
    """A part as the arguments of a process."""
    python = options.vllm_python if part.vllm and options.vllm_python else sys.executable
    rival = ["--lmms-python", options.lmms_python] if part.module == "lmms" and options.lmms_python else []
    rounds = "1" if part.once and not options.rounds else str(options.rounds or (1 if options.quick else ROUNDS))
    chosen = [*part.words, *(part.quick if options.quick else ())]
    return [python, "-m", f"benchmarks.{part.module}", *chosen, *rival, "--rounds", rounds, "--json", str(file)]


def run(part: Part, options: argparse.Namespace) -> Result:
    """One part; what it found, what it lacks, or that it broke off."""
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **(VLLM if part.vllm else {})}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        words = command(part, options, file)
        subprocess.run(words, env=environment, check=False, stdout=subprocess.DEVNULL)
        if file.exists():
            return Result.model_validate_json(file.read_text(encoding="utf-8"))
    shown = " ".join(["python", *told(words[1:])])
    return Result(part=part.module, command=shown, broke="its last words are above the table")


def machine() -> Machine:
    """What the figures depend on."""
    device = device_of("auto")
    return Machine(device=device.name, memory_gb=device.memory_gb, versions=versions())


def heading(report: Report) -> str:
    """The machine in a line, and how busy it was."""
    loads = [part.load for part in report.parts]
    busy = f"load {figure(min(loads))} to {figure(max(loads))} before the parts" if loads else ""
    known = report.machine.versions
    packages = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "transformers"))
    return f"{report.machine.device}; {packages}; commit {known.get('git', 'unknown')}; {busy}."


def text(report: Report) -> str:
    """What goes into docs/performance.md."""
    return f"{heading(report)}\n\n{markdown(report.parts)}\n"


def write(report: Report, options: argparse.Namespace) -> None:
    """The table, and all rounds as JSON, where they are asked for."""
    if options.out:
        options.out.write_text(text(report), encoding="utf-8")
    if options.json:
        options.json.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")


def chosen(names: Sequence[str] | None) -> Iterator[Part]:
    """The parts by these names, or all."""
    return (part for part in PARTS if not names or part.module in names)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="PART", choices=list(dict.fromkeys(p.module for p in PARTS)))
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds and the machine here")
    parser.add_argument("--rounds", type=int, help=f"of every part; by default {ROUNDS}, and 1 of the longest")
    parser.add_argument("--quick", action="store_true", help="see whether everything works; the figures say nothing")
    parser.add_argument("--vllm-python", metavar="PATH", help="a Python with vLLM, where this one has none")
    parser.add_argument("--lmms-python", metavar="PATH", help="a Python with lmms-eval 0.7.3")
    options = parser.parse_args()
    report = Report(machine=machine(), parts=())
    for part in chosen(options.only):
        report = report.model_copy(update={"parts": (*report.parts, run(part, options))})
        write(report, options)  # after each: all of them take an hour, and may be broken off
    print(text(report))
    sys.exit(any(part.broke for part in report.parts))


if __name__ == "__main__":
    main()
