"""HF Trainer as both trainings use it: weighted draws, AdamW, cosine with warm-up, early stopping, resumption.

One process, several (DDP or FSDP2, started by torchrun or accelerate launch) and several nodes are the same code.
Checkpoints hold what learns, not the frozen gigabytes.
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
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from faceinsight.lessons import WeightedDraws
from faceinsight.recipe import Training

METRIC = "accuracy"
"""What training stops at."""
_WRITTEN_LAST = "trainer_state.json"


@dataclass(frozen=True)
class Plan:
    """How is learnt, and from what.

    Args:
        training: the settings.
        weights: how often each example is drawn, float64 [N].
        folder: for checkpoints; it belongs to this training alone.
        callbacks: beside early stopping.
    """

    training: Training
    weights: np.ndarray
    folder: Path
    callbacks: Sequence[TrainerCallback] = ()


class LeanTrainer(Trainer):
    """A Trainer that draws examples by weight and saves what learns; a subclass says what that is.

    Args:
        plan: settings, weights and folder.
        extra: arguments of the training in the Trainer's words, beside those of the plan.
        words: what else the Trainer wants: model, data, collator, metrics.
    """

    def __init__(self, plan: Plan, extra: dict[str, Any], **words: Any) -> None:
        self.plan = plan
        super().__init__(
            args=_arguments(plan.training, plan.folder, extra, blocks_of(words["model"])),
            callbacks=[EarlyStoppingCallback(plan.training.patience), *plan.callbacks],
            **words,
        )
        self.remove_callback(PrinterCallback)  # who wants to see the log brings a callback of their own

    def go(self) -> None:
        """Train, or go on where a killed training stopped; the model ends with the weights of its best evaluation."""
        self.train(resume_from_checkpoint=_last_whole(self.plan.folder))

    def weights(self) -> dict[str, Tensor]:
        """All weights by name, whole; under FSDP every process must ask, and the first one gets them."""
        gathered: dict[str, Tensor] = self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else {}
        return gathered or self.model.state_dict()

    def rate_of(self, name: str) -> float:
        """The peak rate of a weight."""
        raise NotImplementedError

    def keep(self, state: dict[str, Tensor], folder: Path) -> None:
        """Write what of the weights learns."""
        raise NotImplementedError

    def kept(self, folder: Path) -> dict[str, Tensor]:
        """What was written, by name."""
        raise NotImplementedError

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[Any]:
        settings = self.args
        count = settings.max_steps * settings.train_batch_size * settings.gradient_accumulation_steps
        return WeightedDraws(self.plan.weights, count * settings.world_size, self.plan.training.seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW over what learns; parts of it may have rates of their own."""
        if self.optimizer is None:
            settings = self.plan.training
            groups: dict[float, list[Tensor]] = {}
            for name, weight in (model or self.model).named_parameters():
                if weight.requires_grad:
                    groups.setdefault(self.rate_of(name), []).append(weight)
            params = [{"params": weights, "lr": rate} for rate, weights in groups.items()]
            self.optimizer = torch.optim.AdamW(params, lr=settings.rate, weight_decay=settings.weight_decay)
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Under FSDP the Trainer hands over the gathered weights."""
        state = state_dict if state_dict is not None else self.model.state_dict()
        self.keep(state, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self._load(model or self.model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        assert self.state.best_model_checkpoint is not None
        self._load(self.model, Path(self.state.best_model_checkpoint))

    def _load(self, model: nn.Module, folder: Path) -> None:
        if self.is_fsdp_enabled:  # each process puts its shard of the whole weights in place
            options = StateDictOptions(full_state_dict=True, strict=False)
            set_model_state_dict(model, self.kept(folder), options=options)
        else:
            self.load_whole(model, folder)

    def load_whole(self, model: nn.Module, folder: Path) -> None:
        """Put what was written into a model that is not sharded."""
        model.load_state_dict(self.kept(folder), strict=False)


def blocks_of(model: nn.Module) -> list[str]:
    """The classes of the layers that follow one another in a network: what FSDP shards one by one."""
    rows = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return sorted({type(block).__name__ for row in rows for block in row})


def _last_whole(folder: Path) -> str | None:
    """The last checkpoint that was written to its end; one that a kill cut short will be written again."""
    whole = [file.parent for file in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{_WRITTEN_LAST}")]
    return str(max(whole, key=lambda one: int(one.name.rpartition("-")[2]))) if whole else None


def _arguments(training: Training, folder: Path, extra: dict[str, Any], blocks: Sequence[str]) -> TrainingArguments:
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
        fsdp_config=_sharding(training, blocks) if sharded else None,
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
        use_cpu=not torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        seed=training.seed,
        data_seed=training.seed,
        **{"ddp_find_unused_parameters": False} | extra,
    )


def _sharding(training: Training, blocks: Sequence[str]) -> dict[str, Any]:
    return {
        "version": 2,
        "transformer_layer_cls_to_wrap": list(blocks),
        "activation_checkpointing": training.activation_checkpointing,
        "state_dict_type": "FULL_STATE_DICT",
    }
