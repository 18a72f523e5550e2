"""The faces of several datasets in one label space: what FaceInsight is trained on. No torch, and no pixels, here.

Measured with MAAD's labels: a face is kept in 260 bytes, 160 of them labels and mask (K = 80), the rest id, path and
box, so all of MAAD (3.3 million) takes 0.9 GB. While a dataset is read its loader holds a record of 2.3 kB per face,
8 GB for MAAD; datasets are read one after the other, so only one is ever held in that form.

Shapes: N faces, K characteristics.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from faceinsight.labels import Bools, JointLabels, joint_labels
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.records import ImageRef
from tasks.datasets import LOADERS, SOURCES
from tasks.datasets.base import Face

ALL = tuple(LOADERS)
"""The six datasets."""
Indices = npt.NDArray[np.integer[Any]] | Sequence[int]
Texts = npt.NDArray[Any]
"""Strings of any length as numpy's StringDType, which keeps no Python object for each."""


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """N faces and what is known of each in the joint space; the order is that of the datasets and their label files."""

    root: Path
    """The folder that holds the datasets' folders."""
    joint: JointLabels
    datasets: tuple[str, ...]
    labels_NK: Bools
    """True where the characteristic is present; false where it is absent or not annotated."""
    mask_NK: Bools
    """True where the characteristic is annotated."""
    dataset_N: npt.NDArray[np.int8]
    """Place of the face's dataset in `datasets`."""
    ids: Texts = field(repr=False)
    """[N], unique within a dataset."""
    paths: Texts = field(repr=False)
    """[N], relative to root."""
    boxes_N4: npt.NDArray[np.int32] = field(repr=False)
    """left, top, right, bottom; zeros for the whole picture."""
    dropped: dict[str, dict[str, int]]
    """Dataset -> reason -> how many faces its loader left out."""

    def __len__(self) -> int:
        """N."""
        return len(self.ids)

    def id(self, index: int) -> str:
        """The face's id within its dataset, such as "182638.jpg" or "scene.jpg#2"."""
        return str(self.ids[index])

    def dataset(self, index: int) -> str:
        """The name of the face's dataset."""
        return self.datasets[int(self.dataset_N[index])]

    def image(self, index: int) -> ImageRef:
        """Where the picture of the face is."""
        left, top, right, bottom = map(int, self.boxes_N4[index])
        box = (left, top, right, bottom) if right else None  # a box encloses something, so its right side is not 0
        return ImageRef(path=self.root / str(self.paths[index]), box=box)

    def sizes(self) -> dict[str, int]:
        """Dataset -> how many of the faces are its own."""
        counts = np.bincount(self.dataset_N, minlength=len(self.datasets))
        return dict(zip(self.datasets, counts.tolist(), strict=True))

    def subset(self, indices: Indices | Bools) -> "LabelledFaces":
        """The faces at these places, in the order given, or those where a mask [N] is true."""
        chosen = np.asarray(indices, dtype=None if len(indices) else np.int64)
        return LabelledFaces(
            root=self.root,
            joint=self.joint,
            datasets=self.datasets,
            dropped=self.dropped,
            **{name: getattr(self, name)[chosen] for name in _ARRAYS},
        )


_ARRAYS = ("labels_NK", "mask_NK", "dataset_N", "ids", "paths", "boxes_N4")


