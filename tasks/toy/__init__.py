"""Toy faces: drawn, so that every label is known, and written to disk in the official layout of each dataset.

Their true segmentation maps lie beside the datasets (harness.maps).
"""

import json
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from harness.errors import DataError, UnknownNameError
from harness.maps import NAME as MAPS
from harness.maps import write_about
from tasks.toy.gold import attributes
from tasks.toy.layouts import LAYOUTS, Job, Layout, jobs
from tasks.toy.traits import DATASETS, Split, ToyTraits, sample

__all__ = ["ALL", "DRAWN", "STAMP", "VERSION", "ToyTraits", "sample", "write_toy"]

VERSION = 2
"""Raise it when any file that `write_toy` writes would change."""
MAKER = {"parser": "drawn"}
"""What harness.maps.read_about says of the maps."""
ALL = DATASETS
DRAWN = frozenset(attributes(sample(0, "celeba", "train", 0)))
"""The attributes, in CelebA's or MAAD's names, that a toy face can have; the others are never drawn."""

STAMP = "toy.json"
_LOCK = ".toy.lock"
_WORKERS = 2
_FEW = 64
"""So few pictures are drawn at once: starting processes would take longer."""


def write_toy(out: Path, test: int, train: int, seed: int, datasets: Iterable[str] = ALL) -> Path:
    """Write each dataset under out/<dataset>/ in its official layout, and the map of each face into out/maps/.

    What is there already is left alone, the maps of earlier faces too.

    Args:
        out: The data root.
        test: The number of test faces of each dataset.
        train: The number of training faces of each; CelebA has a tenth as many (of test, at least 1) to validate.
        seed: Another seed gives other faces. The same seed, dataset, split and place give the same face always,
            whatever the numbers.
        datasets: Names from ALL.

    Returns:
        out.

    Raises:
        UnknownNameError: A dataset is none of ALL.
        DataError: A folder is in the way which this function has not written.
        ConfigError: out/maps/ holds maps of another maker.
    """
    sizes: dict[Split, int] = {"train": train, "val": max(1, test // 10), "test": test}
    for dataset in datasets:
        if dataset not in LAYOUTS:
            raise UnknownNameError.of("toy dataset", dataset, LAYOUTS, "tasks.toy.ALL")
        stamp = {"version": VERSION, "test": test, "train": train, "seed": seed}
        folder = Path(out) / dataset
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / _LOCK):
            if not _is_written(folder, stamp):
                _write(folder, LAYOUTS[dataset], jobs(dataset, sizes, seed), stamp)
    return Path(out)


def _is_written(folder: Path, stamp: dict[str, int]) -> bool:
    note = folder / STAMP
    if note.exists():
        notes = (note, _maps_stamp(folder))  # either may have been removed with what it stands for
        return all(each.exists() and json.loads(each.read_text(encoding="utf-8")) == stamp for each in notes)
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder} holds files that are no toy faces; choose another folder for the toy faces.")
    return False


def _write(folder: Path, layout: Layout, pictures: list[Job], stamp: dict[str, int]) -> None:
    """Write into a folder beside the wanted one and rename it, so that nobody ever reads half a dataset."""
    draft = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        rows = _draw_all(draft, pictures)
        layout.annotate(draft, list(zip(pictures, rows, strict=True)))
        _publish_maps(draft / MAPS, folder.parent / MAPS)
        _maps_stamp(folder).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
        (draft / STAMP).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
        draft.chmod(0o755)  # mkdtemp's own is private
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _maps_stamp(folder: Path) -> Path:
    return folder.parent / MAPS / f"toy-{folder.name}.json"


def _publish_maps(drawn: Path, maps: Path) -> None:
    """Move the maps to those of the other datasets; a crash leaves some that nobody asks for, and no harm."""
    write_about(maps, MAKER)
    for file in drawn.glob("*/*.png"):
        place = maps / file.parent.name
        place.mkdir(exist_ok=True)
        file.replace(place / file.name)
    shutil.rmtree(drawn, ignore_errors=True)


def _draw_all(draft: Path, pictures: list[Job]) -> list[list[str]]:
    draw = partial(_draw, draft)
    if len(pictures) < _FEW:
        return [draw(job) for job in pictures]
    # A fork needs no importable main module, so notebooks and scripts without a guard work too; the children only draw.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(_WORKERS, mp_context=context) as pool:
        return list(pool.map(draw, pictures, chunksize=16))


def _draw(draft: Path, job: Job) -> list[str]:
    return LAYOUTS[job.dataset].draw(job, draft)
