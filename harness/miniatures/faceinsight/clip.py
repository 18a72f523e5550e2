"""The stand-in for FLIP: a small CLIP on toy faces and statements about them.

Each picture of a batch brings one statement that is true of it, of one or two characteristics. Which statements are
true of the other pictures is known as well, so the loss is SigLIP's over all pairs, with several true ones in a row;
plain CLIP takes every other pair for false, and many faces of a batch share so short a caption.

Shapes: B pictures and B statements, K characteristics.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPModel, PreTrainedTokenizerFast

from faceinsight.faces import LabelledFaces
from faceinsight.phrases import caption

FACTS = 2
"""Characteristics in one statement, at most."""


class Pairs(NamedTuple):
    """A batch: rows of the faces, statements about them, and which are true of which."""

    faces: np.ndarray
    captions: list[str]
    true_BB: Tensor
    """[picture, statement]."""


class Contrast(nn.Module):
    """The two scalars of SigLIP's loss: scale and offset of the similarities."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.offset = nn.Parameter(torch.tensor(-1.0))

    def forward(self, model: CLIPModel, pixels: Tensor, words: dict[str, Tensor], true_BB: Tensor) -> Tensor:
        """The loss; true and false pairs weigh the same together."""
        image = F.normalize(model.get_image_features(pixel_values=pixels).pooler_output, dim=-1)
        text = F.normalize(model.get_text_features(**words).pooler_output, dim=-1)
        logits_BB = self.scale.exp() * image @ text.T + self.offset
        each_BB = F.binary_cross_entropy_with_logits(logits_BB, true_BB, reduction="none")
        return (each_BB[true_BB > 0].mean() + each_BB[true_BB == 0].mean()) / 2


def pairs(faces: LabelledFaces, size: int, seed: int) -> Iterator[Pairs]:
    """Endless batches, each of one dataset, for only there all pictures are annotated alike; the seed settles all."""
    rng = np.random.default_rng(seed)
    while True:
        own = np.flatnonzero(faces.dataset_N == rng.integers(len(faces.datasets)))
        rows = rng.choice(own, size=min(size, len(own)), replace=False)
        present_BK, known_BK = faces.labels_NK[rows], faces.mask_NK[rows]
        said = [_statement(present, known, rng) for present, known in zip(present_BK, known_BK, strict=True)]
        true_BB = np.stack([present_BK[:, columns].all(1) for columns in said], axis=1)
        phrases = [caption([faces.joint.characteristics[column].phrase for column in columns]) for columns in said]
        yield Pairs(rows, phrases, torch.from_numpy(true_BB).float())


def _statement(present_K: np.ndarray, known_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    held = np.flatnonzero(present_K & known_K)
    return rng.permutation(held)[: int(rng.integers(1, FACTS + 1))]


def encode(tokenizer: PreTrainedTokenizerFast, captions: Sequence[str]) -> dict[str, Tensor]:
    """Statements as the text tower reads them."""
    return dict(tokenizer(list(captions), padding=True, return_tensors="pt", return_token_type_ids=False))
