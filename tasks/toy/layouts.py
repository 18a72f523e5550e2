"""The official layout of each dataset: how one face is written, and the annotations that go with all of them.

A `draw` function writes the picture of one job, and into maps/ the map of each face of it, and returns its row or rows
of annotation; an `annotate` function writes the files that list all rows. Rows are text, so that they travel between
processes.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from harness.images import crop, digest, read
from harness.maps import NAME as MAPS
from harness.maps import write_map
from harness.records import ImageRef, Record
from tasks.datasets.split import hash_split
from tasks.datasets.writing import write_lines
from tasks.toy import gold
from tasks.toy.draw import Framing, picture
from tasks.toy.scenes import draw_scene, scenes_of
from tasks.toy.segments import segmentation
from tasks.toy.traits import AGE_BINS, DATASETS, SPLITS, Split, ToyTraits, sample

JPEG_QUALITY = 92
FAIRFACE_AGES = (*(f"{first}-{last}" for first, last in AGE_BINS[:-1]), "more than 70")
RAF_CODES = {"surprise": 1, "fear": 2, "disgust": 3, "happy": 4, "sad": 5, "angry": 6, "neutral": 7}
_UTK_RACES = ("White", "Black", "Asian", "Indian", "Others")
_FACES_PER_PERSON = 4


class Job(Record):
    """One picture to be written."""

    dataset: str
    seed: int
    split: Split
    index: int
    """Counts from 0 in each split, and decides the face."""
    number: int
    """Counts from 1 over the whole dataset; the file's name where names are numbers."""
    faces: int = 1
    """How many faces of the picture are annotated (ExpW)."""


class Layout(Record):
    """How one dataset is laid out on disk."""

    draw: Callable[[Job, Path], list[str]]
    annotate: Callable[[Path, Sequence[tuple[Job, list[str]]]], None]
    splits: tuple[Split, ...]
    """In the order of the annotation files."""


def jobs(dataset: str, sizes: dict[Split, int], seed: int) -> list[Job]:
    """List the pictures of a dataset, in the order of its annotation files."""
    found: list[Job] = []
    for split in LAYOUTS[dataset].splits:
        faces = scenes_of(sizes[split]) if dataset == "expw" else [1] * sizes[split]
        for index, listed in enumerate(faces):
            number = len(found) + 1
            found.append(
                Job(dataset=dataset, seed=seed, split=split, index=index, number=number, faces=listed),
            )
    return found


def _draw_face(root: Path, name: str, traits: ToyTraits, size: tuple[int, int], framing: Framing = "marked") -> None:
    _save(picture(traits, *size, framing), root / name)
    _save_map(root, ImageRef(path=root / name), Image.fromarray(segmentation(traits, *size, framing)))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=JPEG_QUALITY)


def _save_map(root: Path, face: ImageRef, classes: Image.Image) -> None:
    """Write what of the picture's classes belongs to the face, under the pixels as they are read from disk."""
    write_map(root / MAPS, digest(read(face)), np.asarray(crop(classes, face)))


def _draw_celeba(job: Job, root: Path) -> list[str]:
    traits = sample(job.seed, job.dataset, job.split, job.index)
    name = f"{job.number:06d}.jpg"
    _draw_face(root, f"Img/img_align_celeba/{name}", traits, (178, 218))
    return [name + "".join(f" {1 if there else -1:2d}" for there in gold.celeba(traits).values())]


