"""First stage: the vision tower and the projector learn to see, through linear heads that are thrown away afterwards.

The heads read the very features the language model will get, their mean and one of them at random, so that every image
token comes to carry what the face as a whole shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.miniatures.corpus import Lesson, facts
from tasks.labels import label_space
from tasks.registry import question

ATTRIBUTES = "attributes"
ATTRIBUTE_WEIGHT = 25.0
"""Of the mean over the attributes: there are some 25 that vary, and each is to weigh like a question of its own."""


class Column(NamedTuple):
    """The outputs of one head: `start` to `stop` of the linear layer."""

    start: int
    stop: int
    labels: tuple[str, ...]


def columns(lessons: Sequence[Lesson]) -> dict[str, Column]:
    """One column of outputs per choice question, and one for all attributes of all datasets together."""
    labels: dict[str, tuple[str, ...]] = {ATTRIBUTES: ()}
    for name in dict.fromkeys(lesson.question for lesson in lessons):
        space = label_space(question(name).space)
        head = ATTRIBUTES if space.kind == "attributes" else name
        labels[head] = tuple(dict.fromkeys([*labels.get(head, ()), *space.labels]))
    table, start = {}, 0
    for head, words in labels.items():
        table[head] = Column(start, start + len(words), words)
        start += len(words)
    return table


def gold_rows(faces: Sequence[Sequence[Lesson]], table: Mapping[str, Column]) -> Tensor:
    """What is known of each face, [faces, outputs]: 1 and 0, and nan where nothing is annotated."""
    rows = torch.full((len(faces), max(column.stop for column in table.values())), torch.nan)
    for row, lessons in zip(rows, faces, strict=True):
        for lesson in lessons:
            if isinstance(lesson.gold, str):
                column = table[lesson.question]
                row[column.start : column.stop] = 0
                row[column.start + column.labels.index(lesson.gold)] = 1
            else:
                column = table[ATTRIBUTES]
                for label, holds in facts(lesson.gold).items():
                    row[column.start + column.labels.index(label)] = float(holds)
    return rows


def features(model: Any, pixels: Mapping[str, Tensor]) -> Tensor:
    """Projected image features as the language model reads them: their mean and one at random, [2, B, D]."""
    known = {name: value for name, value in pixels.items() if name != "batch_num_images"}
    per_face = model.model.get_image_features(**known, return_dict=True).pooler_output
    luck = torch.rand(len(per_face))
    single = [face[int(chance * len(face))] for face, chance in zip(per_face, luck, strict=True)]
    return torch.stack([torch.stack([face.mean(0) for face in per_face]), torch.stack(single)])


def loss(outputs: Tensor, gold: Tensor, table: Mapping[str, Column]) -> Tensor:
    """Binary cross-entropy over the known attributes and cross-entropy of each choice question; outputs [2, B, N]."""
    terms = []
    for head, column in table.items():
        here = gold[:, column.start : column.stop]
        known = ~here.isnan() if head == ATTRIBUTES else ~here[:, 0].isnan()
        for read in outputs[:, :, column.start : column.stop] if known.any() else ():
            if head == ATTRIBUTES:
                terms.append(ATTRIBUTE_WEIGHT * F.binary_cross_entropy_with_logits(read[known], here[known]))
            else:
                terms.append(F.cross_entropy(read[known], here[known].argmax(1)))
    return torch.stack(terms).sum() / len(table)


def head(model: Any, table: Mapping[str, Column]) -> nn.Module:
    """What reads all columns off a feature; it normalises, as the language model does, and is thrown away."""
    width = model.config.text_config.hidden_size
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, max(column.stop for column in table.values())))
