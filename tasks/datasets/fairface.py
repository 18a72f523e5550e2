"""FairFace: age group, gender and race; the official validation set is what papers test on."""

from pathlib import Path, PurePosixPath

from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally, bad_value, claim, table
from tasks.labels import label_space

SOURCE = Source(
    title="FairFace",
    splits=("train", "test"),
    obtain="Download fairface_label_train.csv, fairface_label_val.csv and fairface-img-margin025-trainval.zip "
    "(links on github.com/joojs/fairface) and unpack them there.",
)
_PARTS = {"train": "train", "test": "val"}
_DAMAGED_AGES = {"9-Mar": "3-9", "3-Sep": "3-9", "Mar-09": "3-9", "19-Oct": "10-19", "Oct-19": "10-19"}
"""What spreadsheets make of 3-9 and 10-19, which they take for dates."""
_QUESTIONS = ("age", "gender", "race")


def load(root: Path, split: str) -> Faces:
    """Read one split: "train", or "test", which is FairFace's validation set. Padding 0.25 is preferred to 1.25.

    Raises:
        UnknownNameError: FairFace has no such split.
        DataError: a file is missing or holds an impossible value.
    """
    SOURCE.check_split(split)
    part = _PARTS[split]
    file = SOURCE.find(root, f"fairface_label_{part}.csv", f"labels/fairface_label_{part}.csv")
    images = SOURCE.find(
        root,
        part,
        f"fairface-img-margin025-trainval/{part}",
        f"margin025/{part}",
        f"fairface-img-margin125-trainval/{part}",
        f"margin125/{part}",
    )
    faces: list[Face] = []
    seen: set[str] = set()
    for row, values in table(file, ("file", *_QUESTIONS)):
        faces.append(_face(images, file, row, values))
        claim(seen, faces[-1].id, file, row)
    return Faces(faces=faces, tally=Tally(kept=len(faces)))


def _face(images: Path, file: Path, row: int, values: dict[str, str]) -> Face:
    # Some copies put a folder before the official train/1.jpg, so only the last two parts count.
    parts = PurePosixPath(values["file"]).parts[-2:]
    if len(parts) != 2 or parts[0] != images.name:
        raise bad_value(file, row, values["file"], f"the path of an image in {images.name}/")
    values = {**values, "age": _DAMAGED_AGES.get(values["age"], values["age"])}
    group = {name: _known(file, row, name, values[name]) for name in _QUESTIONS}
    return Face(
        id="/".join(parts),
        image=ImageRef(path=images / parts[1]),
        labels={f"fairface.{name}": value for name, value in group.items()},
        group=group,
    )


def _known(file: Path, row: int, name: str, value: str) -> str:
    labels = label_space(f"fairface.{name}").labels
    if value not in labels:
        raise bad_value(file, row, value, f"a known {name} ({', '.join(labels)})")
    return value
