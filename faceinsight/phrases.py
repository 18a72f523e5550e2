"""Characteristics in words, and their text features T^0, which the graph refines (section 3.1).

Shapes: K characteristics, T width of the text features.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def caption(phrases: Sequence[str]) -> str:
    """The sentence with which a CLIP is asked about characteristics."""
    return f"a photo of a face: {', '.join(phrases)}"


@torch.no_grad()
def text_features(clip: Any, tokenizer: Any, phrases: Sequence[str]) -> Tensor:
    """T^0 [K, T], float32: one projected text feature per phrase, with elements of mean square 1.

    CLIP's features have lengths of their own, about ten; adapter and graph behind them want numbers near one, and
    features of unit length would starve the graph.
    """
    words = tokenizer([caption([phrase]) for phrase in phrases], padding=True, return_tensors="pt")
    words = {name: words[name].to(clip.device) for name in ("input_ids", "attention_mask")}
    features_KT = clip.get_text_features(**words).pooler_output.float()
    return F.normalize(features_KT, dim=-1) * features_KT.shape[-1] ** 0.5
