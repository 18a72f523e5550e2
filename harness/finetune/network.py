"""Which weights of a network learn, and the checkpoint that comes of them.

The three networks have the same parts under the same names: `vision_tower`, `language_model` with `lm_head`, and what
stands between.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoProcessor

from adapters import guards
from adapters.hf import ChatModel
from harness.errors import AdapterError
from harness.finetune.recipe import Recipe

FILE = "learnt.safetensors"
ENCODER, LANGUAGE, HEAD = "vision_tower.", "language_model.", "lm_head."
_UPDATE = ".lora_"
_OF_LOADING = ("is_local", "local_files_only")
"""What transformers would write down among the settings of a tokenizer."""


class Pupil:
    """A loaded model that is made ready to learn.

    Args:
        adapter: with its network, every weight frozen.
        recipe: method, LoRA and what becomes of the image encoder.
        encoder: whether the image encoder learns.
        seed: of the low-rank updates.

    Raises:
        AdapterError: the recipe's targets name no layer of this network.
    """

    def __init__(self, adapter: ChatModel, recipe: Recipe, encoder: bool, seed: int) -> None:
        self.adapter = adapter
        self.model: Any = adapter.model
        self.encoder = encoder
        self.updates = _with_updates(self.model, recipe, seed) if recipe.method == "lora" else None
        for name, weight in self.model.named_parameters():
            if self._learns(name):
                weight.requires_grad_(True)
                weight.data = weight.data.float()

    def _learns(self, name: str) -> bool:
        if ENCODER in name:
            return self.encoder
        if LANGUAGE in name or name.startswith(HEAD):
            return self.updates is None or _UPDATE in name
        return True  # the projector, and LLaVA-OneVision's embedding of a line's end

    @property
    def learning(self) -> int:
        """How many numbers learn."""
        return sum(weight.numel() for weight in self.model.parameters() if weight.requires_grad)

    def merged(self) -> Any:
        """The network as it was built, with what was learnt in its own weights."""
        if self.updates is not None:
            self.model, self.updates = self.updates.merge_and_unload(), None
        return self.model


def kind_of(name: str) -> str:
    """The part of the network a weight belongs to: encoder, language or projector."""
    if ENCODER in name:
        return "encoder"
    return "language" if LANGUAGE in name or name.startswith(HEAD) else "projector"


def learnt(state: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    """What learns, out of a state, on the CPU."""
    return {name: value.detach().cpu().contiguous() for name, value in state.items() if name in names}


def save_learnt(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write learnt.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights), folder / FILE, metadata={"format": "pt"})


def load_learnt(model: nn.Module, folder: Path) -> None:
    """Put learnt weights back into a model that is made ready in the same way.

    Raises:
        AdapterError: the file is not that of this model.
    """
    stored = load_file(folder / FILE)
    wanted = {name: weight.shape for name, weight in model.named_parameters() if weight.requires_grad}
    if {name: weight.shape for name, weight in stored.items()} != wanted:
        raise AdapterError(f"{folder / FILE} holds other weights than this model learns: remove it and train again.")
    model.load_state_dict(stored, strict=False)


def save_model(pupil: Pupil, folder: Path) -> None:
    """Write a checkpoint as published: the source's names of weights, its dtype, its processor and tokenizer."""
    adapter, dtype = pupil.adapter, dtype_of(pupil.adapter.config)
    model = pupil.merged()
    for weight in model.parameters():  # not the buffers: those of the rotary embedding would be rounded
        weight.data = weight.data.to(dtype)
    for part in model.config.sub_configs:
        getattr(model.config, part).dtype = dtype
    model.generation_config = adapter.published
    model.save_pretrained(folder)
    # The adapter's own processor was changed on the way.
    processor = AutoProcessor.from_pretrained(adapter.source, local_files_only=guards.is_folder(adapter.source))
    for word in _OF_LOADING:
        processor.tokenizer.init_kwargs.pop(word, None)
    processor.save_pretrained(folder)


def dtype_of(config: Any) -> torch.dtype:
    """In which a checkpoint is published."""
    found = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    named = getattr(torch, found) if isinstance(found, str) else found
    return named or torch.bfloat16


def _with_updates(model: Any, recipe: Recipe, seed: int) -> LoraModel:
    lora = recipe.lora
    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets, bias="none"
    )
    try:
        updates = LoraModel(model, {"default": config}, "default")
    except ValueError as error:
        raise AdapterError(f"lora.targets = '{lora.targets}' names no layer of this network: {error}") from error
    model.requires_grad_(False)
    return updates
