"""How well a miniature sees: its answers about held-out toy faces, parsed as in a run, beside constant answers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from adapters import registry as models
from adapters.hf import ChatModel
from harness import images
from harness.miniatures.corpus import Lesson
from harness.records import Decoding, Parsed, Record, Request, Status, request_key
from tasks.labels import label_space
from tasks.parse import parse
from tasks.registry import question

DECODING = Decoding(max_new_tokens=120)
SEES = 0.8
"""Balanced accuracy from which an attribute counts as seen; a constant answer has 0.5."""


class Sight(Record):
    """One attribute on the test faces."""

    share: float
    """Of the annotated faces that have it."""
    balanced: float
    """Mean of the accuracies on those that have it and those that do not."""
    f1: float

    @property
    def seen(self) -> bool:
        """Whether the miniature tells it clearly better than a constant answer does."""
        return self.balanced >= SEES


class Figures(Record):
    """One question: accuracy (of cells, where the question is a description), and that of the constant answer."""

    faces: int
    accuracy: float
    baseline: float
    statuses: dict[Status, int]
    attributes: dict[str, Sight] = Field(default_factory=dict)


def load(name: str, folder: Path, maps: Path | None = None) -> ChatModel:
    """The miniature as the project's adapter loads it, in float32; `maps` is for one that sees segmentation maps."""
    adapter: ChatModel = models.spec(name).load()(str(folder), device="cpu", dtype="float32")
    if hasattr(adapter, "maps"):
        adapter.maps = maps
    return adapter


def evaluate(adapter: ChatModel, lessons: Sequence[Lesson], batch: int = 32) -> dict[str, Figures]:
    """Ask every lesson's question and compare the parsed answers with the gold."""
    names = dict.fromkeys(lesson.question for lesson in lessons)
    return {name: _question(adapter, name, [row for row in lessons if row.question == name], batch) for name in names}


def replies(adapter: ChatModel, lessons: Sequence[Lesson], batch: int = 32) -> Iterator[str]:
    """The answer to each lesson's question, greedily decoded, in order."""
    for start in range(0, len(lessons), batch):
        part = lessons[start : start + batch]
        pictures = [images.read(lesson.image) for lesson in part]
        asked = [_request(lesson, images.digest(picture)) for lesson, picture in zip(part, pictures, strict=True)]
        answers = adapter.answer(adapter.inputs([adapter.image(one) for one in pictures], asked), DECODING)
        yield from (answer.text for answer in answers)


def _request(lesson: Lesson, pixels: str) -> Request:
    key = request_key(pixels, lesson.text, DECODING)
    space = question(lesson.question).space
    return Request(key=key, sample_id="", image=lesson.image, text=lesson.text, space=space)


def _question(adapter: ChatModel, name: str, lessons: Sequence[Lesson], batch: int) -> Figures:
    space = label_space(question(name).space)
    parsed = [parse(reply, space) for reply in replies(adapter, lessons, batch)]
    compare = _choice if space.kind != "attributes" else _cells
    return compare(lessons, parsed)


def _choice(lessons: Sequence[Lesson], parsed: Sequence[Parsed]) -> Figures:
    gold = [str(lesson.gold) for lesson in lessons]
    right = [one.status == "parsed" and one.label == truth for one, truth in zip(parsed, gold, strict=True)]
    return Figures(
        faces=len(gold),
        accuracy=float(np.mean(right)),
        baseline=max(Counter(gold).values()) / len(gold),
        statuses=_statuses(parsed),
    )


def _cells(lessons: Sequence[Lesson], parsed: Sequence[Parsed]) -> Figures:
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for lesson, one in zip(lessons, parsed, strict=True):
        assert not isinstance(lesson.gold, str)
        for label, truth in lesson.gold.items():
            pairs.setdefault(label, []).append((truth, label in one.yes))
    tables = {label: np.array(rows) for label, rows in pairs.items()}
    cells = np.concatenate(list(tables.values()))
    return Figures(
        faces=len(lessons),
        accuracy=float(np.mean(cells[:, 0] == cells[:, 1])),
        baseline=float(np.mean(~cells[:, 0])),
        statuses=_statuses(parsed),
        attributes={label: _sight(table) for label, table in tables.items() if 0 < table[:, 0].sum() < len(table)},
    )


def _sight(table: npt.NDArray[np.bool_]) -> Sight:
    gold, said = table.T
    both = np.sum(gold & said)
    balanced = (np.mean(said[gold]) + np.mean(~said[~gold])) / 2
    return Sight(
        share=float(gold.mean()), balanced=float(balanced), f1=float(2 * both / max(1, gold.sum() + said.sum()))
    )


def _statuses(parsed: Sequence[Parsed]) -> dict[Status, int]:
    return dict(Counter(one.status for one in parsed).most_common())
