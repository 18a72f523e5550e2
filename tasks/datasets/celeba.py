"""CelebA: 40 attributes of celebrities' faces, aligned to 178x218.

Read in three layouts: the archive's Anno/, Eval/ and Img/; all in one folder, as torchvision has it; and Kaggle's csv.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import DataError
from harness.records import ImageRef
from tasks.datasets.base import Face, Faces, Source, Tally, bad_value, claim, lines
from tasks.labels import label_space

SOURCE = Source(
    title="CelebA",
    splits=("train", "val", "test"),
    obtain="Download img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from the project page "
    "(mmlab.ie.cuhk.edu.hk/projects/CelebA.html) and unpack them there.",
)
_PRESENT = {"1": True, "-1": False}
_Row = tuple[int, str, list[str]]


def load(root: Path, split: str) -> Faces:
    """Read one official split.

    Raises:
        UnknownNameError: CelebA has no such split.
        DataError: a file is missing, cut off or holds an impossible value.
    """
    SOURCE.check_split(split)
    attributes = _file(root, "Anno", "list_attr_celeba")
    images = SOURCE.find(
        root, *(f"{up}img_align_celeba{down}" for down in ("/img_align_celeba", "") for up in ("", "Img/"))
    )
    partition = _partition(_file(root, "Eval", "list_eval_partition"))
    faces: list[Face] = []
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    for row, name, values in _rows(attributes):
        claim(seen, name, attributes, row)
        if name not in partition:
            dropped["in no split"] += 1
        elif partition[name] == split:
            faces.append(_face(images / name, attributes, row, values))
    if missing := sum(where == split and name not in seen for name, where in partition.items()):
        dropped["without attributes"] = missing
    return Faces(faces=faces, tally=Tally(kept=len(faces), dropped=dict(dropped)))


def _file(root: Path, folder: str, stem: str) -> Path:
    return SOURCE.find(root, f"{stem}.txt", f"{folder}/{stem}.txt", f"{stem}.csv", f"{folder}/{stem}.csv")


def _face(image: Path, file: Path, row: int, values: Sequence[str]) -> Face:
    for value in values:
        if value not in _PRESENT:
            raise bad_value(file, row, value, "-1 or 1")
    names = label_space("celeba").labels
    gold = {name: _PRESENT[value] for name, value in zip(names, values, strict=True)}
    return Face(id=image.name, image=ImageRef(path=image), labels={"celeba": gold})


def _partition(file: Path) -> dict[str, str]:
    """Image name -> split."""
    partition: dict[str, str] = {}
    for row, words in _words(file):
        if row == 1 and words[0] == "image_id":
            continue
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise bad_value(file, row, " ".join(words), "an image name followed by 0, 1 or 2")
        partition[words[0]] = SOURCE.splits[int(words[1])]
    return partition


def _rows(file: Path) -> Iterator[_Row]:
    """Row number, image name and the 40 values in the order of the label space."""
    rows = _words(file)
    row, head = next(rows, (1, []))
    stated = int(head[0]) if len(head) == 1 and head[0].isdecimal() else None
    if stated is not None:
        row, head = next(rows, (2, []))
    order = _order(file, row, head)
    count = 0
    for row, words in rows:
        if len(words) != len(order) + 1:
            raise bad_value(file, row, " ".join(words[:4]), f"an image name followed by {len(order)} values")
        yield row, words[0], [words[1 + position] for position in order]
        count += 1
    if stated not in (None, count):
        raise DataError(f"{file}: the first line promises {stated} rows but {count} follow. Fetch the file again.")


def _order(file: Path, row: int, head: Sequence[str]) -> list[int]:
    """Where each label of the space stands among the columns."""
    names = list(head[1:] if head[:1] == ["image_id"] else head)
    expected = label_space("celeba").labels
    if sorted(names) != sorted(expected):
        odd = sorted(set(names) ^ set(expected)) or names[:3]
        raise bad_value(file, row, ", ".join(odd[:3]), "among the 40 attribute names, each of which is wanted once")
    return [names.index(name) for name in expected]


def _words(file: Path) -> Iterator[tuple[int, list[str]]]:
    # Positive values are padded to two characters, so columns are parted by one space or by two.
    return ((row, text.replace(",", " ").split()) for row, text in lines(file))
