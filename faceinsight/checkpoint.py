"""Checkpoints of FaceInsight: whole ones are transformers' own; those of adapters alone are 0.25 GB in place of 15.

FOLDER/config.json, processor files       as in a whole checkpoint; `parts` in the config names the frozen parts
FOLDER/adapters.safetensors               adapters, graph, text features and map, under their names in the model
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from faceinsight.assembly import joined, pretrained
from faceinsight.auto import FaceInsightConfig, FaceInsightForConditionalGeneration
from faceinsight.modeling import KNOWLEDGE, TRAINED
from faceinsight.recipe import Parts
from harness.errors import AdapterError

FILE = "adapters.safetensors"


def adapters_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was learnt, and the knowledge it was learnt with, out of a model's state."""
    wanted = (*TRAINED, *KNOWLEDGE)
    return {name: value.detach().cpu().float().contiguous() for name, value in state.items() if name.startswith(wanted)}


def save_adapters(state: Mapping[str, Tensor], folder: Path) -> None:
    """Write adapters.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(adapters_of(state), folder / FILE, metadata={"format": "pt"})


def read_adapters(folder: Path) -> dict[str, Tensor]:
    """The stored adapters by name.

    Raises:
        AdapterError: the file is absent.
    """
    if not (folder / FILE).is_file():
        raise AdapterError(f"{folder} holds no {FILE}: it is no checkpoint of FaceInsight's adapters.")
    return load_file(folder / FILE)


def load_adapters(model: torch.nn.Module, folder: Path) -> None:
    """Put stored adapters into a model.

    Raises:
        AdapterError: the file is absent, or its weights are not those of this model.
    """
    stored, own = read_adapters(folder), adapters_of(model.state_dict())
    odd = sorted(stored.keys() ^ own.keys()) or sorted(name for name in own if own[name].shape != stored[name].shape)
    if odd:
        raise AdapterError(
            f"{folder / FILE} does not fit this model: '{odd[0]}' is missing, too much or of another size."
        )
    model.load_state_dict(stored, strict=False)


def is_adapters_only(folder: Path) -> bool:
    """Whether a folder holds adapters and no whole network."""
    return (folder / FILE).is_file() and not any(folder.glob("model*.safetensors"))


def load(folder: Path, dtype: torch.dtype) -> FaceInsightForConditionalGeneration:
    """A FaceInsight from a checkpoint of its adapters and the frozen parts that its config names.

    Raises:
        AdapterError: a part or the adapters cannot be loaded.
    """
    config = FaceInsightConfig.from_pretrained(folder)
    if not config.parts:
        raise AdapterError(f"the config of {folder} does not name the frozen parts, so its adapters stand on nothing.")
    model = joined(config, pretrained(Parts.model_validate(config.parts), dtype))
    load_adapters(model, folder)
    return model
