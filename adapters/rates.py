"""The floors that look at no picture: the most frequent label, and a label drawn as often as it occurs.

Both know the training split's rates alone, and give them as evidence (docs/baselines.md).
"""

# mypy: disallow-untyped-calls=False

import hashlib
import math
from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor, nn

from adapters.classifier import Classifier
from adapters.fitted import Fitted, Head, read_config
from tasks.labels import label_space


class Majority(Classifier):
    """Answers with the most frequent label of the training split; of attributes with those that most faces have."""

    def load(self) -> nn.Module:
        """Nothing to load beside the counts."""
        self.config = read_config(Fitted, self.source)
        self.heads = {space: head.labels for space, head in self.config.heads.items()}
        self._logits = {space: _logits(space, head) for space, head in self.config.heads.items()}
        return nn.Identity()

    def image(self, image: Image.Image) -> Tensor:
        """Nothing: no picture is looked at."""
        return torch.zeros(0)

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """The same for every picture, as numbers of 64 bits whatever the dtype: rates are counts divided by counts."""
        return {space: values.expand(len(pixels), -1) for space, values in self._logits.items()}


class Prior(Majority):
    """Draws a label as often as the training split has it, and each attribute by its own rate.

    The draw hangs on the request's key alone, which is a hash of pixels, words and decoding: a resumed run says the
    same, and so does a batch of another size.
    """

    def decided(self, space: str, row: Mapping[str, float], key: str) -> tuple[str, ...]:
        """The labels that are drawn."""
        if label_space(space).kind == "attributes":
            return tuple(label for label, share in row.items() if _luck(key, label) < share)
        mark, passed = _luck(key, "") * sum(row.values()), 0.0
        for label, share in row.items():
            passed += share
            if mark < passed:
                return (label,)
        return (max(row, key=row.__getitem__),)  # a rounding past the end


def _logits(space: str, head: Head) -> Tensor:
    """Of labels of which one holds the logarithms of their rates; of attributes the log-odds; -inf is never."""
    counted = zip(head.present, head.annotated, strict=True)
    if label_space(space).kind == "attributes":
        odds = [_log(yes) - _log(asked - yes) if asked else -math.inf for yes, asked in counted]
        return torch.tensor(odds, dtype=torch.float64)
    return torch.tensor([_log(yes) for yes, _ in counted], dtype=torch.float64)


def _log(count: int) -> float:
    return math.log(count) if count else -math.inf


def _luck(key: str, label: str) -> float:
    """A number in [0, 1) that hangs on a request, and on one of its labels."""
    return int.from_bytes(hashlib.sha256(f"prior\0{key}\0{label}".encode()).digest()[:7]) / 2**56
