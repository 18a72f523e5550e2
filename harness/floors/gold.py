"""What a floor learns from: the training split of each dataset that is there, and of no other split anything."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.fitted import Head
from tasks.datasets import LOADERS, DataOptions, Faces, open_index, require
from tasks.datasets.faces import Codes
from tasks.labels import label_space
from tasks.metrics import Ints
from tasks.registry import TASKS, Question, questions_of, samples

SPLIT = "train"


class Lesson(NamedTuple):
    """A question and the faces that teach it."""

    question: Question
    faces: Faces

    @property
    def codes(self) -> Codes:
        """The gold: of labels of which one holds its place [N], of attributes 1, -1 or, not annotated, 0 [N, K]."""
        return self.faces.codes(self.question.space)


class Gold(NamedTuple):
    """All lessons, and why datasets that are there teach nothing."""

    lessons: list[Lesson]
    skipped: dict[str, str]

    def by_space(self) -> dict[str, list[Lesson]]:
        """Label space -> its lessons: two datasets that are asked in one space teach one head."""
        found: dict[str, list[Lesson]] = {}
        for lesson in self.lessons:
            found.setdefault(lesson.question.space, []).append(lesson)
        return found


def read_gold(root: Path, options: DataOptions, limit: int | None, seed: int) -> Gold:
    """The training faces of every question.

    Args:
        root: the folder of the datasets' folders; those that are absent are left out.
        options: the user's choices about the datasets.
        limit: at most so many faces of each question, stratified by label where one holds.
        seed: chooses them.

    Raises:
        DataError: no dataset is there, or a label file is damaged.
    """
    here = [name for name in LOADERS if (root / name).is_dir() and any((root / name).iterdir())]
    absent = {name: open_index(name, root / name, options).absent.get(SPLIT) for name in here}
    skipped = {name: reason for name, reason in absent.items() if reason}
    if not set(here) - set(skipped):
        require(root, LOADERS, lambda _: "")
    taught = [asked for asked in questions_of(tuple(TASKS), options) if absent.get(asked.dataset, "absent") is None]
    found = [Lesson(asked, samples(asked, root, SPLIT, limit, seed, options).samples.faces) for asked in taught]
    return Gold(found, skipped)


def counted(space: str, lessons: Iterable[Lesson]) -> Head:
    """How often each label of a space is present among the faces that say so."""
    labels = label_space(space).labels
    tables = [_counts(lesson.codes, len(labels)) for lesson in lessons]
    present, annotated = (np.sum([table[place] for table in tables], axis=0) for place in (0, 1))
    return Head(labels=labels, present=tuple(present.tolist()), annotated=tuple(annotated.tolist()))


def _counts(codes: Codes, labels: int) -> tuple[Ints, Ints]:
    if codes.ndim > 1:
        return (codes > 0).sum(axis=0), (codes != 0).sum(axis=0)
    return np.bincount(codes, minlength=labels), np.full(labels, len(codes))
