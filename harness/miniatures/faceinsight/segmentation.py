"""The stand-in for the pretrained ViT that sees segmentation maps: a small one that fills in what is hidden of them.

Half of the patches of a coloured map are blanked, and the ViT predicts the colours of all (SimMIM). No label is used.

Shapes: B maps, P patches, D width.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 0.5
"""Share of the patches that are blanked."""
SEEN_WEIGHT = 0.5
"""Weight of the patches that were not: they must be read, not only guessed from their neighbours."""


class Restorer(nn.Module):
    """The head that predicts a patch's colours; it is thrown away."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.patch: int = tower.config.patch_size
        self.predict = nn.Linear(tower.config.hidden_size, 3 * self.patch**2)

    def forward(self, tower: Any, pixels: Tensor) -> Tensor:
        """The loss over maps [B, 3, H, W]."""
        patches_BPC = F.unfold(pixels, self.patch, stride=self.patch).transpose(1, 2)
        hidden_BP = torch.rand(patches_BPC.shape[:2]) < HIDDEN
        blanked = patches_BPC.masked_fill(hidden_BP[..., None], 0).transpose(1, 2)
        shown = F.fold(blanked, pixels.shape[-2:], self.patch, stride=self.patch)
        # The features FaceInsight reads: the last layer but one, without the class token.
        features_BPD = tower(shown, output_hidden_states=True).hidden_states[-2][:, 1:]
        error_BP = (self.predict(features_BPD) - patches_BPC).abs().mean(-1)
        return error_BP[hidden_BP].mean() + SEEN_WEIGHT * error_BP[~hidden_BP].mean()
