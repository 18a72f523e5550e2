"""Toy sets with a quirk planted: copies to spoil, and all that a loader says of one, for comparison."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.records import Gold
from tasks.datasets import DataOptions, open_index

TEST, TRAIN, SEED = 9, 7, 11
"""Faces of each toy set; CelebA has one more, to validate. ExpW's scenes hold one, two and three of them."""


class Told(NamedTuple):
    """All a loader says of one face; the path is relative to the dataset's folder."""

    id: str
    path: str
    box: tuple[int, int, int, int] | None
    labels: dict[str, Gold]
    group: dict[str, str]


class Read(NamedTuple):
    """All a loader says of a dataset: the faces of each split in order, and the tally."""

    faces: dict[str, list[Told]]
    dropped: dict[str, int]
    repaired: dict[str, int]

    def all(self) -> list[Told]:
        """The faces of all splits."""
        return [face for own in self.faces.values() for face in own]

    def but(self, **changes: object) -> "Read":
        """The same, with another field."""
        return self._replace(**changes)

    def without(self, *ids: str) -> "Read":
        """The same, less these faces."""
        return self.but(faces={split: [one for one in own if one.id not in ids] for split, own in self.faces.items()})

    def each(self, change: Callable[[Told], Told]) -> "Read":
        """The same, each face changed."""
        return self.but(faces={split: [change(one) for one in own] for split, own in self.faces.items()})

    def moved(self, old: str, new: str) -> "Read":
        """The same, with pictures in another folder."""
        return self.each(lambda one: one._replace(path=one.path.replace(old, new, 1)))

    def sorted(self) -> "Read":
        """The same in the order of the ids."""
        return self.but(faces={split: sorted(own, key=lambda one: one.id) for split, own in self.faces.items()})


def read_all(root: Path, dataset: str, options: DataOptions | None = None) -> Read:
    """All that the loader says of root/<dataset>; the kept faces of a split are those that are there."""
    index = open_index(dataset, root / dataset, options)
    faces = {split: index.faces(split) for split in index.splits if split not in index.absent}
    assert all(own.tally.kept == len(own) for own in faces.values())
    assert sum(map(len, faces.values())) == len(index)
    told = {split: [_told(face, root / dataset) for face in own] for split, own in faces.items()}
    whole = index.faces().tally
    return Read(told, whole.dropped, whole.repaired)


def _told(face, folder: Path) -> Told:
    return Told(face.id, face.image.path.relative_to(folder).as_posix(), face.image.box, face.labels, face.group)


def copy(root: Path, dataset: str, to: Path) -> Path:
    """A copy of a toy set that may be spoilt: label files are its own, pictures are shared until they are replaced."""
    shutil.copytree(root / dataset, to / dataset, copy_function=_link)
    return to


def _link(source: str, target: str) -> None:
    (os.link if source.endswith(".jpg") else shutil.copy2)(source, target)


def edit(file: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file, whose line ends are left alone."""
    file.write_bytes(change(file.read_bytes().decode()).encode())


def each_line(change: Callable[[str], str], start: int = 0) -> Callable[[str], str]:
    """An edit that changes each line from this one on."""

    def edited(text: str) -> str:
        lines = text.splitlines()
        return "\n".join([*lines[:start], *map(change, lines[start:])]) + "\n"

    return edited


def options(**chosen: dict[str, object]) -> DataOptions:
    """Choices by dataset; raf_db is RAF-DB."""
    return DataOptions.model_validate({name.replace("_", "-"): own for name, own in chosen.items()})
