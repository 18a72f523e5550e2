"""One trial of an ablation: a variant of the model trained on one seed under one condition, and scored on test faces.

Variants differ in their configuration alone: the frozen parts, the faces, the steps and the read-out are the same.

Shapes: N faces, K characteristics.
"""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from pydantic import Field

from faceinsight.assembly import Built, Frozen
from faceinsight.faces import LabelledFaces, load
from faceinsight.lessons import TRUTH, Lessons
from faceinsight.prepare import Material, course, material
from faceinsight.recipe import Recipe, Settings
from faceinsight.scoring import Floats, broken_rules
from faceinsight.training import train
from harness.records import Record
from tasks.datasets.split import luck
from tasks.ranking import Ranked, average_precisions

VARIANTS: dict[str, dict[str, Any]] = {
    "org": {"segmentation": False, "gcn_layers": 0, "logic_weight": 0.0},
    "org+seg": {"gcn_layers": 0, "logic_weight": 0.0},
    "org+seg+corr": {"logic_weight": 0.0},
    "org+seg+corr+lgc": {},
}
"""Section 4.5 of the paper: what each takes away from the full model."""
BATCH = 100


class Condition(Record):
    """What makes the task hard, beside the standard one, in which nothing does."""

    name: str
    variants: tuple[str, ...] = tuple(VARIANTS)
    omegas: tuple[float, ...] = ()
    """Values of omega for which the full model is trained as well (figure 8b)."""
    labelled: float = Field(default=1.0, gt=0, le=1)
    """Share of the annotated cells that training is shown; the others count as not annotated."""
    contrast: float = Field(default=1.0, ge=0, le=1)
    """Of the pictures, in training and test; maps stay as they are."""
    blur: float = Field(default=0.0, ge=0)
    """Standard deviation of a Gaussian filter over the pictures, as a fraction of their width."""
    steps: int | None = Field(default=None, ge=1)
    """In place of the recipe's."""

    def treat(self, picture: Image.Image) -> Image.Image:
        """The picture as this condition shows it."""
        faint = ImageEnhance.Contrast(picture).enhance(self.contrast)
        return faint.filter(ImageFilter.GaussianBlur(self.blur * picture.width)) if self.blur else faint

    @property
    def treats(self) -> bool:
        """Whether it changes pictures at all."""
        return self.contrast < 1 or self.blur > 0


class AblationRecipe(Recipe):
    """A recipe with the trials that are made of it."""

    seeds: tuple[int, ...] = (0, 1, 2)
    conditions: tuple[Condition, ...]


class Job(Record):
    """What one trial trains."""

    condition: Condition
    variant: str
    seed: int
    omega: float | None = None
    """In place of the recipe's."""

    def recipe(self, base: Recipe) -> Recipe:
        """The recipe of this trial: the variant's parts, the seed, no early stop, and one evaluation at the end."""
        changes = VARIANTS[self.variant] | ({} if self.omega is None else {"omega": self.omega})
        steps = self.condition.steps or base.training.steps
        training = {"seed": self.seed, "steps": steps, "evaluate_every": steps}
        return base.model_copy(
            update={
                "model": Settings.model_validate(base.model.model_dump() | changes),
                "training": base.training.model_copy(update=training),
            }
        )


class Result(Record):
    """What a trained variant does on test faces."""

    faces: int
    accuracy: float
    mean_average_precision: float
    accuracy_by_label: dict[str, float]
    precision_by_label: dict[str, float]
    """Average precision, of labels that vary."""
    present_by_label: dict[str, float]
    impossible: float
    incomplete: float
    broken: dict[str, float]
    seconds: float


