"""The correlations of the training faces as a file: counts, from which eq. 5-7 make a map for any tau and omega.

FILE.safetensors     together, given: int64 [K, K] (faceinsight.graph.Counts)
  its metadata       JSON under "correlations": names of the K characteristics, faces per dataset, split

Shapes: N faces, K characteristics.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from faceinsight.faces import LabelledFaces
from faceinsight.graph import Counts, co_occurrence, correlation_map
from harness.errors import DataError
from harness.records import Record

NAME = "correlation.safetensors"
_KEY = "correlations"
"""One entry, because safetensors writes several in any order, and equal counts should be equal files."""
_CURE = "`python -m harness correlate` makes the file."
_ROWS = 1 << 16
"""So many faces are counted at once: they take 100 MB as floats."""


class Origin(Record):
    """What was counted."""

    names: tuple[str, ...]
    """The K characteristics."""
    faces: dict[str, int]
    """Dataset -> number of faces."""
    split: str


class Correlations(NamedTuple):
    """The counts of some faces, and which faces these were."""

    counts: Counts
    origin: Origin

    def map(self, tau: float, omega: float) -> Tensor:
        """The map [K, K] for the correlation module (eq. 5-7).

        Raises:
            ConfigError: tau or omega is not in [0, 1].
        """
        return correlation_map(self.counts, tau, omega)


def count(faces: LabelledFaces, split: str = "train") -> Correlations:
    """Count the pairs of characteristics of all faces; those of several datasets add up.

    Args:
        faces: see `load`.
        split: the split they are of, to be written down.
    """
    size = len(faces.joint)
    none = Counts(torch.zeros(size, size, dtype=torch.int64), torch.zeros(size, size, dtype=torch.int64))
    parts = (
        co_occurrence(torch.from_numpy(faces.labels_NK[rows]), torch.from_numpy(faces.mask_NK[rows]))
        for rows in (slice(start, start + _ROWS) for start in range(0, len(faces), _ROWS))
    )
    counts = reduce(Counts.plus, parts, none)
    return Correlations(counts=counts, origin=Origin(names=faces.joint.names, faces=faces.sizes(), split=split))


def write(file: Path, correlations: Correlations) -> None:
    """Write a file; a crash leaves none or a whole one, and equal correlations give equal bytes."""
    about = json.dumps(correlations.origin.model_dump(mode="json"), sort_keys=True)
    tensors = {name: value.contiguous() for name, value in correlations.counts._asdict().items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as stream:
        stream.write(save(tensors, metadata={_KEY: about}))
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, file)


def read(file: Path, names: Sequence[str]) -> Correlations:
    """Read a file of these characteristics.

    Raises:
        DataError: it is absent, damaged, or of other characteristics or another order of them.
    """
    if not file.is_file():
        raise DataError(f"there is no file of correlations at {file}. {_CURE}")
    try:
        with safe_open(file, framework="pt") as opened:
            origin = Origin.model_validate_json((opened.metadata() or {})[_KEY])
            counts = Counts(*(opened.get_tensor(name) for name in Counts._fields))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{file} is no file of correlations ({error}). {_CURE}") from error
    _check(file, origin.names, names, counts)
    return Correlations(counts=counts, origin=origin)


def _check(file: Path, found: Sequence[str], wanted: Sequence[str], counts: Counts) -> None:
    if tuple(found) != tuple(wanted):
        pairs = zip((*found, "nothing"), (*wanted, "nothing"), strict=False)
        here, there = next(pair for pair in pairs if pair[0] != pair[1])
        raise DataError(
            f"{file} counts {len(found)} other characteristics than these {len(wanted)}: '{here}' where '{there}' is "
            f"wanted. {_CURE}"
        )
    if any(value.shape != (len(found), len(found)) for value in counts):
        raise DataError(f"{file} holds counts of another shape than its {len(found)} names. {_CURE}")
