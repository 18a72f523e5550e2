"""The logical module (eq. 9): the probability that predictions break rules, as a loss.

With characteristics independent given the image, an exclusion with premise A over B1 .. Bn is broken with probability
P(A) (1 - prod_k (1 - P(B_k))): in eq. 9, P(y_ij) is P(A), "the preceding characteristic", and V_i(rule_j) is the rest.
A group has no premise, so its first factor is 1, and it is broken with prod_k (1 - P(B_k)).

Everything is computed from logits, in float32 or better whatever autocast is on: prod(1 - p) is 1 in float32 for p
below 3e-8 and in bfloat16 for p below 2e-3, and 1 - prod would be 0. Which rules count on which face: see rules.py.

Shapes: B faces, K characteristics, R exclusions, G groups, M = R + G rules, the exclusions first.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceinsight.rules import Rules


class LogicalModule(nn.Module):
    """The loss of eq. 9 over a set of rules. It has no parameters; the rules are persistent buffers."""

    premise: Tensor
    """[R], the column of each premise."""
    excludes: Tensor
    """[R, K]."""
    members: Tensor
    """[G, K]."""

    def __init__(self, rules: Rules, labels: Sequence[str]) -> None:
        """Take the hard ones of the rules, over the columns of these K labels.

        Raises:
            ConfigError: a rule speaks of another label.
        """
        super().__init__()
        used = rules.hard()
        self.names = used.names
        for name, value in used.table(labels)._asdict().items():
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, logits_BK: Tensor, mask_BK: Tensor | None = None) -> Tensor:
        """The logical loss, a scalar: summed over rules, averaged over faces (eq. 9)."""
        return self.violation(logits_BK, mask_BK).sum(1).mean()

    def violation(self, logits_BK: Tensor, mask_BK: Tensor | None = None) -> Tensor:
        """The probability that each rule is broken [B, M]; 0 where the rule does not count.

        Args:
            logits_BK: log-odds of each characteristic.
            mask_BK: true where the characteristic is annotated; None is everywhere.
        """
        logits_BK = logits_BK.to(torch.promote_types(logits_BK.dtype, torch.float32))
        mask_B1K = (torch.ones_like(logits_BK) if mask_BK is None else mask_BK).bool().unsqueeze(1)
        absent_BK = F.logsigmoid(-logits_BK)
        none_excluded_BR = _log_none(absent_BK, self.excludes & mask_B1K)  # 0 where none is annotated
        premise_BR = F.logsigmoid(logits_BK[:, self.premise]).exp()
        exclusion_BR = premise_BR * -torch.expm1(none_excluded_BR) * mask_B1K[:, 0, self.premise]
        complete_BG = (mask_B1K | ~self.members).all(-1)
        group_BG = _log_none(absent_BK, self.members).exp() * complete_BG
        return torch.cat([exclusion_BR, group_BG], dim=1)


def _log_none(absent_BK: Tensor, chosen: Tensor) -> Tensor:
    """log P(none of the chosen) for each row of `chosen` [(B), M, K].

    Not a matrix product: autocast and TF32 would round its factors.
    """
    return torch.where(chosen, absent_BK.unsqueeze(1), 0).sum(-1)
