"""FaceInsight's training (faceinsight/trainer.py): stops at the accuracy over all label spaces, keeps the adapters."""

# mypy: disallow-untyped-calls=False

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from transformers import EvalPrediction, TrainerCallback

from faceinsight.assembly import Built
from faceinsight.checkpoint import load_adapters, read_adapters, save_adapters
from faceinsight.lessons import TRUTH, Lessons
from faceinsight.recipe import Training
from faceinsight.scoring import accuracies
from faceinsight.trainer import METRIC, LeanTrainer, Plan

IMAGE_ADAPTER = "multi_modal_projector."


@dataclass(frozen=True)
class Course:
    """Everything a training needs.

    Args:
        built: the model and its processor.
        training: the settings.
        train, validation: examples.
        weights: of the training faces, float64 [N].
        folder: for checkpoints; it belongs to this training alone.
    """

    built: Built
    training: Training
    train: Lessons
    validation: Lessons
    weights: np.ndarray
    folder: Path
    callbacks: Sequence[TrainerCallback] = ()


def train(course: Course) -> "FaceTrainer":
    """Train, or go on where a killed training stopped; the model ends with the weights of its best evaluation."""
    trainer = FaceTrainer(course)
    trainer.go()
    return trainer


class FaceTrainer(LeanTrainer):
    """Draws faces; its metric is the mean over label spaces."""

    def __init__(self, course: Course) -> None:
        self.course = course
        super().__init__(
            Plan(course.training, course.weights, course.folder, course.callbacks),
            {"label_names": list(TRUTH)},
            model=course.built.model,
            train_dataset=course.train,
            eval_dataset=course.validation,
            data_collator=course.train.collate,
            compute_metrics=self._metrics,
        )

    def _metrics(self, found: EvalPrediction) -> dict[str, float]:
        truth, mask = (np.asarray(part).astype(bool) for part in found.label_ids)
        each = accuracies(self.course.validation.faces.joint, np.asarray(found.predictions), truth, mask)
        return {METRIC: float(np.mean(list(each.values()))), **{f"accuracy {name}": v for name, v in each.items()}}

    def rate_of(self, name: str) -> float:
        """The image adapter may have a rate of its own."""
        settings = self.course.training
        return settings.image_rate if IMAGE_ADAPTER in name and settings.image_rate else settings.rate

    def keep(self, state: dict[str, Tensor], folder: Path) -> None:
        """The adapters alone."""
        save_adapters(state, folder)

    def kept(self, folder: Path) -> dict[str, Tensor]:
        """The adapters."""
        return read_adapters(folder)

    def load_whole(self, model: nn.Module, folder: Path) -> None:
        """The adapters, checked."""
        load_adapters(model, folder)