def load(
    root: Path,
    datasets: Iterable[str] = ALL,
    split: str = "train",
    labels: JointLabels | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> LabelledFaces:
    """Read one split of some datasets.

    Args:
        root: the folder that holds the datasets' folders, named as in ALL.
        datasets: names from ALL.
        split: "train" or "test", or "val" where each of the datasets has it.
        labels: the label space; by default that of all questions. Of a dataset's labels those it has are encoded.
        limit: at most so many faces of each dataset, a random subset; a larger limit contains a smaller one.
        seed: chooses the subset.

    Raises:
        UnknownNameError: a dataset does not exist, or lacks the split.
        ConfigError: no dataset is named, or one of which the label space has nothing, or a limit below 1.
        DataError: datasets are missing (one error names all of them), incomplete or hold an impossible value.
    """
    joint = labels or joint_labels()
    names = tuple(dict.fromkeys(datasets))
    _check(names, split, joint, limit)
    _check_present(root, names)
    return concatenate([_read(root, name, split, joint, limit, seed) for name in names])


def concatenate(parts: Sequence[LabelledFaces]) -> LabelledFaces:
    """The faces of all parts, one after the other; a dataset may be in several, and `dropped` is that of its last.

    Raises:
        ValueError: no part, or parts of different roots or label spaces.
    """
    if len({part.root for part in parts}) != 1 or any(part.joint != parts[0].joint for part in parts):
        raise ValueError("only faces of one data root and one label space can be put together.")
    datasets = tuple(dict.fromkeys(name for part in parts for name in part.datasets))
    places = [np.array([datasets.index(name) for name in part.datasets], dtype=np.int8) for part in parts]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    joined["dataset_N"] = np.concatenate([own[part.dataset_N] for own, part in zip(places, parts, strict=True)])
    return LabelledFaces(
        root=parts[0].root,
        joint=parts[0].joint,
        datasets=datasets,
        dropped={name: reasons for part in parts for name, reasons in part.dropped.items()},
        **joined,
    )


def luck(texts: Iterable[str]) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each text, by hash: the same on every machine, whatever other texts there are."""
    digests = (hashlib.sha1(text.encode(), usedforsecurity=False).digest() for text in texts)
    return np.array([int.from_bytes(digest[:6], "big") / 2**48 for digest in digests], dtype=np.float64)


def luckiest(ids: Sequence[str] | Texts, limit: int | None, salt: str) -> npt.NDArray[np.int64]:
    """The places of `limit` of these ids, or of all, in ascending order; a larger limit contains a smaller one."""
    if limit is None or limit >= len(ids):
        return np.arange(len(ids))
    return np.sort(np.argsort(luck(f"{salt} {one}" for one in ids), kind="stable")[:limit])


def _check(names: Sequence[str], split: str, joint: JointLabels, limit: int | None) -> None:
    if not names:
        raise ConfigError(f"no dataset is named: choose from {', '.join(ALL)}.")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no face; give a number of at least 1, or none for all faces.")
    for name in names:
        if name not in LOADERS:
            raise UnknownNameError.of("dataset", name, ALL, "docs/datasets.md")
        SOURCES[name].check_split(split)
        if not joint.annotated(name).any():
            raise ConfigError(f"the label space has no label of {name}: leave the dataset out.")


def _check_present(root: Path, names: Sequence[str]) -> None:
    """Find all that is missing at once, before hours are spent on what is there."""
    here = [name for name in names if (root / name).is_dir() and any((root / name).iterdir())]
    if missing := [name for name in names if name not in here]:
        said = [
            f"  {root / name} ({SOURCES[name].title}) is absent or empty. {SOURCES[name].obtain}" for name in missing
        ]
        listed = ", ".join(f'"{name}"' for name in here)
        cure = f" `datasets = [{listed}]` in the config goes on with what is there." if here else ""
        head = f"{len(missing)} of {len(names)} datasets are missing:"
        raise DataError("\n".join([head, *said, f"docs/datasets.md shows the layouts.{cure}"]))


def _read(root: Path, name: str, split: str, joint: JointLabels, limit: int | None, seed: int) -> LabelledFaces:
    loaded = LOADERS[name](root / name, split)
    if not loaded.faces:
        raise DataError(f"{root / name} holds no face of split '{split}'. Dropped: {loaded.tally.dropped}.")
    ids = [face.id for face in loaded.faces]
    faces = [loaded.faces[place] for place in luckiest(ids, limit, f"limit {seed} {name}").tolist()]
    labels_NK, mask_NK = _encode(faces, joint)
    return LabelledFaces(
        root=root,
        joint=joint,
        datasets=(name,),
        labels_NK=labels_NK,
        mask_NK=mask_NK,
        dataset_N=np.zeros(len(faces), dtype=np.int8),
        ids=_texts([face.id for face in faces]),
        paths=_texts([face.image.path.relative_to(root).as_posix() for face in faces]),
        boxes_N4=np.array([face.image.box or (0, 0, 0, 0) for face in faces], dtype=np.int32),
        dropped={name: loaded.tally.dropped},
    )


def _encode(faces: Sequence[Face], joint: JointLabels) -> tuple[Bools, Bools]:
    labels_NK = np.zeros((len(faces), len(joint)), dtype=bool)
    mask_NK = np.zeros((len(faces), len(joint)), dtype=bool)
    spaces = joint.spaces
    for row, face in enumerate(faces):
        known = {space: gold for space, gold in face.labels.items() if space in spaces}
        labels_NK[row], mask_NK[row] = joint.encode(known)
    return labels_NK, mask_NK


def _texts(texts: Sequence[str]) -> Texts:
    return np.array(texts, dtype=np.dtypes.StringDType())
