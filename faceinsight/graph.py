"""The correlation module (eq. 5-8): how often characteristics go together, and a graph convolution over it.

A pair counts only on faces where both characteristics are annotated. With every cell annotated this is the paper's
count; over six datasets it keeps "not annotated" from being read as "absent". Pairs that no dataset annotates
together have no edge.

The adapter that takes the refined features into the width of the language model is in modeling.py.

Shapes: N faces, K characteristics, T width of the text features. Rows i of [K, K] are "given", columns j "then".
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import ConfigError


class Counts(NamedTuple):
    """Co-occurrence in faces on which both i and j are annotated; counts of several sets of faces add up."""

    together: Tensor
    """m_ij [K, K]: i and j are present."""
    given: Tensor
    """n_i [K, K], as far as j can be known: i is present, and j is annotated."""

    def plus(self, other: "Counts") -> "Counts":
        """The counts of both sets of faces."""
        return Counts(self.together + other.together, self.given + other.given)


def co_occurrence(labels_NK: Tensor, mask_NK: Tensor) -> Counts:
    """Count how often characteristics occur together.

    Args:
        labels_NK: true (or 1) where present; what it holds where nothing is annotated is ignored.
        mask_NK: true (or 1) where annotated.

    Returns:
        Counts as whole numbers [K, K].

    Raises:
        ValueError: the shapes differ.
    """
    if labels_NK.ndim != 2 or labels_NK.shape != mask_NK.shape:
        raise ValueError(f"labels {tuple(labels_NK.shape)} and mask {tuple(mask_NK.shape)} must both be [N, K].")
    known_NK = mask_NK.bool().double()  # products of 0 and 1, summed in float64, are exact and fast
    present_NK = labels_NK.bool().double() * known_NK
    return Counts((present_NK.T @ present_NK).long(), (present_NK.T @ known_NK).long())


def conditional(counts: Counts) -> Tensor:
    """p(y_j | y_i) [K, K] in float64 (eq. 5); NaN where nothing is known of it."""
    return counts.together.double() / counts.given.double()


def edges(probability_KK: Tensor, tau: float) -> Tensor:
    """The edges i -> j [K, K], bool: p(y_j | y_i) >= tau (eq. 6). The diagonal is empty: eq. 7 weighs it by itself.

    Raises:
        ConfigError: tau is not in [0, 1].
    """
    check_share("tau", tau)
    found_KK = probability_KK >= tau  # false for NaN
    return found_KK & ~torch.eye(len(found_KK), dtype=torch.bool, device=found_KK.device)


def reweight(edges_KK: Tensor, omega: float) -> Tensor:
    """The weights with which features are mixed [K, K], float32 (eq. 7): rows sum to 1.

    A characteristic keeps 1 - omega for itself and spreads omega evenly over its neighbours. Without neighbours eq. 7
    is 0/0; such a characteristic keeps all of itself.

    Raises:
        ConfigError: omega is not in [0, 1].
    """
    check_share("omega", omega)
    edges_KK = edges_KK.bool().float().fill_diagonal_(0)
    neighbours_K1 = edges_KK.sum(1, keepdim=True)
    own_K = torch.where(neighbours_K1[:, 0] > 0, 1 - omega, 1.0)
    return omega * edges_KK / neighbours_K1.clamp_min(1) + torch.diag(own_K)


def correlation_map(counts: Counts, tau: float, omega: float) -> Tensor:
    """The map of eq. 5-7 [K, K], float32, from the counts of the training faces.

    Raises:
        ConfigError: tau or omega is not in [0, 1].
    """
    return reweight(edges(conditional(counts), tau), omega)


class CorrelationModule(nn.Module):
    """L layers of graph convolution over fixed text features, and a residual connection (eq. 8).

    T^l = rho(C T^(l-1) W^(l-1)) for l = 1 .. L, and T^0 + T^L comes out; without layers, T^0 alone.
    Text features T^0 and map C are persistent buffers: they are saved and loaded with the weights and never
    trained. A new module holds zeros and a map without edges; `set_knowledge` fills them.
    """

    text_features: Tensor
    correlation: Tensor

    def __init__(self, characteristics: int, width: int, layers: int = 2, negative_slope: float = 0.2) -> None:
        """Make a module of sizes K, T and L whose rho is a leaky rectifier.

        Raises:
            ConfigError: a width is below 1, or there are fewer layers than none.
        """
        super().__init__()
        if min(characteristics, width, layers + 1) < 1:
            raise ConfigError(f"a graph of {characteristics} x {width} in {layers} layers: that is none.")
        self.negative_slope = negative_slope
        self.layers = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers))
        self.register_buffer("text_features", torch.zeros(characteristics, width))
        self.register_buffer("correlation", torch.eye(characteristics))

    @torch.no_grad()
    def set_knowledge(self, text_features_KT: Tensor | None = None, correlation_KK: Tensor | None = None) -> None:
        """Copy text features T^0 [K, T], a map C [K, K], or both, into the buffers.

        Raises:
            ValueError: a shape is not the buffer's.
        """
        for name, value in (("text_features", text_features_KT), ("correlation", correlation_KK)):
            buffer = self.get_buffer(name)
            if value is not None and value.shape != buffer.shape:
                raise ValueError(f"{name} {tuple(value.shape)} must be {tuple(buffer.shape)}.")
            if value is not None:
                buffer.copy_(value)

    def forward(self) -> Tensor:
        """The refined features [K, T]."""
        features_KT = self.text_features
        for layer in self.layers:
            # C (T W) and (C T) W are the same; nn.Linear keeps the transpose of W.
            features_KT = F.leaky_relu(self.correlation @ layer(features_KT), self.negative_slope)
        return self.text_features + features_KT if len(self.layers) else self.text_features


def check_share(name: str, value: float) -> None:
    """Raise ConfigError unless the number of this name is in [0, 1]."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} = {value} is a share or a probability: give a number between 0 and 1.")
