"""How well characteristics are read off faces whose labels are known: what early stopping and the ablations look at.

Shapes: N faces, K characteristics.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from faceinsight.labels import Bools, JointLabels
from faceinsight.rules import Rules, Tally, tally
from tasks.labels import label_space

Floats = npt.NDArray[np.float32]


def accuracies(labels: JointLabels, logits_NK: Floats, truth_NK: Bools, mask_NK: Bools) -> dict[str, float]:
    """Accuracy per label space as a run scores it: of annotated cells for attributes, of the likeliest label elsewhere.

    A space that none of the faces is annotated in is left out.
    """
    spaces = dict.fromkeys(space for one in labels.characteristics for space in one.spaces)
    found = {space: _accuracy(space, labels.columns(space), logits_NK, truth_NK, mask_NK) for space in spaces}
    return {space: value for space, value in found.items() if value is not None}


def _accuracy(
    space: str, columns: Mapping[str, int], logits_NK: Floats, truth_NK: Bools, mask_NK: Bools
) -> float | None:
    own = list(columns.values())
    logits, truth, mask = logits_NK[:, own], truth_NK[:, own], mask_NK[:, own]
    if label_space(space).kind == "attributes":
        return float(((logits > 0) == truth)[mask].mean()) if mask.any() else None
    # A face is annotated in this space, and not only in one it shares labels with, where every label of it is known.
    known = mask.all(1) & truth.any(1)
    return float((logits[known].argmax(1) == truth[known].argmax(1)).mean()) if known.any() else None


def broken_rules(rules: Rules, labels: JointLabels, logits_NK: Floats) -> Tally:
    """How often thresholded predictions break rules; a prediction says something of every characteristic."""
    return tally(rules, labels.names, logits_NK > 0, np.ones_like(logits_NK, dtype=bool))
