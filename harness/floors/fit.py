"""`python -m harness train majority|prior|clip-probe`: from the training split's labels to a folder that answers."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from adapters.fitted import CONFIG, Fitted, Source, reach
from harness.errors import UnknownNameError
from harness.floors import NAMES
from harness.floors.gold import SPLIT, Gold, Lesson, counted, read_gold
from harness.places import cache_folder
from harness.records import Record
from harness.toys import training_faces
from tasks.datasets.options import DataOptions

Tell = Callable[[str], None]
_WHAT = {
    "majority": "The most frequent label of the training split; of attributes those that most faces have.",
    "prior": "A label drawn as often as the training split has it; each attribute by its own rate.",
    "clip-probe": "Logistic regression on the features of a frozen CLIP image tower.",
}


class FitOptions(Record):
    """The words of the command line."""

    data: Path | None = None
    """The root of the datasets; None draws toy faces."""
    datasets: DataOptions = DataOptions()
    out: Path | None = None
    """The model goes into its folder `model`; None is runs/NAME."""
    limit: int | None = None
    seed: int = 0
    tower: str | None = None
    """Of clip-probe: a CLIP as folder, REPO or REPO@REVISION, or "miniature"; None is the paper's, on toy faces the
    miniature."""
    device: str = "auto"


def fit(name: str, options: FitOptions, console: Console | None = None) -> Path:
    """Fit a floor and write it.

    Returns:
        The folder of the model.

    Raises:
        UnknownNameError: there is no such floor.
        HarnessError: missing or damaged data, or no tower.
    """
    if name not in NAMES:
        raise UnknownNameError.of("floor", name, NAMES, "`python -m harness train --help`")
    tell = partial((console or Console()).print, markup=False, highlight=False, soft_wrap=True)
    gold = read_gold(options.data or training_faces(), options.datasets, options.limit, options.seed)
    for dataset, reason in gold.skipped.items():
        tell(f"{dataset} is left out: {reason}")
    tell(f"{name}: {', '.join(f'{lesson.question.name} {len(lesson.faces):,}' for lesson in gold.lessons)} faces")
    folder = (options.out or Path("runs", name)) / "model"
    fresh = folder.with_name(".model.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    _write(name, gold, options, fresh, tell)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(fresh, folder)
    tell(f"python -m harness run --models {name}@{folder} ...")
    return folder


def _write(name: str, gold: Gold, options: FitOptions, folder: Path, tell: Tell) -> None:
    about = _about(name, gold, options)
    if name == "clip-probe":
        from harness.floors.probe import write_probe  # torch and scikit-learn

        found: Fitted = write_probe(gold, about, options.tower or default_tower(options.data), options, folder, tell)
    else:
        found = Fitted(**about)
    (folder / CONFIG).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")


def default_tower(data: Path | None) -> str:
    """The tower of real faces or that of drawn ones."""
    return "miniature" if data is None else "openai/clip-vit-large-patch14"


def features_folder() -> Path:
    """Where features are kept, a folder for each tower."""
    return cache_folder() / "features"


def _about(name: str, gold: Gold, options: FitOptions) -> dict[str, Any]:
    heads = {space: counted(space, lessons) for space, lessons in gold.by_space().items()}
    limit = f" --limit {options.limit}" if options.limit else ""
    return {
        "model_type": name,
        "what": _WHAT[name],
        "command": f"python -m harness train {name}{limit}",
        "answers_in": reach(tuple(heads)),
        "heads": heads,
        "sources": {lesson.question.name: _source(lesson) for lesson in gold.lessons},
        "datasets": options.datasets.protocol(),
        "limit": options.limit,
        "seed": options.seed,
        "versions": {package: version(package) for package in _PACKAGES[name]},
    }


_PACKAGES = {
    "majority": ("face-perception-harness", "numpy"),
    "prior": ("face-perception-harness", "numpy"),
    "clip-probe": ("face-perception-harness", "numpy", "scikit-learn", "torch", "transformers"),
}


def _source(lesson: Lesson) -> Source:
    return Source(dataset=lesson.question.dataset, split=SPLIT, faces=len(lesson.faces))
