"""MAAD-Face: 47 attributes of VGGFace2's photographs; 0 means undefined and leaves the attribute out of the gold.

The label file has 3.3 million rows and no split: it is streamed, and a row belongs to the split whose folder holds
the identity (the first part of its file name).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import DataError
from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally, bad_value, claim, fields, lines
from tasks.labels import label_space

SOURCE = Source(
    title="MAAD-Face",
    splits=("train", "test"),
    obtain="Put MAAD_Face.csv there (release MAADFACE of github.com/pterhoer/MAAD-Face) and, beside it, VGGFace2's "
    "folders train/ and test/ with one folder per identity (n000001 ...).",
)
_FILES = ("MAAD_Face.csv", "MAAD-Face.csv", "Maad_Face.csv", "MAADFace.csv", "maad_face.csv")
_PRESENT = {"1": True, "-1": False, "0": None}


class _Columns(NamedTuple):
    width: int
    wanted: list[int]
    """Positions of the file name and of the labels, in the order of the label space."""


def load(root: Path, split: str) -> Faces:
    """Read the rows of the identities in one split's folder.

    Raises:
        UnknownNameError: MAAD has no such split.
        DataError: a file is missing or holds an impossible value.
    """
    SOURCE.check_split(split)
    file = SOURCE.find(root, *_FILES)
    folder = _folder(root, split)
    here = {path.name for path in folder.iterdir() if path.is_dir()}
    elsewhere = {name for other in SOURCE.splits if other != split for name in _identities(root, other)}
    rows = lines(file)
    columns = _columns(file, next(rows, (1, ""))[1])
    faces: list[Face] = []
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    for row, text in rows:
        # Nine rows of ten belong to the other split: they are passed over without being parsed.
        identity = text.partition("/")[0].strip('" ')
        if identity in here:
            faces.append(_face(folder, file, row, _values(file, row, text, columns)))
            claim(seen, faces[-1].id, file, row)
        elif identity not in elsewhere:
            dropped["identity in no folder"] += 1
    return Faces(faces=faces, tally=Tally(kept=len(faces), dropped=dict(dropped)))


def _face(folder: Path, file: Path, row: int, values: Sequence[str]) -> Face:
    name, *cells = values
    gold: dict[str, bool] = {}
    for label, cell in zip(label_space("maad").labels, cells, strict=True):
        if cell not in _PRESENT:
            raise bad_value(file, row, cell, f"-1, 0 or 1 for {label}")
        if (present := _PRESENT[cell]) is not None:
            gold[label] = present
    return Face(id=name, image=ImageRef(path=folder / name), labels={"maad": gold})


def _values(file: Path, row: int, text: str, columns: _Columns) -> list[str]:
    """The file name, then the 47 values in the order of the label space."""
    values = fields(text)
    if len(values) != columns.width:
        raise bad_value(file, row, text[:80], f"a row of {columns.width} fields")
    return [values[position] for position in columns.wanted]


def _columns(file: Path, head: str) -> _Columns:
    names = fields(head)
    wanted = ("Filename", *label_space("maad").labels)
    if names[:1] != ["Filename"]:
        raise bad_value(file, 1, head[:80], "a header that begins with Filename")
    if missing := [name for name in wanted if name not in names]:
        raise bad_value(file, 1, head[:80], f"a header with the columns {', '.join(missing)}")
    return _Columns(width=len(names), wanted=[names.index(name) for name in wanted])


def _folder(root: Path, split: str) -> Path:
    return SOURCE.find(root, split, f"vggface2_{split}/{split}", f"vggface2_{split}", f"VGGFace2/{split}")


def _identities(root: Path, split: str) -> set[str]:
    """The identities of a split that need not be on this disk."""
    try:
        folder = _folder(root, split)
    except DataError:
        return set()
    return {path.name for path in folder.iterdir() if path.is_dir()}