class Bench:
    """Runs the trials of one recipe, one after the other; prepared pictures are kept from trial to trial.

    Args:
        recipe: the base of all trials.
        root: of the datasets.
        maps: folder of segmentation maps.
        work: for checkpoints, which go when a trial ends.
    """

    def __init__(self, recipe: Recipe, root: Path, maps: Path, work: Path) -> None:
        self.recipe = recipe
        self.maps = maps
        self.work = work
        self.material = material(recipe, root)
        data = recipe.data
        self.test = load(root, data.datasets, "test", self.material.train.joint, data.test_limit)
        self._pictures: dict[tuple[str, str, bool], dict[int, dict[str, torch.Tensor]]] = {}

    def run(self, job: Job, frozen: Frozen) -> Result:
        """Train and score."""
        started = time.monotonic()
        found = self._shown(job.condition)
        folder = self.work / f"{job.condition.name}-{job.variant}-{job.omega}-{job.seed}".replace(" ", "_")
        prepared = course(job.recipe(self.recipe), found, frozen, self.maps, folder)
        for name, lessons in (("train", prepared.train), ("validation", prepared.validation)):
            self._share(lessons, job.condition, name)
        train(prepared)
        shutil.rmtree(folder, ignore_errors=True)
        return self._score(self._logits(prepared.built, job.condition), found, time.monotonic() - started)

    def _shown(self, condition: Condition) -> Material:
        """The material with the labels this condition shows; which cells those are is the same for every variant."""
        if condition.labelled == 1:
            return self.material
        faces = self.material.train
        names = [f"{faces.dataset(row)} {faces.id(row)}" for row in range(len(faces))]
        chance_NK = np.stack([luck(f"{name} {column}" for name in names) for column in faces.joint.names], axis=1)
        shown = replace(faces, mask_NK=faces.mask_NK & (chance_NK < condition.labelled))
        return Material(shown, self.material.validation, self.material.rules, self.material.table)

    def _share(self, lessons: Lessons, condition: Condition, name: str) -> None:
        """Let lessons of one condition and one set of faces use the same prepared pictures."""
        lessons.treat = condition.treat if condition.treats else None
        key = (condition.name if condition.treats else "", name, lessons.maps is not None)
        lessons.pictures = self._pictures.setdefault(key, {})

    @torch.inference_mode()
    def _logits(self, built: Built, condition: Condition) -> Floats:
        maps = self.maps if built.model.config.seg_config is not None else None
        lessons = Lessons(self.test, built.processor, maps)
        self._share(lessons, condition, "test")
        built.model.eval()
        found = []
        for start in range(0, len(lessons), BATCH):
            rows = [lessons[row] for row in range(start, min(start + BATCH, len(lessons)))]
            batch = lessons.collate(rows)
            known = {name: batch[name].to(built.model.device) for name in batch if name not in TRUTH}
            found.append(built.model.characteristic_logits(**known).cpu().numpy())
        return np.concatenate(found)

    def _score(self, logits_NK: Floats, found: Material, seconds: float) -> Result:
        faces = self.test
        right_NK = (logits_NK > 0) == faces.labels_NK
        tally = broken_rules(found.rules, faces.joint, logits_NK)
        precision_K = average_precisions(Ranked(faces.labels_NK, faces.mask_NK, logits_NK.astype(np.float64)))
        known = [(name, column) for column, name in enumerate(faces.joint.names) if faces.mask_NK[:, column].any()]
        return Result(
            faces=len(faces),
            accuracy=float(right_NK[faces.mask_NK].mean()),
            mean_average_precision=float(np.nanmean(precision_K)),
            precision_by_label={n: float(precision_K[c]) for n, c in known if np.isfinite(precision_K[c])},
            accuracy_by_label=_by_label(known, right_NK, faces),
            present_by_label=_by_label(known, faces.labels_NK, faces),
            impossible=tally.impossible / len(faces),
            incomplete=tally.incomplete / len(faces),
            broken={rule.rule: rule.broken / len(faces) for rule in tally.rules},
            seconds=seconds,
        )


def _by_label(known: list[tuple[str, int]], values_NK: Any, faces: LabelledFaces) -> dict[str, float]:
    return {name: float(values_NK[faces.mask_NK[:, column], column].mean()) for name, column in known}
