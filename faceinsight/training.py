"""FaceInsight's training on HF Trainer: AdamW, cosine with warm-up, early stopping on validation accuracy, resumption.

One process, several (DDP or FSDP2, started by torchrun or accelerate launch) and several nodes are the same code.
Checkpoints hold what learns, not the frozen 15 GB.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.utils.data import Sampler
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from faceinsight.assembly import Built
from faceinsight.checkpoint import load_adapters, read_adapters, save_adapters
from faceinsight.lessons import TRUTH, Lessons, WeightedDraws
from faceinsight.recipe import Training
from faceinsight.scoring import accuracies

IMAGE_ADAPTER = "multi_modal_projector."
METRIC = "accuracy"
"""The mean over label spaces: what training stops at."""


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
    last = get_last_checkpoint(str(course.folder)) if course.folder.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    return trainer


class FaceTrainer(Trainer):
    """A Trainer that draws faces by weight and saves what learns."""

    def __init__(self, course: Course) -> None:
        self.course = course
        super().__init__(
            model=course.built.model,
            args=_arguments(course.training, course.folder),
            train_dataset=course.train,
            eval_dataset=course.validation,
            data_collator=course.train.collate,
            compute_metrics=self._metrics,
            callbacks=[EarlyStoppingCallback(course.training.patience), *course.callbacks],
        )
        self.remove_callback(PrinterCallback)  # who wants to see the log brings a callback of their own

    def weights(self) -> dict[str, Tensor]:
        """All weights by name, whole; under FSDP every process must ask, and the first one gets them."""
        gathered: dict[str, Tensor] = self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else {}
        return gathered or self.model.state_dict()

    def _metrics(self, found: EvalPrediction) -> dict[str, float]:
        truth, mask = (np.asarray(part).astype(bool) for part in found.label_ids)
        each = accuracies(self.course.validation.faces.joint, np.asarray(found.predictions), truth, mask)
        return {METRIC: float(np.mean(list(each.values()))), **{f"accuracy {name}": v for name, v in each.items()}}

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[Any]:
        settings = self.args
        count = settings.max_steps * settings.train_batch_size * settings.gradient_accumulation_steps
        return WeightedDraws(self.course.weights, count * settings.world_size, self.course.training.seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW over what learns; the image adapter may have a rate of its own."""
        if self.optimizer is None:
            settings = self.course.training
            learning = [(n, w) for n, w in (model or self.model).named_parameters() if w.requires_grad]
            groups: dict[float, list[Tensor]] = {}
            for name, weight in learning:
                rate = settings.image_rate if IMAGE_ADAPTER in name and settings.image_rate else settings.rate
                groups.setdefault(rate, []).append(weight)
            params = [{"params": weights, "lr": rate} for rate, weights in groups.items()]
            self.optimizer = torch.optim.AdamW(params, lr=settings.rate, weight_decay=settings.weight_decay)
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """The adapters alone; under FSDP the Trainer hands over the gathered weights."""
        folder = Path(output_dir or self.args.output_dir)
        save_adapters(state_dict if state_dict is not None else self.model.state_dict(), folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self._load(model or self.model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        assert self.state.best_model_checkpoint is not None
        self._load(self.model, Path(self.state.best_model_checkpoint))

    def _load(self, model: nn.Module, folder: Path) -> None:
        if self.is_fsdp_enabled:  # each process puts its shard of the whole weights in place
            options = StateDictOptions(full_state_dict=True, strict=False)
            set_model_state_dict(model, read_adapters(folder), options=options)
        else:
            load_adapters(model, folder)


def _arguments(training: Training, folder: Path) -> TrainingArguments:
    """The settings in the Trainer's words."""
    sharded = training.sharding == "fsdp"
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch,
        per_device_eval_batch_size=training.batch,
        gradient_accumulation_steps=training.accumulate,
        learning_rate=training.rate,
        lr_scheduler_type="cosine",
        warmup_steps=int(training.warmup * training.steps),
        max_grad_norm=training.clip,
        gradient_checkpointing=training.activation_checkpointing and not sharded,
        fsdp=sharded or None,
        fsdp_config=_sharding(training) if sharded else None,
        eval_strategy="steps",
        eval_steps=training.evaluate_every,
        save_strategy="steps",
        save_steps=training.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=METRIC,
        greater_is_better=True,
        logging_steps=min(50, training.evaluate_every),
        dataloader_num_workers=training.workers,
        remove_unused_columns=False,
        label_names=list(TRUTH),
        ddp_find_unused_parameters=False,
        use_cpu=not torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        seed=training.seed,
        data_seed=training.seed,
    )


def _sharding(training: Training) -> dict[str, Any]:
    return {
        "version": 2,
        "transformer_layer_cls_to_wrap": ["LlamaDecoderLayer", "CLIPEncoderLayer"],
        "activation_checkpointing": training.activation_checkpointing,
        "state_dict_type": "FULL_STATE_DICT",
    }
