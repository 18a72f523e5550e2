"""Who is compared in benchmarks/lmms.py: a bare script, the harness and lmms-eval, each as a whole process."""

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from adapters.registry import spec
from benchmarks.questions import ASKED, write
from benchmarks.rounds import Cost, process
from harness.store import RunFolder

HERE = Path(__file__).parent
TOKENS = 16
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
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