def _annotate_celeba(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    lines = [line for _, own in rows for line in own]
    write_lines(root / "Anno/list_attr_celeba.txt", [str(len(lines)), " ".join(gold.CELEBA) + " ", *lines])
    names = [(f"{job.number:06d}.jpg", job) for job, _ in rows]
    write_lines(root / "Eval/list_eval_partition.txt", [f"{name} {SPLITS.index(job.split)}" for name, job in names])
    write_lines(root / "Anno/identity_CelebA.txt", [f"{name} {job.number}" for name, job in names])


def _draw_maad(job: Job, root: Path) -> list[str]:
    traits = sample(job.seed, job.dataset, job.split, job.index)
    rng = np.random.default_rng([job.seed, DATASETS.index("maad"), SPLITS.index(job.split), job.index, 2])
    width = int(rng.integers(110, 190))
    person = (1 if job.split == "test" else 1000) + job.index // _FACES_PER_PERSON
    name = f"n{person:06d}/{job.index % _FACES_PER_PERSON + 1:04d}_01.jpg"
    _draw_face(root, f"{job.split}/{name}", traits, (width, int(width * rng.uniform(1.15, 1.3))))
    known = gold.maad(traits, job.seed, job.split, job.index)
    cells = [str(1 if known[attribute] else -1) if attribute in known else "0" for attribute in gold.MAAD]
    return [",".join([name, str(person), *cells])]


def _annotate_maad(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    write_lines(root / "MAAD_Face.csv", [",".join(("Filename", "Identity", *gold.MAAD)), *(own[0] for _, own in rows)])


def _draw_fairface(job: Job, root: Path) -> list[str]:
    traits = sample(job.seed, job.dataset, job.split, job.index)
    name = f"{'val' if job.split == 'test' else 'train'}/{job.index + 1}.jpg"
    _draw_face(root, name, traits, (224, 224))
    return [f"{name},{FAIRFACE_AGES[traits.age_bin]},{traits.gender},{traits.race},{job.index % 2 == 0}"]


def _annotate_fairface(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    for split, name in (("train", "train"), ("test", "val")):
        own = [row[0] for job, row in rows if job.split == split]
        write_lines(root / f"fairface_label_{name}.csv", ["file,age,gender,race,service_test", *own])


def _draw_utkface(job: Job, root: Path) -> list[str]:
    traits = sample(job.seed, job.dataset, job.split, job.index)
    gender = ("Male", "Female").index(traits.gender)
    race = _UTK_RACES.index(gold.UTK_RACES[traits.race])
    name = f"{traits.age}_{gender}_{race}_{utk_stamp(job.split, job.index)}.jpg.chip.jpg"
    _draw_face(root, f"UTKFace/{name}", traits, (200, 200))
    return [name]


def utk_stamp(split: Split, index: int) -> str:
    """Find a 17-digit stamp (date, time, milliseconds) whose hash falls into the split; each index has its own."""
    day = datetime(2017, 1, 9 if split == "test" else 17)
    for millisecond in count():
        moment = day + timedelta(seconds=index, milliseconds=millisecond)
        stamp = moment.strftime("%Y%m%d%H%M%S") + f"{moment.microsecond // 1000:03d}"
        if hash_split(stamp) == split:
            return stamp
    raise AssertionError("count() does not end")


def _draw_expw(job: Job, root: Path) -> list[str]:
    scene = draw_scene(job.seed, job.split, job.index)
    path = root / "image/origin" / scene.name
    _save(scene.image, path)
    for box in scene.boxes[: job.faces]:
        _save_map(root, ImageRef(path=path, box=box), scene.classes)
    return scene.lines[: job.faces]


def _annotate_expw(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    write_lines(root / "label/label.lst", [line for _, own in rows for line in own])


def _draw_raf_db(job: Job, root: Path) -> list[str]:
    traits = sample(job.seed, job.dataset, job.split, job.index)
    name = f"{job.split}_{job.index + 1:0{5 if job.split == 'train' else 4}d}"
    _draw_face(root, f"basic/Image/aligned/{name}_aligned.jpg", traits, (100, 100), "tight")
    return [f"{name}.jpg {RAF_CODES[traits.expression]}"]


def _annotate_raf_db(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    write_lines(root / "basic/EmoLabel/list_patition_label.txt", [own[0] for _, own in rows])


def _annotate_nothing(root: Path, rows: Sequence[tuple[Job, list[str]]]) -> None:
    """UTKFace's labels are its file names."""


LAYOUTS = {
    "celeba": Layout(draw=_draw_celeba, annotate=_annotate_celeba, splits=("train", "val", "test")),
    "maad": Layout(draw=_draw_maad, annotate=_annotate_maad, splits=("train", "test")),
    "fairface": Layout(draw=_draw_fairface, annotate=_annotate_fairface, splits=("train", "test")),
    "utkface": Layout(draw=_draw_utkface, annotate=_annotate_nothing, splits=("train", "test")),
    "expw": Layout(draw=_draw_expw, annotate=_annotate_expw, splits=("train", "test")),
    "raf-db": Layout(draw=_draw_raf_db, annotate=_annotate_raf_db, splits=("train", "test")),
}
