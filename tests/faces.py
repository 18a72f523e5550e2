"""Faces that were never on a disk."""

from pathlib import Path

import numpy as np

from faceinsight.faces import LabelledFaces
from faceinsight.labels import joint_labels


def faces_of(ids: dict[str, list[str]], seed: int = 0) -> LabelledFaces:
    """Faces with these ids (dataset -> ids) and random labels and masks in the joint space."""
    names = [name for name, own in ids.items() for _ in own]
    flat = [one for own in ids.values() for one in own]
    luck = np.random.default_rng(seed)
    joint = joint_labels()
    return LabelledFaces(
        root=Path("root"),
        joint=joint,
        datasets=tuple(ids),
        labels_NK=luck.random((len(flat), len(joint))) < 0.4,
        mask_NK=luck.random((len(flat), len(joint))) < 0.7,
        dataset_N=np.array([list(ids).index(name) for name in names], dtype=np.int8),
        ids=np.array(flat, dtype=np.dtypes.StringDType()),
        paths=np.array([f"{name}/{one}" for name, one in zip(names, flat, strict=True)], dtype=np.dtypes.StringDType()),
        boxes_N4=np.zeros((len(flat), 4), dtype=np.int32),
        dropped={},
    )


def sized(sizes: dict[str, int], seed: int = 0) -> LabelledFaces:
    """So many such faces of each dataset."""
    return faces_of({name: [f"{index}" for index in range(count)] for name, count in sizes.items()}, seed)
