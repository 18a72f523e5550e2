"""All of tables 1-5 on toy faces: three MLLMs fine-tuned, FaceInsight trained on the same faces and steps, some seeds.

    OMP_NUM_THREADS=1 python -m benchmarks.fair_fight --out FOLDER [--seeds 0,1,2]

Only commands that README.md tells people to call; each resumes, so the same command goes on after a kill. Each MLLM is
fine-tuned three times, once for each task, as in the paper. FaceInsight is trained once on all six datasets, with the
batch of a fine-tuning and with the steps of the three together. Specialists and floors are asked as they are shipped.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from faceinsight.recipe import read_config
from harness.finetune.recipe import Recipe
from harness.toys import training_faces
from reports.seeds import spread

RECIPE = Path(__file__).with_suffix(".toml")
TASKS = ("attr", "agr", "expr")
PUPILS = ("llava-v1.5-7b", "llava-onevision-7b-si", "nvila-8b")
COLUMNS = {
    1: ("maad", "celeba"),
    2: ("fairface.age", "fairface.gender", "fairface.race"),
    3: ("utkface.age", "utkface.gender", "utkface.race"),
    5: ("expw", "raf-db"),
}
METRICS = ("accuracy", "recall", "f1", "precision")
OURS = """title = "fair fight, seed {seed}"
hardware = "2 CPU cores"
frozen = "miniature"
[data]
shares = {{ maad = 3, celeba = 3, fairface = 3, utkface = 3, expw = 3, raf-db = 3 }}
keep_in_memory = true
validation_limit = 200
[training]
steps = {steps}
batch = {batch}
rate = 2e-3
evaluate_every = {every}
patience = 5
precision = "float32"
seed = {seed}
"""


def call(*words: object) -> None:
    """One command of the harness; what fails ends the fight."""
    line = [sys.executable, "-m", "harness", *map(str, words)]
    print("$ python -m harness", *map(str, words), flush=True)
    subprocess.run(line, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def fight(out: Path, seed: int, data: Path) -> Path:
    """Train everybody on one seed, ask everybody; returns the run folder."""
    recipe, run = read_config(RECIPE, Recipe), out / f"run-{seed}"
    trained = {(name, task): out / f"{name}-{task}-{seed}" for task in TASKS for name in PUPILS}
    for (name, task), folder in trained.items():
        call("finetune", name, "--task", task, "--config", RECIPE, "--data", data, "--seed", seed, "--out", folder)
    ours, steps = out / f"faceinsight-{seed}", recipe.training.steps * len(TASKS)
    file = out / f"faceinsight-{seed}.toml"
    file.write_text(OURS.format(seed=seed, steps=steps, batch=recipe.training.batch, every=steps // 3))
    call("train", "faceinsight", "--config", file, "--data", data, "--out", ours)
    everybody = ",".join((*PUPILS, f"faceinsight@{ours / 'model'}", "specialists", "floors"))
    call("run", "--models", everybody, "--tasks", ",".join(TASKS), "--out", run)
    for task in TASKS:
        call("run", "--models", ",".join(f"{n}@{trained[n, task]}" for n in PUPILS), "--tasks", task, "--out", run)
    return run


def rows(run: Path) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Contender, question and its metrics in percent; a fine-tuned MLLM is one contender, whatever its task."""
    for score in json.loads((run / "scores.json").read_text()):
        name, _, folder = score["model"].partition("@")
        who = name if not folder else "faceinsight" if name == "faceinsight" else f"{name}, fine-tuned"
        yield who, score["question"], {metric: 100 * score["metrics"][metric]["value"] for metric in METRICS}


def said(values: list[float]) -> str:
    """Mean and half of the 95 % t-interval over seeds; a contender that is not trained has none."""
    found = spread(values)
    assert found is not None
    if found.high is None or max(values) == min(values):
        return f"{found.mean:.1f}"
    return f"{found.mean:.1f} ± {found.high - found.mean:.1f}"


def table(runs: list[Path]) -> Iterator[str]:
    """Tables 1-3 and 5 as Markdown; the accuracies of 2 and 3 are table 4."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in runs:
        for who, question, metrics in rows(run):
            for metric, value in metrics.items():
                found.setdefault((who, question), {}).setdefault(metric, []).append(value)
    contenders = list(dict.fromkeys(who for who, _ in found))
    for number, questions in COLUMNS.items():
        for question in questions:
            yield f"\n| table {number}: {question} | {' | '.join(METRICS)} |\n|---|{'---:|' * len(METRICS)}"
            for who in contenders:
                if metrics := found.get((who, question)):
                    yield f"| {who} | {' | '.join(said(metrics[metric]) for metric in METRICS)} |"


def main() -> None:
    """Fight on every seed and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = training_faces()
    print("\n".join(table([fight(options.out, int(seed), data) for seed in options.seeds.split(",")])))


if __name__ == "__main__":
    main()
