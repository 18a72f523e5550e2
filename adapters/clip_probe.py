"""The classic: logistic regression on the features of a frozen CLIP image tower (docs/baselines.md).

Shapes: B pictures, D features, L labels.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoImageProcessor, CLIPVisionModel

from adapters import guards
from adapters.classifier import Classifier
from adapters.fitted import Fitted, read_config
from harness.errors import AdapterError
from harness.images import mean_colour, square
from harness.records import Record

TOWER = "tower"
"""The folder in a checkpoint that holds the tower, where it does not name one."""
WEIGHTS = "probe.safetensors"


class TowerName(Record):
    """Where the tower is."""

    repo: str | None = None
    """A repository; None is the folder in the checkpoint."""
    revision: str | None = None
    """The commit of the repository at which it was fitted."""


class Search(Record):
    """How the strength of the penalty was chosen, scikit-learn's C."""

    costs: tuple[float, ...]
    """Those that were tried."""
    folds: int
    """Of the cross validation, stratified; the highest mean log-likelihood of the faces left out wins."""
    faces: int
    """The most that were searched on; the fit itself takes all."""
    otherwise: float
    """Where a label has fewer faces than there are folds."""


class ProbeConfig(Fitted):
    """The config.json of a probe."""

    tower: TowerName
    features: int
    search: Search
    costs: dict[str, tuple[float | None, ...]] = Field(default_factory=dict)
    """Label space -> C of each attribute, or of the one head of other labels; None is a constant in training."""


class Tower(nn.Module):
    """A frozen CLIP image tower with its picture preparation; fit and answer go through this one class.

    Args:
        source: folder or repository id; of a whole CLIP the image tower is taken.
        revision: a commit of the repository; None is its newest.

    Raises:
        AdapterError: it cannot be loaded.
    """

    def __init__(self, source: str, revision: str | None = None) -> None:
        super().__init__()
        folder = guards.is_folder(source)
        with guards.loading(source):
            where: dict[str, Any] = {"local_files_only": folder, "revision": revision or "main"}
            self.processor: Any = AutoImageProcessor.from_pretrained(source, backend="pil", **where)
            loaded: Any = CLIPVisionModel.from_pretrained(
                source, dtype=torch.float32, attn_implementation="sdpa", output_loading_info=True, **where
            )
            network, report = loaded
            guards.check_complete(report, source)
        self.network = network.eval().requires_grad_(False)
        self.revision: str | None = getattr(network.config, "_commit_hash", None)
        self.width: int = network.config.hidden_size

    def picture(self, image: Image.Image) -> Tensor:
        """The face centred on a square of the mean colour, so that nothing of it is cropped: [3, H, W]."""
        whole = square(image, mean_colour(self.processor))
        pixels: Tensor = self.processor(whole, return_tensors="pt")["pixel_values"][0]
        return pixels

    def forward(self, pixels: Tensor) -> Tensor:
        """Features [B, D] of pictures [B, 3, H, W]: the class token behind the last norm, before CLIP's projection.

        CLIP's own linear probes stand there too (Radford et al. 2021, appendix A.3).
        """
        features: Tensor = self.network(pixel_values=pixels).pooler_output
        return features


class Probe(nn.Module):
    """The tower, and a linear layer for each label space."""

    def __init__(self, tower: Tower, weights: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.tower = tower
        self.spaces = tuple(weights)
        self.layers = nn.ModuleList(_linear(weight, bias) for weight, bias in weights.values())

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Label space -> logits [B, L]."""
        features = self.tower(pixels)
        return {space: layer(features) for space, layer in zip(self.spaces, self.layers, strict=True)}


class ClipProbe(Classifier):
    """Answers with the likeliest label of each space's head, and with the attributes whose heads say so."""

    def load(self) -> nn.Module:
        """The tower and the heads."""
        folder = Path(self.source)
        self.config = read_config(ProbeConfig, self.source)
        self.heads = {space: head.labels for space, head in self.config.heads.items()}
        name = self.config.tower
        tower = Tower(str(folder / TOWER) if name.repo is None else name.repo, name.revision)
        self.prepare = tower.picture
        with guards.loading(self.source):
            stored = load_file(folder / WEIGHTS)
            weights = {space: (stored[f"{space}.weight"], stored[f"{space}.bias"]) for space in self.heads}
        for space, (weight, bias) in weights.items():
            count = len(self.heads[space])
            if weight.shape != (count, tower.width) or bias.shape != (count,):
                raise AdapterError(
                    f"the head of '{space}' in {self.source} does not fit its tower or its labels: fit it anew with "
                    "`python -m harness train clip-probe`"
                )
        return Probe(tower, weights)

    def image(self, image: Image.Image) -> Tensor:
        """As at the fit."""
        return self.prepare(image)

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Space -> logits [B, L]."""
        found: dict[str, Tensor] = self.model(pixels)
        return found


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer
