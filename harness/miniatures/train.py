"""Train a miniature: first its tower, then the whole network on questions and answers.

The same command continues where a killed one stopped, and the same seed gives the same batches.
"""

import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import registry as models
from adapters.hf import ChatModel
from harness.miniatures import build, corpus, tower
from harness.miniatures.build import Built
from harness.miniatures.corpus import Lesson
from harness.miniatures.lessons import Desk, schedule
from harness.miniatures.stage import Stage
from tasks.registry import question

log = logging.getLogger(__name__)
WORDS_FROM = 2000
"""Lessons the tokens are learnt from: enough to know all words."""
READ_AT_ONCE = 100
EXTRA_LOOKS, EXTRA_DESCRIPTIONS = 2, 1
"""How often more a face with attributes is shown, and described: two dozen things are to be learnt from it, not one."""

Seen = dict[str, dict[str, bool]]
"""Face -> attribute -> whether the trained tower sees it."""


@dataclass
class Training:
    """One training of one miniature.

    Args:
        name: a model that has a recipe.
        lessons: of the training split.
        work: folder for checkpoints; it belongs to this name, seed, scale and data alone.
        seed: of weights and batches.
        scale: multiplies the steps of the recipe.
    """

    name: str
    lessons: Sequence[Lesson]
    work: Path
    seed: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        torch.set_num_threads(1)  # a network this small only waits for a second thread
        self.work.mkdir(parents=True, exist_ok=True)
        # The words around every question are tokens too, or prompts would be long.
        frame = [models.spec(self.name).load().template] * 100
        some = list(self.lessons[:: max(1, len(self.lessons) // WORDS_FROM)])
        self.built = build.build(self.name, [*frame, *corpus.vocabulary(self.name, some)], self.seed)
        self.desk = Desk(_adapter(self.name, self.built, self.work / "untrained"))
        self.model: Any = self.built.model
        self.model.set_attn_implementation("eager")  # its backward pass is the faster one on a CPU
        self.model.train()
        self.plan = build.RECIPES.read(self.name)["training"]
        self.stages: list[Stage] = []

    def run(self) -> Built:
        """Both stages, or what is left of them."""
        _, seen = self.teach_tower()
        self.teach_language(seen)
        return self.built

    @property
    def minutes(self) -> float:
        """What the steps of both stages took."""
        return sum(stage.seconds for stage in self.stages) / 60

    def teach_tower(self) -> tuple[list[float], Seen]:
        """Teach the tower to see; returns the loss of each step, and what it then reads from each face."""
        faces = list(by_face(self.lessons).values())
        table = tower.columns(self.lessons)
        gold = tower.gold_rows(faces, table)
        head = tower.head(self.model, table)
        described = torch.tensor([i for i, face in enumerate(faces) if not isinstance(face[0].gold, str)])
        places = torch.cat([torch.arange(len(faces)), *[described] * EXTRA_LOOKS])

        def loss(chosen: Tensor) -> Tensor:
            pixels = self.desk.pixels([faces[index][0].image for index in chosen.tolist()])
            return tower.loss(head(tower.features(self.model, pixels)).float(), gold[chosen], table)

        stage = self._stage("tower", {"model": self.model, "head": head})
        losses = stage.run(shuffled(places, self.plan["batch"], self.seed), loss)
        return losses, self._read([face[0] for face in faces], head, table[tower.ATTRIBUTES])

    def teach_language(self, seen: Seen) -> list[float]:
        """Teach the whole network to answer; returns the loss of each step."""
        examples = [
            self.desk.example(lesson, corpus.answer(self.name, lesson, seen.get(_key(lesson))))
            for lesson in self.lessons
        ]
        described = [example for example in examples if question(example.question).task == "attr"]
        batches = schedule([*examples, *described * EXTRA_DESCRIPTIONS], self.plan["batch"], self.seed)
        stage = self._stage("language", {"model": self.model})
        # At its first steps the language model sends noise to the tower, which at the full rate unlearns what it sees.
        whole = self.model.model
        stage.slow = tuple(part for name, part in whole.named_children() if name != "language_model")
        stage.slow_rate = self.plan["image_rate"]
        return stage.run(batches, lambda rows: answer_loss(self.model, self.desk.batch(rows)))

    def _stage(self, kind: str, modules: dict[str, nn.Module]) -> Stage:
        steps = max(1, int(self.plan[f"{kind}_steps"] * self.scale))
        self.stages.append(Stage(self.work / f"{kind}.pt", modules, steps, self.plan[f"{kind}_rate"], self.seed))
        return self.stages[-1]

    @torch.no_grad()
    def _read(self, lessons: Sequence[Lesson], head: nn.Module, column: tower.Column) -> Seen:
        seen: Seen = {}
        wanted = [lesson for lesson in lessons if not isinstance(lesson.gold, str)]
        for start in range(0, len(wanted), READ_AT_ONCE):
            part = wanted[start : start + READ_AT_ONCE]
            mean, _ = tower.features(self.model, self.desk.pixels([lesson.image for lesson in part]))
            holds = head(mean)[:, column.start : column.stop] > 0
            for lesson, row in zip(part, holds.tolist(), strict=True):
                seen[_key(lesson)] = dict(zip(column.labels, row, strict=True))
        return seen


def answer_loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the answer tokens; a row of n tokens weighs as the root of n, or descriptions would be all."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    labels = batch["labels"][:, 1:]
    hidden = model.model(**inputs, use_cache=False).last_hidden_state[:, :-1]
    counted = labels != -100
    each = F.cross_entropy(model.lm_head(hidden[counted]).float(), labels[counted], reduction="none")
    weight = counted.sum(1, keepdim=True).float().rsqrt().expand_as(counted)[counted]
    return (each * weight).sum() / weight.sum()


def shuffled(places: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches of places, each epoch in a new order; the seed settles all."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from places[torch.randperm(len(places), generator=generator)].split(size)


def by_face(lessons: Sequence[Lesson]) -> dict[str, list[Lesson]]:
    """Face -> its lessons."""
    faces: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        faces[_key(lesson)].append(lesson)
    return faces


def _key(lesson: Lesson) -> str:
    return f"{lesson.image.path}|{lesson.image.box}"


def _adapter(name: str, built: Built, folder: Path) -> ChatModel:
    shutil.rmtree(folder, ignore_errors=True)
    build.save(name, built, folder)
    adapter: ChatModel = models.spec(name).load()(str(folder), device="cpu", dtype="float32")
    return adapter
