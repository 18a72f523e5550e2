"""`python -m harness train faceinsight`: from a config to a trained model. torchrun starts several processes of it."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, distributed
from transformers import TrainerCallback
from transformers.trainer_callback import TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from adapters.spec import MINIATURES
from faceinsight import checkpoint, correlations
from faceinsight.assembly import Built, Frozen, frozen_half, pretrained
from faceinsight.prepare import Material, course, material
from faceinsight.recipe import Recipe, load_recipe
from faceinsight.trainer import METRIC
from faceinsight.training import FaceTrainer, train
from harness.engines.quiet import quiet
from harness.engines.threads import set_threads
from harness.errors import ConfigError
from harness.maps import NAME as MAPS
from harness.toys import training_faces
from tasks.datasets.options import DataOptions

RECIPES = Path(checkpoint.__file__).parent / "recipes"
MINIATURE = "miniature"


def train_faceinsight(
    config: Path, data: Path | None, maps: Path | None, out: Path, whole: bool, choices: DataOptions = DataOptions()
) -> Path:
    """Train as the config says, or go on where a killed training stopped.

    Args:
        config: a recipe.
        data: the root of the datasets; None draws toy faces.
        maps: the folder of segmentation maps; None is `maps` under the root.
        out: folder for checkpoints and the result; it belongs to this config.
        whole: whether the result holds the frozen parts too.
        choices: what was chosen about the datasets.

    Returns:
        The folder of the trained model.

    Raises:
        HarnessError: a malformed config, missing data or parts, or a folder of another config.
    """
    quiet()
    first = int(os.environ.get("RANK", "0")) == 0
    console = Console(quiet=not first)
    recipe = load_recipe(config, Recipe)
    root = data or training_faces()
    _claim(out, recipe, choices, first)
    found = material(recipe, root, choices)
    _show(console, recipe, found)
    if first:
        correlations.write(out / correlations.NAME, found.correlations)
    set_threads(0)
    frozen = frozen_parts(recipe)
    trainer = train(course(recipe, found, frozen, maps or root / MAPS, out / "checkpoints", [Progress(console)]))
    weights = trainer.weights()
    if first:
        save(trainer.course.built, weights, out / "model", whole or recipe.parts is None)
        _conclude(console, trainer, out / "model")
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()  # torchrun ends in an abort otherwise
    return out / "model"


def frozen_parts(recipe: Recipe) -> Frozen:
    """The frozen half that a recipe names."""
    dtype = torch.bfloat16 if recipe.training.precision == "bfloat16" else torch.float32
    if recipe.parts is not None:
        return pretrained(recipe.parts, dtype)
    assert recipe.frozen is not None
    return frozen_half(frozen_folder(recipe.frozen), dtype)


def frozen_folder(name: str) -> Path:
    """The folder of a FaceInsight whose frozen half is used."""
    return MINIATURES / "faceinsight" if name == MINIATURE else Path(name)


def save(built: Built, weights: Mapping[str, Tensor], folder: Path, whole: bool) -> None:
    """Write the model as a whole, or its adapters with the names of the frozen parts."""
    shutil.rmtree(folder, ignore_errors=True)
    built.processor.save_pretrained(folder)
    if whole:
        built.model.save_pretrained(folder, state_dict=dict(weights))
    else:
        checkpoint.save_adapters(weights, folder)
        built.model.config.save_pretrained(folder)
        built.model.generation_config.save_pretrained(folder)


def _claim(out: Path, recipe: Recipe, choices: DataOptions, first: bool) -> None:
    """A folder of checkpoints belongs to one config: another one would go on from weights it never asked for."""
    chosen = choices.protocol()
    file, own = out / "recipe.json", recipe.model_dump_json(indent=1) + "\n"
    own += json.dumps(chosen, sort_keys=True) + "\n" if chosen else ""  # folders from before there was a choice stay
    if file.is_file() and file.read_text(encoding="utf-8") != own:
        raise ConfigError(f"{out} holds a training with another config: choose another folder with --out.")
    if first:
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(own, encoding="utf-8")


def _show(console: Console, recipe: Recipe, found: Material) -> None:
    console.print(f"[bold]{recipe.title}[/bold] ({recipe.hardware})")
    console.print(f"{len(found.train)} faces to learn from, {len(found.validation)} to stop at: {found.train.sizes()}")
    console.print(found.table, markup=False, highlight=False, soft_wrap=True)


def _conclude(console: Console, trainer: FaceTrainer, folder: Path) -> None:
    best = trainer.state.best_metric
    console.print(f"best validation {METRIC} {best:.4f}; model: {folder}", soft_wrap=True)
    console.print(f"python -m harness run --models faceinsight@{folder} ...", markup=False, soft_wrap=True)


class Progress(TrainerCallback):
    """A line per evaluation."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Print what the Trainer logs."""
        logs = kwargs.get("logs")
        if isinstance(logs, dict):
            said = ", ".join(f"{name} {value:.4g}" for name, value in logs.items() if isinstance(value, float))
            self.console.print(f"step {state.global_step} of {state.max_steps}: {said}", markup=False, soft_wrap=True)
