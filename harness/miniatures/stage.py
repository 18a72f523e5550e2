"""A stage of training: optimiser steps that can be cut off at any moment and taken up again."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
SAVE_EVERY_S = 60
REPORT_EVERY = 100
CLIP = 1.0
"""The largest norm of all gradients together."""

Batch = TypeVar("Batch")


@dataclass
class Stage:
    """A run of optimiser steps with its own learning rate.

    Args:
        file: the checkpoint; a finished stage is read from it and not run again.
        modules: what learns, by name in the checkpoint.
        steps: optimiser steps in all.
        rate: the peak learning rate, after 3 % warm-up; a cosine takes it down to a twentieth.
        seed: of everything drawn at random within a step.
    """

    file: Path
    modules: dict[str, nn.Module]
    steps: int
    rate: float
    seed: int
    slow: tuple[nn.Module, ...] = ()
    """Parts of the modules that learn at another rate, `slow_rate`."""
    slow_rate: float = 0.0
    half: bool = field(default_factory=lambda: fast_in_bfloat16())
    """Whether products are taken in bfloat16."""
    seconds: float = field(default=0.0, init=False)
    """What all its steps took, those before a cut included."""

    def run(self, batches: Iterable[Batch], loss: Callable[[Batch], Tensor]) -> list[float]:
        """Do the steps that are left; returns the loss of each."""
        weights = _weights(self.modules.values())
        optimiser, rates = self._optimiser()
        done = self._resume(optimiser)
        losses: list[float] = []
        saved = time.monotonic()
        for step, batch in zip(range(self.steps), batches, strict=False):
            if step < done:
                continue  # so that the batches of a resumed run are those of an unbroken one
            torch.manual_seed(self.seed * 1_000_003 + step)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * _rate(step / self.steps)
            losses.append(self._step(optimiser, weights, loss, batch))
            self._report(step, losses)
            if time.monotonic() - saved > SAVE_EVERY_S or step + 1 == self.steps:
                self.seconds += time.monotonic() - saved
                saved = time.monotonic()
                self._save(optimiser, step + 1)
        return losses

    def _optimiser(self) -> tuple[torch.optim.Optimizer, list[float]]:
        slow = _weights(self.slow)
        known = {id(weight) for weight in slow}
        fast = [weight for weight in _weights(self.modules.values()) if id(weight) not in known]
        groups = [(weights, rate) for weights, rate in ((fast, self.rate), (slow, self.slow_rate)) if weights]
        settings = [{"params": weights} for weights, _ in groups]
        optimiser = torch.optim.AdamW(settings, lr=self.rate, betas=(0.9, 0.95), weight_decay=0.02)
        return optimiser, [rate for _, rate in groups]

    def _step(
        self, optimiser: torch.optim.Optimizer, weights: Sequence[Tensor], loss: Callable[[Batch], Tensor], batch: Batch
    ) -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            value = loss(batch)
        value.backward()
        nn.utils.clip_grad_norm_([weight for weight in weights if weight.grad is not None], CLIP)
        optimiser.step()
        optimiser.zero_grad()
        return float(value.detach())

    def _report(self, step: int, losses: Sequence[float]) -> None:
        if (step + 1) % REPORT_EVERY == 0:
            recent = losses[-REPORT_EVERY:]
            log.info("%s: step %d of %d, loss %.4f", self.file.stem, step + 1, self.steps, sum(recent) / len(recent))

    def _save(self, optimiser: torch.optim.Optimizer, step: int) -> None:
        state: dict[str, Any] = {name: module.state_dict() for name, module in self.modules.items()}
        fresh = self.file.with_suffix(".new")
        progress = {"step": step, "seconds": self.seconds, "optimiser": optimiser.state_dict()}
        torch.save(progress | state, fresh)
        os.replace(fresh, self.file)

    def _resume(self, optimiser: torch.optim.Optimizer) -> int:
        if not self.file.is_file():
            return 0
        state = torch.load(self.file, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
        optimiser.load_state_dict(state["optimiser"])
        self.seconds = float(state["seconds"])
        return int(state["step"])


def fast_in_bfloat16() -> bool:
    """Whether this processor multiplies faster in bfloat16; one without AVX-512 is ten times slower that way."""
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def _weights(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [weight for module in modules for weight in module.parameters()]


def _rate(part: float) -> float:
    """The learning rate at a part of the way, as a share of its peak."""
    return min(1.0, part / 0.03 + 0.01) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * part)))
