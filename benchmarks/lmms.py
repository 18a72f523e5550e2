"""The harness beside lmms-eval and beside a bare script: same checkpoint, pictures, questions, threads, new tokens.

    OMP_NUM_THREADS=1 python -m benchmarks.lmms --lmms-python ENVIRONMENT/bin/python

The environment is made by: python -m venv ENVIRONMENT; ENVIRONMENT/bin/pip install lmms-eval==0.7.3 decord
"transformers==5.19.*" torch==2.13.0 torchvision==0.28.0 (decord: its adapters import it without asking for it).

All are whole processes, from the shell to the end of the report. At equal settings batch, pixels and dtype are equal
too: Qwen2.5-VL in bfloat16, since lmms-eval's adapter takes no other, at batch 8 and 112 x 112 pixels, a size that its
two resizings and our one agree about; LLaVA in float32 at batch 1, since lmms-eval's adapter takes no other. At
defaults nobody is told anything but "on the CPU". The harness also reads every picture for its key, stores each batch,
parses, scores and writes its report with figures; lmms-eval is not asked to keep its samples.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from adapters.registry import spec
from benchmarks import parts
from benchmarks.parts import LacksError
from benchmarks.questions import ASKED, write
from benchmarks.rounds import Cost, differences, interleaved, process, ratios
from benchmarks.table import Row, at_least, at_most, figure
from harness.store import RunFolder

HERE = Path(__file__).parent
TOKENS = 16
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": "."}
TASK = """
task: faces
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{questions}"}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: image
process_results: !function utils.process_results
generation_kwargs: {{max_new_tokens: {tokens}, temperature: 0, do_sample: false}}
metric_list: [{{metric: answered, aggregation: mean, higher_is_better: true}}]
"""


class Model(NamedTuple):
    """How each of the three is told to do the same."""

    name: str
    adapter: str
    """In lmms-eval."""
    batch: int
    dtype: str
    equal: tuple[str, ...]
    """lmms-eval's arguments of the model."""
    pixels: int | None = None


MODELS = {
    model.name: model
    for model in (
        Model("qwen2.5-vl-7b", "qwen2_5_vl", 8, "bfloat16", ("min_pixels=12544", "max_pixels=12544"), 112 * 112),
        Model("llava-v1.5-7b", "llava_hf", 1, "float32", ("dtype=float32",)),
    )
}


class Run(NamedTuple):
    """A whole process, the answering in it, and the answers by picture."""

    cost: Cost
    answering: float
    answers: dict[str, str]


class Material(NamedTuple):
    """Where everything lies."""

    folder: Path
    root: Path
    questions: Path
    count: int
    rival: str
    """lmms-eval's Python."""


def material(folder: Path, count: int, rival: str) -> Material:
    """Draw the faces, write the questions as the harness will ask them, and lmms-eval's task."""
    questions = folder / "questions.jsonl"
    root = write(questions, count)
    (folder / "task").mkdir()
    shutil.copy(HERE / "lmms_task.py", folder / "task/utils.py")
    (folder / "task/faces.yaml").write_text(TASK.format(questions=questions, tokens=TOKENS), encoding="utf-8")
    return Material(folder, root, questions, count, rival)


def ask_bare(told: Material, model: Model) -> Run:
    """The script without a harness."""
    pixels = ["--pixels", str(model.pixels)] if model.pixels else []
    cost = process(
        [
            sys.executable, str(HERE / "bare.py"), spec(model.name).source("tiny"), str(told.questions), *pixels,
            "--batch-size", str(model.batch), "--dtype", model.dtype, "--tokens", str(TOKENS),
        ],
        ONE_THREAD,
    )  # fmt: skip
    rows = _objects(cost.output)
    pictures = [json.loads(line)["image"] for line in told.questions.read_text().splitlines()]
    texts = [str(row["text"]) for row in rows if "text" in row]
    return Run(cost, float(rows[-1]["seconds"]), dict(zip(pictures, texts, strict=True)))


def ask_harness(told: Material, model: Model, equal: bool) -> Run:
    """`python -m harness run` into a new folder, report and all."""
    out = told.folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    chosen = [f"{model.name}.{name}_pixels={model.pixels}" for name in ("min", "max") if model.pixels]
    flags = ["--batch-size", str(model.batch), "--dtype", model.dtype]
    flags += [word for one in chosen for word in ("--protocol", one)]
    cost = process(
        [
            sys.executable, "-m", "benchmarks.phases", "run", "--models", model.name, "--tasks", ASKED, "--data",
            str(told.root), "--limit", str(told.count), "--max-new-tokens", str(TOKENS), "--out", str(out),
            "--device", "cpu", *(flags if equal else []),
        ],
        ONE_THREAD,
    )  # fmt: skip
    stored = RunFolder(out)
    rows = stored.read_responses(model.name, ASKED)
    assert len(rows) == told.count  # equal pictures would be asked about once
    answers = {str(case.image.path): rows[case.key].text for case in stored.read_cases(ASKED)}
    return Run(cost, float(_objects(cost.output)[-1]["seconds"]), answers)


def ask_lmms(told: Material, model: Model, equal: bool) -> Run:
    """`lmms-eval` with a task of its own about the same files."""
    kept = told.folder / "answers.jsonl"
    kept.unlink(missing_ok=True)
    place = ["device=cpu", "device_map=cpu", *(model.equal if equal else ())]
    cost = process(
        [
            told.rival, "-m", "lmms_eval", "--model", model.adapter, "--model_args",
            ",".join([f"pretrained={spec(model.name).source('tiny')}", *place]), "--tasks", "faces", "--include_path",
            str(told.folder / "task"), "--batch_size", str(model.batch if equal else 1),
        ],
        ONE_THREAD | {"ANSWERS": str(kept)},
    )  # fmt: skip
    if not kept.is_file():  # it ends with 0 whatever happens
        raise RuntimeError(f"lmms-eval answered nothing: {cost.output[-2000:]}")
    rows = _objects(kept.read_text(encoding="utf-8"))
    return Run(cost, float(rows[0]["seconds"]), {str(row["image"]): str(row["text"]) for row in rows})


def _objects(output: str) -> list[dict[str, str | float]]:
    """The lines that are objects."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


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
