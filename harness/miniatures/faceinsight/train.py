"""Train the miniature of FaceInsight: the stand-ins, then FaceInsight by its own command's code."""

import copy
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from faceinsight.assembly import Built, pretrained
from faceinsight.modeling import TRAINED
from faceinsight.prepare import course, material
from faceinsight.recipe import Recipe, load_recipe
from faceinsight.training import train
from harness.maps import NAME as MAPS
from harness.miniatures.evaluate import Figures
from harness.miniatures.faceinsight.card import Card
from harness.miniatures.faceinsight.standins import StandIns
from harness.train import RECIPES

NAME = "faceinsight"
RECIPE = Path(__file__).with_name("recipe.toml")


class Training:
    """One training of the miniature; the same command goes on where a killed one stopped.

    Args:
        root: the training faces.
        cache: for checkpoints.
        seed: of all weights and batches.
        scale: multiplies all steps.
    """

    def __init__(self, root: Path, cache: Path, seed: int = 0, scale: float = 1.0) -> None:
        torch.set_num_threads(1)  # networks this small only wait for a second thread
        self.root = root
        self.seed = seed
        self.scale = scale
        self.sizes = _scaled(tomllib.loads(RECIPE.read_text(encoding="utf-8")), scale)
        self.recipe = _settled(load_recipe(RECIPES / "tiny.toml", Recipe), seed, scale)
        self.work = cache / f"{NAME}-{_mark(self.sizes, seed)}"
        self.best = 0.0
        self.weights = (0, 0)

    def run(self) -> Built:
        """All stages, or what is left of them."""
        found = material(self.recipe, self.root)
        maps = self.root / MAPS
        self.work.mkdir(parents=True, exist_ok=True)
        parts = StandIns(found.train, maps, self.sizes, self.work, self.seed).parts()
        folder = self.work / f"checkpoints-{_mark(self.recipe.model_dump(mode='json'), self.seed)}"
        trainer = train(course(self.recipe, found, pretrained(parts, torch.float32), maps, folder))
        built = trainer.course.built
        counted = [(weight.numel(), weight.requires_grad) for weight in built.model.parameters()]
        self.weights = (sum(size for size, _ in counted), sum(size for size, learns in counted if learns))
        self.best = trainer.state.best_metric or 0.0
        return built

    def card(self, figures: Mapping[str, Figures]) -> Card:
        """What is said of it."""
        scale = f" --scale {self.scale:g}" if self.scale != 1 else ""
        return Card(
            command=f"python -m harness.miniatures train {NAME} --seed {self.seed}{scale}",
            weights=self.weights[0],
            learning=self.weights[1],
            steps={name: self.sizes[name]["training"]["steps"] for name in self.sizes},
            training=self.recipe.training,
            settings=self.recipe.model,
            best=self.best,
            figures=dict(figures),
        )


def save(built: Built, folder: Path) -> None:
    """Write the miniature: the frozen parts in bfloat16, what learnt and the head in float32."""
    half: Any = copy.deepcopy(built.model)
    half.config.parts = None  # folders of one machine
    for name, weight in half.named_parameters():
        if not name.startswith((*TRAINED, "lm_head")):
            weight.data = weight.data.to(torch.bfloat16)
    half.save_pretrained(folder)
    built.processor.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def _scaled(sizes: dict[str, Any], scale: float) -> dict[str, Any]:
    for part in sizes.values():
        part["training"]["steps"] = max(1, int(part["training"]["steps"] * scale))
    return sizes


def _settled(recipe: Recipe, seed: int, scale: float) -> Recipe:
    steps = max(1, int(recipe.training.steps * scale))
    every = min(recipe.training.evaluate_every, steps)
    training = recipe.training.model_copy(update={"seed": seed, "steps": steps, "evaluate_every": every})
    return recipe.model_copy(update={"training": training})


def _mark(content: dict[str, Any], seed: int) -> str:
    """Checkpoints belong to one recipe and seed: a changed recipe starts anew."""
    return hashlib.sha256(f"{sorted(content.items())} {seed}".encode()).hexdigest()[:12]
