"""The fit of clip-probe: features of the training faces, heads on them, and the files of both."""

# mypy: disallow-untyped-calls=False

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText

import faceinsight.auto  # noqa: F401 - registers FaceInsight with the Auto classes
from adapters.clip_probe import TOWER, WEIGHTS, ProbeConfig, Tower, TowerName
from adapters.place import device_of
from adapters.spec import MINIATURES
from harness.checkpoints import fingerprint
from harness.engines.quiet import quiet
from harness.errors import DataError
from harness.floors.features import Floats, features
from harness.floors.fit import FitOptions, features_folder
from harness.floors.gold import Gold, Lesson
from harness.floors.heads import SEARCH, HeadWeights, fit_head
from harness.records import ImageRef
from tasks.labels import label_space

MINIATURE = "miniature"
Tell = Callable[[str], None]


class _Lot(NamedTuple):
    """The pictures of one dataset and what the tower makes of them."""

    rows: dict[ImageRef, int]
    features: Floats
    """[pictures, D]; NaN where one cannot be read."""

    def of(self, lesson: Lesson) -> Floats:
        """Those of a lesson's faces, in their order."""
        return self.features[[self.rows[image] for image in lesson.faces.images()]]


def write_probe(
    gold: Gold, about: Mapping[str, Any], tower: str, options: FitOptions, folder: Path, tell: Tell
) -> ProbeConfig:
    """Fit the heads and write weights and tower into a folder.

    Args:
        gold: the lessons.
        about: the fields of the config that all floors have.
        tower: "miniature", a folder, REPO or REPO@REVISION.
        options: for device and seed.
        folder: of the checkpoint.
        tell: is told what is being done.

    Returns:
        The config, not yet written.
    """
    quiet()
    name, place = _place(tower, folder)
    network = Tower(place, name.revision)
    named = name.model_copy(update={"revision": network.revision or name.revision})
    kept = features_folder() / _mark(place, named)
    lots = _lots(gold.lessons, network.to(device_of(options.device)), kept, tell)
    heads = {space: _head(space, lessons, lots, options.seed, tell) for space, lessons in gold.by_space().items()}
    stored = {f"{space}.weight": head.weight for space, head in heads.items()}
    save_file(stored | {f"{space}.bias": head.bias for space, head in heads.items()}, folder / WEIGHTS)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    sources = {
        lesson.question.name: about["sources"][lesson.question.name].model_copy(
            update={"unreadable": int(np.isnan(lots[lesson.question.dataset].of(lesson)[:, 0]).sum())}
        )
        for lesson in gold.lessons
    }
    costs = {space: head.costs for space, head in heads.items()}
    return ProbeConfig(**{**about, "sources": sources}, tower=named, features=network.width, search=SEARCH, costs=costs)


def _place(tower: str, folder: Path) -> tuple[TowerName, str]:
    """How the config names the tower, and where it is loaded from; what is no repository is copied into the folder."""
    if tower == MINIATURE:
        _save_miniature(folder / TOWER)
    elif Path(tower).is_dir():
        own = Tower(tower)
        own.network.save_pretrained(folder / TOWER)
        own.processor.save_pretrained(folder / TOWER)
    else:
        repo, _, revision = tower.partition("@")
        return TowerName(repo=repo, revision=revision or None), repo
    return TowerName(), str(folder / TOWER)


def _save_miniature(folder: Path) -> None:
    """The face tower of FaceInsight's miniature: a CLIP of drawn faces and statements, frozen since."""
    source = MINIATURES / "faceinsight"
    whole: Any = AutoModelForImageTextToText.from_pretrained(source, local_files_only=True, dtype=torch.bfloat16)
    whole.model.vision_tower.save_pretrained(folder)
    AutoImageProcessor.from_pretrained(source, backend="pil", local_files_only=True).save_pretrained(folder)


def _mark(place: str, named: TowerName) -> str:
    """Of features that one tower makes of pictures."""
    told = f"{fingerprint(place)}@{named.revision}" if named.repo else fingerprint(place)
    return hashlib.sha256(f"{told} square pooled".encode()).hexdigest()[:16]


def _lots(lessons: Sequence[Lesson], tower: Tower, folder: Path, tell: Tell) -> dict[str, _Lot]:
    """Dataset -> its pictures; each is looked at once, whatever is asked about it."""
    images: dict[str, dict[ImageRef, None]] = {}
    for lesson in lessons:
        images.setdefault(lesson.question.dataset, {}).update(dict.fromkeys(lesson.faces.images()))
    return {name: _lot(name, list(found), tower, folder, tell) for name, found in images.items()}


def _lot(name: str, images: Sequence[ImageRef], tower: Tower, folder: Path, tell: Tell) -> _Lot:
    def tell_of(done: str) -> None:
        tell(f"{name}: {done}")

    return _Lot({image: row for row, image in enumerate(images)}, features(tower, images, folder, tell_of))


def _head(space: str, lessons: Sequence[Lesson], lots: Mapping[str, _Lot], seed: int, tell: Tell) -> HeadWeights:
    rows = np.concatenate([lots[lesson.question.dataset].of(lesson) for lesson in lessons])
    codes = np.concatenate([lesson.codes for lesson in lessons])
    readable = ~np.isnan(rows[:, 0])
    if not readable.any():
        raise DataError(
            f"none of the {len(rows)} pictures that teach '{space}' can be read: `python -m harness data check "
            "--data DIR --decode` says what is wrong with them."
        )
    head = fit_head(rows[readable], codes[readable], len(label_space(space).labels), seed)
    tell(f"{space}: {len(head.bias)} labels on {int(readable.sum())} faces")
    return head
