"""The photographs written into the official layout of each of the six sets, so that the real loaders read them.

What is not known of a photograph is not invented. MAAD has a value for it, and the other sets do not: there a constant
takes its place, the same for every photograph, which says nothing of anyone (PLACEHOLDERS).
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from docs.portraits.photos import Photo, astronaut, boxes
from tasks.datasets import DataOptions, Faces, open_index
from tasks.datasets.options import FairFace
from tasks.datasets.writing import write_lines
from tasks.labels import label_space
from tasks.toy.layouts import FAIRFACE_AGES, utk_stamp

PLACEHOLDERS = {
    "celeba": "attributes that were not judged (-1)",
    "maad": "",
    "fairface": "race (the first of the list)",
    "utkface": "race (4, others)",
    "expw": "expression (6, neutral)",
    "raf-db": "expression (7, neutral)",
}
"""Dataset -> what of it is a constant and no label; MAAD's 0 says by itself that nothing is known."""
OPTIONS = DataOptions(fairface=FairFace(padding="1.25"))
"""The portraits are as wide as FairFace's larger pictures."""
_MAAD = {True: "1", False: "-1", None: "0"}


def load(name: str, folder: Path) -> Faces:
    """All faces of a dataset, whatever their split."""
    return open_index(name, folder, OPTIONS).faces()


def write(name: str, root: Path, photos: Sequence[Photo]) -> Path:
    """Write the photographs into root/NAME in the layout of this set and return that folder."""
    folder = root / name
    folder.mkdir(parents=True)
    _WRITERS[name](folder, photos)
    return folder


def place(photo: Path, target: Path) -> None:
    """Put a photograph there: as a hard link where the disk allows it, else as a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(photo, target)
    except OSError:
        shutil.copyfile(photo, target)


def _celeba(folder: Path, photos: Sequence[Photo]) -> None:
    names = label_space("celeba").labels
    rows, parts = [], []
    for number, photo in enumerate(photos, start=1):
        file = f"{number:06d}.jpg"
        place(photo.path, folder / "Img/img_align_celeba" / file)
        rows.append(file + "".join(" 1" if photo.gold.get(name, False) else " -1" for name in names))
        parts.append(f"{file} 2")
    write_lines(folder / "Anno/list_attr_celeba.txt", [str(len(rows)), " ".join(names), *rows])
    write_lines(folder / "Eval/list_eval_partition.txt", parts)


def _maad(folder: Path, photos: Sequence[Photo]) -> None:
    names = label_space("maad").labels
    rows = [",".join(("Filename", "Identity", *names))]
    for number, photo in enumerate(photos, start=1):
        file = f"n{number:06d}/0001_01.jpg"
        place(photo.path, folder / "test" / file)
        cells = (_MAAD[photo.gold.get(name)] for name in names)
        rows.append(",".join((file, str(number), *cells)))
    write_lines(folder / "MAAD_Face.csv", rows)
    (folder / "train").mkdir()


def _fairface(folder: Path, photos: Sequence[Photo]) -> None:
    race = label_space("fairface.race").labels[0]
    bounds = label_space("fairface.age").bounds
    rows = ["file,age,gender,race,service_test"]
    for number, photo in enumerate(photos, start=1):
        file = f"val/{number}.jpg"
        place(photo.path, folder / file)
        age = next(at for at, (first, last) in enumerate(bounds) if first <= photo.age <= last)
        rows.append(f"{file},{FAIRFACE_AGES[age]},{photo.gender},{race},False")
    write_lines(folder / "fairface_label_val.csv", rows)
    write_lines(folder / "fairface_label_train.csv", rows[:1])
    (folder / "train").mkdir()


def _utkface(folder: Path, photos: Sequence[Photo]) -> None:
    for index, photo in enumerate(photos):
        gender = ("Male", "Female").index(photo.gender)
        place(photo.path, folder / "UTKFace" / f"{photo.age}_{gender}_4_{utk_stamp('test', index)}.jpg.chip.jpg")


def _expw(folder: Path, photos: Sequence[Photo]) -> None:
    """Those whose face was measured, and the astronaut."""
    measured = boxes()
    files = {photo.path.name: photo.path for photo in photos if photo.id in measured}
    files["astronaut.png"] = astronaut()
    rows = []
    for name, path in files.items():
        place(path, folder / "image/origin" / name)
        left, top, right, bottom = measured[path.stem]
        rows.append(f"{name} 0 {top} {left} {right} {bottom} 50.0 6")
    write_lines(folder / "label/label.lst", rows)


def _raf_db(folder: Path, photos: Sequence[Photo]) -> None:
    rows = []
    for number, photo in enumerate(photos, start=1):
        place(photo.path, folder / f"basic/Image/aligned/test_{number:04d}_aligned.jpg")
        rows.append(f"test_{number:04d}.jpg 7")
    write_lines(folder / "basic/EmoLabel/list_patition_label.txt", rows)


_WRITERS: dict[str, Callable[[Path, Sequence[Photo]], None]] = {
    "celeba": _celeba,
    "maad": _maad,
    "fairface": _fairface,
    "utkface": _utkface,
    "expw": _expw,
    "raf-db": _raf_db,
}
