"""UTKFace: age, gender and race, all of them in the file name: [age]_[gender]_[race]_[stamp].jpg.chip.jpg.

The names of a few files lack a field. They are counted and left out: people who repair them disagree.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally
from tasks.datasets.split import hash_split
from tasks.labels import label_space

SOURCE = Source(
    title="UTKFace",
    splits=("train", "test"),
    obtain="Download UTKFace.tar.gz, the aligned and cropped faces, from the project page (susanqq.github.io/UTKFace) "
    "and unpack it there as UTKFace/.",
)
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d{17,})\s*\.?(jpg|pg)?(\.chip)?(\.jpg)?", re.IGNORECASE | re.ASCII)
_IMAGE = re.compile(r".*(jpe?g|pg|png)", re.IGNORECASE)
_GENDERS = ("Male", "Female")
_RACES = ("White", "Black", "Asian", "Indian", "Others")
_OLDEST = 116
_PARTS = ("part1", "part2", "part3")


def load(root: Path, split: str) -> Faces:
    """Read the files whose stamp hashes to the split; there is no official one. What is dropped belongs to no split.

    Raises:
        UnknownNameError: there is no such split.
        DataError: there is no folder of images.
    """
    SOURCE.check_split(split)
    faces: list[Face] = []
    dropped: Counter[str] = Counter()
    for path, name in _files(root):
        match = _NAME.fullmatch(path.name)
        if match is not None and int(match[1]) <= _OLDEST:
            if hash_split(match[4]) == split:
                faces.append(_face(path, name, match))
        else:
            dropped["malformed name" if _IMAGE.fullmatch(path.name) else "not an image"] += 1
    return Faces(faces=faces, tally=Tally(kept=len(faces), dropped=dict(dropped)))


def decade(age: int) -> str:
    """The label of an age in years: one of eight decades, the last one open."""
    return label_space("utkface.age").labels[min(age // 10, 7)]


def _face(path: Path, name: str, match: re.Match[str]) -> Face:
    group = {"age": decade(int(match[1])), "gender": _GENDERS[int(match[2])], "race": _RACES[int(match[3])]}
    labels = {f"utkface.{question}": value for question, value in group.items()}
    return Face(id=name, image=ImageRef(path=path), labels=labels, group=group)


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Each file and its name below the folder of the set, sorted; the parts of the in-the-wild version are one set."""
    loose = any(_NAME.fullmatch(path.name) for path in root.glob("*.*"))
    first = root if loose else SOURCE.find(root, "UTKFace", *_PARTS)
    folders = [root / part for part in _PARTS if (root / part).is_dir()] if first.name in _PARTS else [first]
    for folder in folders:
        prefix = f"{folder.name}/" if len(folders) > 1 else ""
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
        yield from ((folder / name, prefix + name) for name in names)
