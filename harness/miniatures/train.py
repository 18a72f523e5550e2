"""Train a miniature: first its tower, then the whole network on questions and answers.

The same command continues where a killed one stopped, and the same seed gives the same batches.
"""

import logging
import math
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import registry as models
from adapters.hf import ChatModel
from harness.miniatures import build, corpus, tower
from harness.miniatures.corpus import Lesson
from harness.miniatures.lessons import Desk, Example, schedule

log = logging.getLogger(__name__)
SAVE_EVERY_S = 60
CLIP = 1.0


@dataclass
class Stage:
    """A run of optimiser steps with its own rate, that can be cut off and taken up again.

    Args:
        file: the checkpoint; it is removed by no one, so a finished stage is skipped.
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

    def run(self, batches: Any, loss: Callable[[Any], Tensor]) -> list[float]:
        """Do the steps that are left; returns the loss of each."""
        weights = [weight for module in self.modules.values() for weight in module.parameters()]
        optimiser = torch.optim.AdamW(weights, lr=self.rate, betas=(0.9, 0.95), weight_decay=0.02)
        done = self._resume(optimiser)
        losses, saved, started = [], time.monotonic(), time.monotonic()
        for step, batch in zip(range(self.steps), batches, strict=False):
            if step < done:
                continue  # the batches of a resumed run are those of an unbroken one
            torch.manual_seed(self.seed * 1_000_003 + step)
            losses.append(self._step(optimiser, weights, loss, batch, step))
            if step % 50 == 0:
                pace = (time.monotonic() - started) / (step - done + 1)
                log.info("%s step %d/%d loss %.4f %.3f s/step", self.file.stem, step, self.steps, sum(losses[-50:]) / len(losses[-50:]), pace)
            if time.monotonic() - saved > SAVE_EVERY_S or step + 1 == self.steps:
                self._save(optimiser, step + 1)
                saved = time.monotonic()
        return losses

    def _step(self, optimiser: Any, weights: list[Tensor], loss: Callable[[Any], Tensor], batch: Any, step: int) -> float:
        for group in optimiser.param_groups:
            group["lr"] = self.rate * _rate(step / self.steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(batch)
        value.backward()
        nn.utils.clip_grad_norm_([weight for weight in weights if weight.grad is not None], CLIP)
        optimiser.step()
        optimiser.zero_grad()
        return float(value)

    def _save(self, optimiser: Any, step: int) -> None:
        state = {name: module.state_dict() for name, module in self.modules.items()}
        fresh = self.file.with_suffix(".new")
        torch.save({"step": step, "optimiser": optimiser.state_dict(), **state}, fresh)
        os.replace(fresh, self.file)

    def _resume(self, optimiser: Any) -> int:
        if not self.file.is_file():
            return 0
        state = torch.load(self.file, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
        optimiser.load_state_dict(state["optimiser"])
        return int(state["step"])


def _rate(part: float) -> float:
    return min(1.0, part / 0.03 + 0.01) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * part)))


def train(name: str, lessons: Sequence[Lesson], work: Path, seed: int = 0, scale: float = 1.0) -> build.Built:
    """Train the miniature `name` on these lessons.

    Args:
        name: a model that has a recipe.
        lessons: of the training split.
        work: folder for checkpoints; it belongs to this name, seed and data alone.
        seed: of weights and batches.
        scale: multiplies the steps of the recipe.
    """
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    built = build.build(name, corpus.vocabulary(name, _some(lessons)), seed)
    desk = Desk(_adapter(name, built, work / "untrained"))
    built.model.set_attn_implementation("eager")  # with its backward pass 1.6 times as fast as sdpa on a CPU
    built.model.train()
    plan = build.recipe(name)["training"]
    seen = _train_tower(built.model, lessons, desk, plan, work, seed, scale)
    answers = [corpus.answer(name, lesson, seen.get(_key(lesson))) for lesson in lessons]
    examples = [desk.example(lesson, text) for lesson, text in zip(lessons, answers, strict=True)]
    stage = Stage(work / "language.pt", {"model": built.model}, int(plan["language_steps"] * scale), plan["language_rate"], seed)
    stage.run(schedule(examples, plan["batch"], seed), lambda rows: answer_loss(built.model, desk.batch(rows)))
    return built


def answer_loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the answer tokens; a row of n tokens weighs as the root of n, or descriptions would be all."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    labels = batch["labels"][:, 1:]
    hidden = model.model(**inputs, use_cache=False).last_hidden_state[:, :-1]
    counted = labels != -100
    each = F.cross_entropy(model.lm_head(hidden[counted]).float(), labels[counted], reduction="none")
    weight = counted.sum(1, keepdim=True).float().rsqrt().expand_as(counted)[counted]
    return (each * weight).sum() / weight.sum()


def _train_tower(
    model: Any, lessons: Sequence[Lesson], desk: Desk, plan: Mapping[str, Any], work: Path, seed: int, scale: float
) -> dict[str, dict[str, bool]]:
    """Teach the tower to see; returns what it then reads from each face, by `_key`."""
    faces = list(_by_face(lessons).values())
    table = tower.columns(lessons)
    gold = tower.gold_rows(faces, table)
    head = tower.head(model, table)
    stage = Stage(work / "tower.pt", {"model": model, "head": head}, int(plan["tower_steps"] * scale), plan["tower_rate"], seed)

    def loss(chosen: list[int]) -> Tensor:
        pixels = desk.pixels([faces[index][0].image for index in chosen])
        outputs = head(tower.features(model, pixels)).float()
        return tower.loss(outputs, gold[chosen], table)

    stage.run(_shuffled(len(faces), plan["batch"], seed), loss)
    return _read_faces(model, head, [lessons[0] for lessons in faces], desk, table[tower.ATTRIBUTES])


@torch.no_grad()
def _read_faces(
    model: Any, head: nn.Module, lessons: Sequence[Lesson], desk: Desk, column: tower.Column
) -> dict[str, dict[str, bool]]:
    seen: dict[str, dict[str, bool]] = {}
    wanted = [lesson for lesson in lessons if not isinstance(lesson.gold, str)]
    for start in range(0, len(wanted), 100):
        part = wanted[start : start + 100]
        mean = tower.features(model, desk.pixels([lesson.image for lesson in part]))[0]
        holds = head(mean)[:, column.start : column.stop] > 0
        for lesson, row in zip(part, holds.tolist(), strict=True):
            seen[_key(lesson)] = dict(zip(column.labels, row, strict=True))
    return seen


def _shuffled(count: int, size: int, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(count, generator=generator).split(size)


def _by_face(lessons: Sequence[Lesson]) -> dict[str, list[Lesson]]:
    faces: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        faces[_key(lesson)].append(lesson)
    return faces


def _key(lesson: Lesson) -> str:
    return f"{lesson.image.path}|{lesson.image.box}"


def _some(lessons: Sequence[Lesson]) -> list[Lesson]:
    """A share of the lessons of every question: enough to know all words."""
    return list(lessons[:: max(1, len(lessons) // 2000)])


def _adapter(name: str, built: build.Built, folder: Path) -> ChatModel:
    shutil.rmtree(folder, ignore_errors=True)
    build.save(name, built, folder)
    adapter: ChatModel = models.spec(name).load()(str(folder), device="cpu", dtype="float32")
    return adapter
