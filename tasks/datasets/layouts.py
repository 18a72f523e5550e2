"""Writers of the official layouts: where a mirror's picture goes, and the label files over all rows.

The loaders read what is written here as they read the authors' own archives, so nothing else knows about mirrors.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, takewhile
from pathlib import Path

from harness.errors import DataError
from tasks.datasets import expw, fairface, rafdb, utkface
from tasks.datasets.sources import SOURCES
from tasks.datasets.writing import (
    Item,
    Layout,
    Placed,
    Rows,
    all_lines,
    named,
    read_lines,
    stamp,
    stated,
    whole,
    whole_picture,
    write_lines,
)
from tasks.labels import label_space

_CELEBA_SIZES = SOURCES["celeba"].published
_BOX = ("top", "left", "right", "bottom")


def _place_celeba(item: Item) -> Placed:
    match = named(item, r"(?:img_align_celeba/)?(\d{6}\.jpg)", "000001.jpg")
    name = match[1] if match else _celeba_number(item)
    return Placed(f"Img/img_align_celeba/{name}", name + "".join(f" {_sign(item, role):2d}" for role in _attributes()))


def _celeba_number(item: Item) -> str:
    before = takewhile(lambda split: split != item.split, LAYOUTS["celeba"].splits)
    if item.number > _CELEBA_SIZES[item.split]:
        raise DataError(
            f"{item.where}: CelebA's {item.split} has no picture number {item.number}, so the rows are not in the "
            "official order. Name the column of file names: --column file=COLUMN."
        )
    return f"{sum(_CELEBA_SIZES[split] for split in before) + item.number:06d}.jpg"


def _sign(item: Item, role: str) -> int:
    value = item.values[role]
    if not isinstance(value, int) or value not in (-1, 0, 1):
        raise item.bad(role, "true or false, 1 or -1")
    return 1 if value == 1 else -1


def _attributes() -> tuple[str, ...]:
    return label_space("celeba").labels


def _annotate_celeba(root: Path, rows: Rows) -> None:
    count = sum(1 for _ in all_lines(rows))
    head = (str(count), " ".join(_attributes()) + " ")
    write_lines(root / "Anno/list_attr_celeba.txt", chain(head, all_lines(rows)))
    codes = {"train": 0, "val": 1, "test": 2}
    partition = (f"{line.split()[0]} {codes[split]}" for split, file in rows.items() for line in read_lines(file))
    write_lines(root / "Eval/list_eval_partition.txt", partition)


def _place_fairface(item: Item) -> Placed:
    part = {"train": "train", "test": "val"}[item.split]
    match = named(item, rf"(?:(?:fairface/)?{part}/)?(\d+\.jpg)", f"{part}/1.jpg")
    name = f"{part}/{match[1] if match else f'{item.number}.jpg'}"
    cells = [name, *(item.values[role] for role in ("age", "gender", "race"))]
    if "service_test" in item.values:
        cells.append(str(item.values["service_test"] in (True, "True", "TRUE")))
    folder = f"{fairface.archive(item.config)}/" if item.config in fairface.PADDINGS else ""
    return Placed(folder + name, ",".join(cells))


def _annotate_fairface(root: Path, rows: Rows) -> None:
    for split, part in (("train", "train"), ("test", "val")):
        if split in rows:
            columns = next(read_lines(rows[split]), "").count(",") + 1
            head = ",".join(("file", "age", "gender", "race", "service_test")[: max(columns, 4)])
            write_lines(root / f"fairface_label_{part}.csv", chain([head], read_lines(rows[split])))


def _place_utkface(item: Item) -> Placed:
    match = stated(
        item, "name", r"(?:[\w-]+/)?(\d[\d_]* ?\.?(?:jpg|pg)?(?:\.chip)?(?:\.jpg)?)", "25_0_2_20170116174525125.jpg"
    )
    if match:
        return Placed(f"UTKFace/{_utk_ending(match[1])}")
    age = whole(item, "age")
    if not 0 <= age <= 116:
        raise item.bad("age", "an age from 0 to 116")
    gender, race = utkface.GENDERS.index(item.values["gender"]), utkface.RACES.index(item.values["race"])
    return Placed(f"UTKFace/{age}_{gender}_{race}_{stamp(item.image)}.jpg.chip.jpg")


def _utk_ending(name: str) -> str:
    # Tar shards know a picture by its name up to the first dot.
    if name.endswith(".jpg"):
        return name
    return name + (".chip.jpg" if name.endswith("pg") else ".jpg.chip.jpg")


def _annotate_nothing(root: Path, rows: Rows) -> None:
    """UTKFace's labels are its file names."""


