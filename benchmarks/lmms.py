"""The harness beside lmms-eval and beside a bare script: same checkpoint, pictures, questions, threads, new tokens.

    OMP_NUM_THREADS=1 python -m benchmarks.lmms --lmms-python ENVIRONMENT/bin/python

The environment is made by: python -m venv ENVIRONMENT; ENVIRONMENT/bin/pip install lmms-eval==0.7.3 decord
"transformers==5.19.*" torch==2.13.0 torchvision==0.28.0 (decord: its adapters import it without asking for it).

All are whole processes, from the shell to the end of the report. At equal settings batch, pixels and dtype are equal
too: Qwen2.5-VL in bfloat16, since lmms-eval's adapter takes no other, at batch 8 and 112 x 112 pixels, a size that its
two resizings and our one agree about; LLaVA in float32 at batch 1, since lmms-eval's adapter takes no other. At
defaults nobody is told anything but "on the CPU": lmms-eval then takes batch 1, the checkpoint's bfloat16 and a larger
picture for Qwen, the harness the batch of its model list, float32 and the checkpoint's picture. The harness also reads
every picture for its key, stores each batch, parses, scores and writes its report with figures; lmms-eval is not asked
to keep its samples.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import parts
from benchmarks.contenders import MODELS, Material, Model, Run, ask_bare, ask_harness, ask_lmms, material
from benchmarks.parts import LacksError
from benchmarks.rounds import differences, interleaved, ratios
from benchmarks.table import Row, at_least, at_most, figure


def compare(told: Material, model: Model, rounds: int) -> Iterator[Row]:
    """Five processes a round: all three at equal settings, the two harnesses at their defaults."""
    arms: Mapping[str, Callable[[], Run]] = {
        "bare script": partial(ask_bare, told, model),
        "harness": partial(ask_harness, told, model, equal=True),
        "lmms-eval": partial(ask_lmms, told, model, equal=True),
        "harness, defaults": partial(ask_harness, told, model, equal=False),
        "lmms-eval, defaults": partial(ask_lmms, told, model, equal=False),
    }
    runs = interleaved(arms, rounds)
    for row in [*_wholes(runs, told.count), *_beyond(runs), *_faster(runs), _agreement(runs)]:
        yield row.model_copy(update={"what": f"{model.name}: {row.what}"})


def _wholes(runs: Mapping[str, Sequence[Run]], count: int) -> Iterator[Row]:
    """Wall time of each process, with what else is to be known of it."""
    for name, found in runs.items():
        rate = count / median(one.answering for one in found)
        worked, most = median(one.cost.cpu for one in found), max(one.cost.mib for one in found)
        note = f"{figure(worked)} s of CPU, {most:,.0f} MiB, {rate:.0f} requests/s while answering"
        yield Row(what=name, values=_wall(found), unit="s", note=note)


def _beyond(runs: Mapping[str, Sequence[Run]]) -> Iterator[Row]:
    """What a harness takes beyond the bare script."""
    for name, goal in (("harness", at_most(2)), ("lmms-eval", None)):
        more = differences(_wall(runs[name]), _wall(runs["bare script"]))
        work = differences(*([one.cost.cpu for one in runs[arm]] for arm in (name, "bare script")))
        note = f"{figure(median(work))} s of CPU"
        yield Row(what=f"{name}, beyond the bare script", values=tuple(more), unit="s", goal=goal, note=note)


def _faster(runs: Mapping[str, Sequence[Run]]) -> Iterator[Row]:
    """How many times as fast as lmms-eval; the goals are about answering, and the whole process stands beside it."""
    for words, goal in (("", 1), (", defaults", 3)):
        own, rival = runs[f"harness{words}"], runs[f"lmms-eval{words}"]
        speed = ratios([one.answering for one in rival], [one.answering for one in own])
        yield Row(what=f"answering, lmms-eval / harness{words}", values=tuple(speed), goal=at_least(goal))
        whole = ratios(_wall(rival), _wall(own))
        yield Row(what=f"whole process, lmms-eval / harness{words}", values=tuple(whole))


def _agreement(runs: Mapping[str, Sequence[Run]]) -> Row:
    """How many answers are the same, spaces around them left aside; the resizings differ, so not all need be."""
    own, rival, bare = (runs[name][0].answers for name in ("harness", "lmms-eval", "bare script"))
    same = [
        sum(own[picture].strip() == text.strip() for picture, text in other.items()) / len(own)
        for other in (rival, bare)
    ]
    return Row(what="same answers as lmms-eval", values=(same[0],), note=f"as the bare script: {same[1]:.3g}")


def _wall(runs: Sequence[Run]) -> tuple[float, ...]:
    return tuple(one.cost.seconds for one in runs)


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """One model after the other."""
    rival = options.lmms_python
    if not rival:
        raise LacksError("it needs --lmms-python PATH, the Python of an environment with lmms-eval 0.7.3 and decord")
    with tempfile.TemporaryDirectory() as folder:
        told = material(Path(folder), options.samples, rival)
        for name in options.models:
            yield from compare(told, MODELS[name], options.rounds)


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--lmms-python", metavar="PATH", help="a Python with lmms-eval 0.7.3")
    parser.add_argument("--samples", type=int, default=64)


if __name__ == "__main__":
    parts.run("lmms", __doc__, add, measure)
