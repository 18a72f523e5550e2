"""Which faces are trained on, which are held out, and how often each is drawn. No torch here.

Shapes: N faces.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from faceinsight.faces import ALL, LabelledFaces, concatenate, load, luckiest
from faceinsight.labels import JointLabels
from harness.errors import ConfigError, UnknownNameError
from tasks.datasets import SOURCES, DataOptions
from tasks.datasets.split import luck

_TOGETHER: dict[str, Callable[[str], str]] = {
    "maad": lambda name: name.partition("/")[0],  # one identity: n000002/0001_01.jpg
    "expw": lambda name: name.rpartition("#")[0],  # one photograph: scene.jpg#2
}
"""Dataset -> what the faces that must not part have in common, from their ids. Of other sets nothing is known."""
Shares = Mapping[str, float] | Literal["equal", "proportional"]


def train_and_val(
    root: Path,
    datasets: Iterable[str] = ALL,
    share: float = 0.05,
    labels: JointLabels | None = None,
    limit: int | None = None,
    seed: int = 0,
    options: DataOptions | None = None,
) -> tuple[LabelledFaces, LabelledFaces]:
    """The training faces of some datasets, and the faces to validate with.

    A dataset with a split "val" of its own (CelebA) gives that; of the others a share of "train" is held out.

    Args:
        root: see `load`, as for datasets, labels, options, and limit (which counts the faces of "train" and of "val").
        share: of the training faces, as in `split_off`.
        seed: chooses the subset. What is held out does not depend on it: no two runs validate on each other's faces.

    Raises:
        HarnessError: as `load` and `split_off` do.
    """
    faces = load(root, datasets, "train", labels, limit, seed, options)
    own = [name for name in faces.datasets if "val" in SOURCES[name].splits]
    train, held = split_off(faces, share, whole=own)
    return train, concatenate([held, load(root, own, "val", labels, limit, seed, options)] if own else [held])


def split_off(
    faces: LabelledFaces, share: float, seed: int = 0, whole: Collection[str] = ()
) -> tuple[LabelledFaces, LabelledFaces]:
    """Part faces in those to train on and those held out, about this share of each dataset.

    The hash of a face's id decides, so a face is on the same side whatever other faces there are, and a larger share
    holds out all that a smaller one does. Faces of one identity (MAAD) and of one photograph (ExpW) do not part. Of a
    few dozen faces the share can be far off; `few` bounds a large one.

    Args:
        faces: see `load`.
        share: in [0, 1).
        seed: another one holds out other faces.
        whole: datasets of which nothing is held out.

    Returns:
        The faces to train on, and those held out; both in the order of `faces`.

    Raises:
        ConfigError: the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ConfigError(f"a held-out share of {share}: give a number from 0 to below 1.")
    held_N = np.zeros(len(faces), dtype=bool)
    for place, name in enumerate(faces.datasets):
        if name not in whole:
            own = np.flatnonzero(faces.dataset_N == place)
            held_N[own] = held_out(name, faces.ids[own], share, seed)
    return faces.subset(~held_N), faces.subset(held_N)


def held_out(dataset: str, ids: Iterable[str], share: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which faces of a dataset are held out, from their ids alone; see `split_off`."""
    group = _TOGETHER.get(dataset, str)
    return luck(f"hold out {seed} {dataset} {group(one)}" for one in ids) < share


def few(faces: LabelledFaces, limit: int, seed: int = 0) -> LabelledFaces:
    """At most `limit` faces of each dataset, a random subset; a larger limit contains a smaller one."""
    own = [np.flatnonzero(faces.dataset_N == place) for place in range(len(faces.datasets))]
    salts = [f"few {seed} {name}" for name in faces.datasets]
    kept = [rows[luckiest(faces.ids[rows], limit, salt)] for rows, salt in zip(own, salts, strict=True)]
    return faces.subset(np.sort(np.concatenate(kept)))


def weights(faces: LabelledFaces, shares: Shares = "equal") -> npt.NDArray[np.float64]:
    """How often each face is drawn, for torch's WeightedRandomSampler: [N], summing to 1.

    Args:
        faces: see `load`.
        shares: how much of what is drawn comes from each dataset: a number for each (they need not sum to 1),
            "equal", or "proportional" to the number of faces. Faces of one dataset are drawn equally often.

    Raises:
        UnknownNameError: a share is given to a dataset that is not among the faces' own.
        ConfigError: a dataset has no share, or one that is no number from 0 up, or all are 0, or one without faces has
            more than 0.
    """
    sizes = faces.sizes()
    wanted = _shares(sizes, shares)
    total = sum(wanted.values())
    each = np.array([wanted[name] / total / max(count, 1) for name, count in sizes.items()])
    return each[faces.dataset_N]


def _shares(sizes: Mapping[str, int], shares: Shares) -> dict[str, float]:
    """Dataset -> share, not yet summing to 1."""
    if shares == "proportional":
        return {name: float(count) for name, count in sizes.items()}
    if shares == "equal":
        return {name: float(count > 0) for name, count in sizes.items()}
    if not isinstance(shares, Mapping):
        raise UnknownNameError.of("sampling", shares, ("equal", "proportional"), "docs/faceinsight-data.md")
    for name, share in shares.items():
        if name not in sizes:
            raise UnknownNameError.of("dataset in the sampling shares", name, sizes, "`datasets` of the config")
        if not (isfinite(share) and share >= 0):
            raise ConfigError(f"sampling share {name} = {share}: give a number from 0 up.")
        if share and not sizes[name]:
            raise ConfigError(f"sampling share {name} = {share}, but there is no face of it: give it 0.")
    if absent := [name for name in sizes if name not in shares]:
        raise ConfigError(f"no sampling share for {', '.join(absent)}: give 0 to leave a dataset out.")
    if not any(shares.values()):
        raise ConfigError("all sampling shares are 0: nothing would be drawn.")
    return dict(shares)