def _place_expw(item: Item) -> Placed:
    match = stated(item, "name", r"(?:(?:image/)?origin/)?([\w(),'+&~-][\w .(),'+&~-]*\.(?:jpe?g|png))", "angry_1.jpg")
    name = match[1] if match else f"{stamp(item.image)}.jpg"
    box = [whole(item, side) for side in _BOX] if _BOX[0] in item.values else whole_picture(item)
    top, left, right, bottom = box
    if right <= max(left, 0) or bottom <= max(top, 0):
        raise DataError(f"{item.where}: the box (top, left, right, bottom) {box} encloses nothing.")
    code = expw.EXPRESSIONS.index(item.values["label"])
    # The last but one field is a detector's confidence, which a mirror does not tell.
    return Placed(f"image/origin/{name}", f"{name}\t{' '.join(map(str, box))} 0 {code}")


def _annotate_expw(root: Path, rows: Rows) -> None:
    write_lines(root / "label/label.lst", _numbered(all_lines(rows)))


def _numbered(lines: Iterable[str]) -> Iterator[str]:
    """Faces of one picture are told apart by a number."""
    faces: Counter[str] = Counter()
    for line in lines:
        name, _, rest = line.partition("\t")
        yield f"{name} {faces[name]} {rest}"
        faces[name] += 1


def _place_raf_db(item: Item) -> Placed:
    match = named(item, rf"({item.split}_\d+)(?:_aligned)?\.jpg", f"{item.split}_0001.jpg")
    stem = match[1] if match else f"{item.split}_{item.number:0{5 if item.split == 'train' else 4}d}"
    code = rafdb.EXPRESSIONS["basic"].index(item.values["label"]) + 1
    return Placed(f"basic/Image/aligned/{stem}_aligned.jpg", f"{stem}.jpg {code}")


def _annotate_raf_db(root: Path, rows: Rows) -> None:
    write_lines(root / "basic/EmoLabel/list_patition_label.txt", all_lines(rows))


LAYOUTS = {
    "celeba": Layout(
        splits=("train", "val", "test"),
        needs=(("image", *_attributes()),),
        optional=("file",),
        named=_attributes(),
        place=_place_celeba,
        annotate=_annotate_celeba,
    ),
    "fairface": Layout(
        splits=("train", "test"),
        needs=(("image", "age", "gender", "race"),),
        optional=("file", "service_test"),
        spaces={name: f"fairface.{name}" for name in ("age", "gender", "race")},
        place=_place_fairface,
        annotate=_annotate_fairface,
    ),
    "utkface": Layout(
        splits=("all",),
        needs=(("image", "name"), ("image", "age", "gender", "race")),
        spaces={name: f"utkface.{name}" for name in ("gender", "race")},
        repeats="copies",
        place=_place_utkface,
        annotate=_annotate_nothing,
    ),
    "raf-db": Layout(
        splits=("train", "test"),
        needs=(("image", "label"),),
        optional=("file",),
        spaces={"label": "raf-db"},
        place=_place_raf_db,
        annotate=_annotate_raf_db,
    ),
    "expw": Layout(
        splits=("all",),
        needs=(("image", "label"), ("image", "label", *_BOX)),
        optional=("name",),
        spaces={"label": "expw"},
        repeats="faces",
        place=_place_expw,
        annotate=_annotate_expw,
    ),
}
"""Name of the dataset -> how it is written."""
