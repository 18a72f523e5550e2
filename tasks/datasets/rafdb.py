"""RAF-DB, basic expressions: read in the official layout and in the one Kaggle's copies have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally, bad_value, claim, lines, table

SOURCE = Source(
    title="RAF-DB",
    splits=("train", "test"),
    obtain="Ask for it by e-mail from an address of your institution (whdeng.cn/RAF/model1.html) and unpack basic/ "
    "there, with aligned.zip as basic/Image/aligned/.",
)
_EXPRESSIONS = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happy",
    "5": "sad",
    "6": "angry",
    "7": "neutral",
}
_NAME = re.compile(r"(train|test)_(\d+)(_aligned)?\.jpg")
# The misspelt name is the real one; the set's own readme spells it rightly.
_LABELS = ("list_patition_label.txt", "list_partition_label.txt")


class _Row(NamedTuple):
    number: int
    name: str
    code: str
    image: Path


def load(root: Path, split: str) -> Faces:
    """Read one official split; the aligned faces (100x100) where they are there, else the original pictures.

    Raises:
        UnknownNameError: RAF-DB has no such split.
        DataError: a file is missing or holds an impossible value.
    """
    SOURCE.check_split(split)
    file = _label_file(root, split)
    faces: list[Face] = []
    seen: set[str] = set()
    for row in _folder_rows(file, split) if file.suffix == ".csv" else _official_rows(root, file):
        match = _NAME.fullmatch(row.name)
        if match is None:
            raise bad_value(file, row.number, row.name, "a name such as train_00001.jpg or test_0001.jpg")
        if row.code not in _EXPRESSIONS:
            raise bad_value(file, row.number, row.code, "an expression from 1 to 7")
        if match[1] == split:
            claim(seen, name := f"{match[1]}_{match[2]}.jpg", file, row.number)
            labels = {"raf-db": _EXPRESSIONS[row.code]}
            faces.append(Face(id=name, image=ImageRef(path=row.image), labels=labels))
    return Faces(faces=faces, tally=Tally(kept=len(faces)))


def _label_file(root: Path, split: str) -> Path:
    official = [f"{up}{name}" for up in ("basic/EmoLabel/", "EmoLabel/", "") for name in _LABELS]
    return SOURCE.find(root, *official, f"{split}_labels.csv")


def _official_rows(root: Path, file: Path) -> Iterator[_Row]:
    images = SOURCE.find(
        root, *(f"{up}{kind}" for kind in ("aligned", "original") for up in ("basic/Image/", "Image/", ""))
    )
    ending = "_aligned.jpg" if images.name == "aligned" else ".jpg"
    for number, text in lines(file):
        words = text.split()
        if len(words) != 2:
            raise bad_value(file, number, text[:80], "an image name and its expression")
        yield _Row(number, words[0], words[1], images / (words[0].removesuffix(".jpg") + ending))


def _folder_rows(file: Path, split: str) -> Iterator[_Row]:
    images = SOURCE.find(file.parent, f"DATASET/{split}", split)
    for number, values in table(file, ("image", "label")):
        name, code = values["image"], values["label"]
        yield _Row(number, name, code, images / code / name)
