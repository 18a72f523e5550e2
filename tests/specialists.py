"""Weights for the proofs of the specialists: the same numbers on every machine, so large that pictures matter."""

import numpy as np
import torch
from torch import Tensor, nn


def filled(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Weights for a network by the names, shapes and order of its own, from numpy's generator."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return {name: _drawn(name, value, draw) for name, value in network.state_dict().items()}


def _drawn(name: str, value: Tensor, draw: np.random.Generator) -> Tensor:
    if not value.is_floating_point():
        return value
    noise = torch.from_numpy(draw.standard_normal(tuple(value.shape), dtype=np.float32))
    if name.endswith("running_var"):
        return 1 + 0.2 * noise.abs()
    if value.dim() < 2:
        return (1.0 if name.endswith("weight") else 0.0) + 0.1 * noise
    return noise * (1 / value[0].numel()) ** 0.5
