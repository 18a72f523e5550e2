"""ExpW: expressions in photographs of whole scenes, one line and one box per face.

File names hold the query that found the picture ("angry_actor_104.jpg"): they leak the label to whoever sees them.
"""

from pathlib import Path

from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally, bad_value, claim, lines
from tasks.datasets.split import hash_split

SOURCE = Source(
    title="ExpW",
    splits=("train", "test"),
    obtain="Download the parts of origin.7z and label.lst from the project page "
    "(mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html) and unpack them there as image/origin/ and label/.",
)
_EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_FIELDS = 8


def load(root: Path, split: str) -> Faces:
    """Read the faces of the photographs whose name hashes to the split; there is no official one.

    Raises:
        UnknownNameError: there is no such split.
        DataError: a file is missing or holds an impossible value.
    """
    SOURCE.check_split(split)
    file = SOURCE.find(root, "label/label.lst", "label.lst", "data/label/label.lst", "labels/label.lst")
    images = SOURCE.find(root, "image/origin", "origin", "data/image/origin", "images", "image")
    faces: list[Face] = []
    seen: set[str] = set()
    for row, text in lines(file):
        face = _face(images, file, row, text)
        claim(seen, face.id, file, row)
        if hash_split(face.image.path.name) == split:
            faces.append(face)
    return Faces(faces=faces, tally=Tally(kept=len(faces)))


def _face(images: Path, file: Path, row: int, text: str) -> Face:
    words = text.rsplit(maxsplit=_FIELDS - 1)
    if len(words) != _FIELDS:
        raise bad_value(file, row, text[:80], f"a row of {_FIELDS} fields")
    name, number, *sides, _, expression = words
    if expression not in map(str, range(len(_EXPRESSIONS))):
        raise bad_value(file, row, expression, "an expression from 0 to 6")
    box = _box(file, row, sides)
    return Face(
        id=f"{name}#{number}",
        image=ImageRef(path=images / name, box=box),
        labels={"expw": _EXPRESSIONS[int(expression)]},
    )


def _box(file: Path, row: int, sides: list[str]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, of which the file has top first; a box may leave the picture and is clamped there."""
    try:
        top, left, right, bottom = map(int, sides)
    except ValueError:
        raise bad_value(file, row, " ".join(sides), "four whole numbers") from None
    if right <= max(left, 0) or bottom <= max(top, 0):
        raise bad_value(file, row, " ".join(sides), "a box (top, left, right, bottom) that encloses something")
    # The other two sides are clamped when the picture is read: its size is not known before.
    return max(left, 0), max(top, 0), right, bottom
