"""The faces of several datasets in one label space: what FaceInsight is trained on. No torch, and no pixels, here.

A face is kept in 260 bytes, 160 of them labels and mask (K = 80), the rest id, path and box, so all of MAAD (3.3
million) takes 0.9 GB. They come out of the dataset's index (tasks/datasets/index.py) as columns.

Shapes: N faces, K characteristics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from faceinsight.labels import Bools, JointLabels, joint_labels
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.records import ImageRef
from tasks.datasets import LOADERS, SOURCES, DataOptions, Faces, require
from tasks.datasets import load as load_dataset
from tasks.datasets.split import luck

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
    options: DataOptions | None = None,
) -> LabelledFaces:
    """Read one split of some datasets.

    Args:
        root: the folder that holds the datasets' folders, named as in ALL.
        datasets: names from ALL.
        split: "train" or "test", or "val" where each of the datasets has it.
        labels: the label space; by default that of all questions. Of a dataset's labels those it has are encoded.
        limit: at most so many faces of each dataset, a random subset; a larger limit contains a smaller one.
        seed: chooses the subset.
        options: the user's choices about the datasets.

    Raises:
        UnknownNameError: a dataset does not exist, or lacks the split.
        ConfigError: no dataset is named, or one of which the label space has nothing, or a limit below 1.
        DataError: datasets are missing (one error names all of them), incomplete or hold an impossible value.
    """
    joint = labels or joint_labels()
    names = tuple(dict.fromkeys(datasets))
    _check(names, split, joint, limit)
    require(root, names, _with)
    return concatenate([_read(root, name, split, joint, limit, seed, options or DataOptions()) for name in names])


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


def _with(here: Sequence[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in here)
    return f"`datasets = [{listed}]` in the config goes on with what is there."


def _read(
    root: Path, name: str, split: str, joint: JointLabels, limit: int | None, seed: int, options: DataOptions
) -> LabelledFaces:
    found = load_dataset(name, root / name, split, options)
    if not len(found):
        raise DataError(f"{root / name} holds no face of split '{split}'. Dropped: {found.tally.dropped}.")
    ids = _texts(list(found.strings("id")))
    faces = found.take(luckiest(ids, limit, f"limit {seed} {name}"))
    labels_NK, mask_NK = _encode(faces, joint)
    return LabelledFaces(
        root=root,
        joint=joint,
        datasets=(name,),
        labels_NK=labels_NK,
        mask_NK=mask_NK,
        dataset_N=np.zeros(len(faces), dtype=np.int8),
        ids=_texts(list(faces.strings("id"))),
        paths=_texts([f"{name}/{path}" for path in faces.strings("path")]),
        boxes_N4=faces.boxes(),
        dropped={name: found.tally.dropped},
    )


def _encode(faces: Faces, joint: JointLabels) -> tuple[Bools, Bools]:
    """Labels and mask, as `JointLabels.encode` gives them face by face."""
    labels_NK = np.zeros((len(faces), len(joint)), dtype=bool)
    mask_NK = np.zeros((len(faces), len(joint)), dtype=bool)
    for space in joint.spaces.intersection(faces.spaces):
        columns = list(joint.columns(space).values())
        codes = faces.codes(space)
        present = codes > 0 if codes.ndim > 1 else codes[:, None] == np.arange(len(columns))
        # Two spaces of one dataset may share a characteristic: what either says of it stands.
        labels_NK[:, columns] |= present
        mask_NK[:, columns] |= codes != 0 if codes.ndim > 1 else np.ones_like(present)
    return labels_NK, mask_NK


def _texts(texts: Sequence[str]) -> Texts:
    return np.array(texts, dtype=np.dtypes.StringDType())
