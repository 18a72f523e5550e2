"""One training of the grid: it stops at the accuracy of generated answers, read and scored as in a run."""

# mypy: disallow-untyped-calls=False

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import TrainerCallback

from faceinsight.trainer import METRIC, LeanTrainer, Plan
from harness.finetune.desk import Desk, answer_loss, examine
from harness.finetune.lessons import Lesson, Lessons
from harness.finetune.network import FILE, Pupil, kind_of, learnt, load_learnt, save_learnt
from harness.finetune.recipe import Learning
from harness.finetune.trials import Evaluation, Trial
from harness.records import Decoding


@dataclass(frozen=True)
class Course:
    """Everything a training needs.

    Args:
        pupil: the model.
        training: the settings, the rate among them.
        train, validation: lessons.
        shares: how the questions share what is drawn.
        decoding: how validation answers are generated.
        folder: for checkpoints; it belongs to this training alone.
    """

    pupil: Pupil
    training: Learning
    train: Lessons
    validation: Lessons
    shares: str
    decoding: Decoding
    folder: Path
    callbacks: Sequence[TrainerCallback] = ()


class FineTuner(LeanTrainer):
    """Draws lessons; its metric is the mean accuracy over the questions of the task."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.desk = Desk(course.pupil.adapter)
        model = course.pupil.model
        self.names = {name for name, weight in model.named_parameters() if weight.requires_grad}
        extra: dict[str, Any] = {
            "bf16": course.training.precision == "bfloat16",
            # The layers above the one whose features are taken learn nothing.
            "ddp_find_unused_parameters": course.pupil.encoder,
            "gradient_checkpointing_kwargs": {"use_reentrant": False},
        }
        super().__init__(
            Plan(course.training, course.train.weights(course.shares), course.folder, course.callbacks),
            extra,
            model=model,
            train_dataset=_Drawn(course.train),
            eval_dataset=_Drawn(course.validation),
            data_collator=self.desk.collate,
            compute_loss_func=answer_loss,
        )

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Ask the validation questions; nothing of the loss is looked at."""
        self.model.eval()
        self.model._is_fsdp_managed_module = self.is_fsdp_enabled  # then all processes go on until the last has ended
        with self.accelerator.autocast():
            found = examine(self.desk, self.course.validation, self.course.decoding, self.course.training.batch)
        named = {METRIC: float(np.mean(list(found.values()))), **{f"accuracy {name}": v for name, v in found.items()}}
        said = {f"{metric_key_prefix}_{name}": value for name, value in named.items()}
        self.log(said)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, said)
        return said

    def rate_of(self, name: str) -> float:
        """Projector and image encoder may have rates of their own."""
        settings = self.course.training
        own = {"projector": settings.image_rate, "encoder": settings.encoder_rate}
        return own.get(kind_of(name)) or settings.rate

    def keep(self, state: dict[str, Tensor], folder: Path) -> None:
        """What learns alone."""
        save_learnt(learnt(state, self.names), folder)

    def kept(self, folder: Path) -> dict[str, Tensor]:
        """What learns."""
        return load_file(folder / FILE)

    def load_whole(self, model: nn.Module, folder: Path) -> None:
        """What learns, checked."""
        load_learnt(model, folder)


def trial_of(trainer: FineTuner, rate: float, seconds: float) -> Trial:
    """What is recorded of a training that has ended."""
    history = _history(trainer.state.log_history)
    chosen = max(history, key=lambda one: one.accuracy)
    at = next(row for row in trainer.state.log_history if row["step"] == chosen.step and "eval_accuracy" in row)
    head = "eval_accuracy "
    return Trial(
        rate=rate,
        accuracy=chosen.accuracy,
        by_question={name.removeprefix(head): value for name, value in at.items() if name.startswith(head)},
        best_step=chosen.step,
        steps=trainer.state.global_step,
        seconds=seconds,
        learning=trainer.course.pupil.learning,
        history=history,
    )


def _history(log: list[dict[str, Any]]) -> tuple[Evaluation, ...]:
    found, loss = [], None
    for row in log:
        loss = row.get("loss", loss)
        if "eval_accuracy" in row:
            found.append(Evaluation(step=row["step"], accuracy=row["eval_accuracy"], loss=loss))
    return tuple(found)


class _Drawn(Dataset[Lesson]):
    """Lessons as torch takes them."""

    def __init__(self, lessons: Lessons) -> None:
        self.lessons = lessons

    def __len__(self) -> int:
        return len(self.lessons)

    def __getitem__(self, index: Any) -> Lesson:
        return self.lessons[index]
