"""Train the miniature of FaceInsight: the stand-ins, then FaceInsight by its own command's code."""

import copy
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from faceinsight.assembly import Built, pretrained
from faceinsight.modeling import TRAINED
from faceinsight.prepare import course, material
from faceinsight.recipe import Recipe, load_recipe
from faceinsight.training import FaceTrainer, train
from harness.maps import NAME as MAPS
from harness.miniatures.faceinsight.standins import StandIns

RECIPE = Path(__file__).with_name("recipe.toml")


@dataclass
class Training:
    """One training of the miniature; the same command goes on where a killed one stopped.

    Args:
        recipe_file: the training of FaceInsight itself; its frozen parts are replaced by the stand-ins.
        root: the training faces.
        cache: for checkpoints.
        seed: of all weights and batches.
    """

    recipe_file: Path
    root: Path
    cache: Path
    seed: int = 0

    def run(self) -> FaceTrainer:
        """All stages, or what is left of them."""
        torch.set_num_threads(1)  # networks this small only wait for a second thread
        sizes = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
        recipe = load_recipe(self.recipe_file, Recipe)
        found = material(recipe, self.root)
        work = self.cache / f"faceinsight-{_mark(sizes, self.seed)}"
        parts = StandIns(found.train, self.root / MAPS, sizes, work, self.seed).parts()
        recipe = _with_seed(recipe, self.seed)
        folder = work / f"checkpoints-{_mark(recipe.model_dump(mode='json'), self.seed)}"
        frozen = pretrained(parts, torch.float32)
        return train(course(recipe, found, frozen, self.root / MAPS, folder))


def save(built: Built, folder: Path) -> None:
    """Write the miniature: the frozen parts in bfloat16, what learnt in float32."""
    half: Any = copy.deepcopy(built.model)
    half.config.parts = None  # folders of this machine
    for name, weight in half.named_parameters():
        if not name.startswith(TRAINED) and not name.startswith("lm_head"):
            weight.data = weight.data.to(torch.bfloat16)
    half.save_pretrained(folder)
    built.processor.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": seed})})


def _mark(content: dict[str, Any], seed: int) -> str:
    return hashlib.sha256(f"{sorted(content.items())} {seed}".encode()).hexdigest()[:12]
