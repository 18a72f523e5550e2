"""The loss of eq. 3 over a joint label space in which most cells of a face are not annotated.

Shapes: B faces, K characteristics.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def binary_cross_entropy(logits_BK: Tensor, labels_BK: Tensor, mask_BK: Tensor | None = None) -> Tensor:
    """Eq. 3: the cross-entropy summed over the annotated characteristics and averaged over faces, in float32 or better.

    Args:
        logits_BK: log-odds.
        labels_BK: 1 where present; what it holds where nothing is annotated is ignored.
        mask_BK: 1 where annotated; None is everywhere.
    """
    logits_BK = logits_BK.to(torch.promote_types(logits_BK.dtype, torch.float32))
    each_BK = F.binary_cross_entropy_with_logits(logits_BK, labels_BK.to(logits_BK.dtype), reduction="none")
    if mask_BK is not None:
        each_BK = each_BK.masked_fill(~mask_BK.bool(), 0)
    return each_BK.sum(1).mean()
