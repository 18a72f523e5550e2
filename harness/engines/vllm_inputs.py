"""What vLLM is given: the adapter's token ids and tensors, instead of what its own processors would make of them.

vLLM's processors write a prompt anew and resize pictures with torchvision; in InternVL2.5's prompts even the words
change. So the adapter's own are handed over as a rendered input, which the engine takes as it is, and the processor
that vLLM would have asked is replaced by one that knows the sizes only.
"""

# mypy: disallow-untyped-calls=False

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from PIL import Image
from vllm.inputs import MultiModalInput
from vllm.inputs.engine import mm_input
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.multimodal.inputs import (
    MultiModalBatchedField,
    MultiModalFieldElem,
    MultiModalFlatField,
    MultiModalKwargsItem,
    MultiModalKwargsItems,
    MultiModalSharedField,
    PlaceholderRange,
)
from vllm.multimodal.processing import BaseProcessingInfo

from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm

_IMAGE = "image"
_IDS, _WORDLESS = "input_ids", "wordless"
_LARGE = (1344, 1344)
"""A picture whose tokens vLLM reserves memory for; models that cut tiles cut the most of about this one."""


class Prepared(NamedTuple):
    """One request as an adapter made it: all that vLLM's input is made of, as tensors and words."""

    told: OnVllm
    image_token: int
    """Its id."""
    tensors: dict[str, torch.Tensor]
    """Under vLLM's names, those of the picture without their first dimension, those of its parts whole; and
    "input_ids" and "wordless" [length], where no words stand."""


def prepared(model: ChatModel, features: Mapping[str, Any]) -> Prepared:
    """Out of a batch of one row."""
    told, ids = model.on_vllm, features["input_ids"][0]
    assert told is not None
    features = model.vllm_tensors(features)
    # FaceInsight may have been made without maps.
    tensors = {name: features[ours][0] for name, ours in told.pictures.items() if ours in features}
    tensors |= {name: features[ours] for name, ours in told.parts.items()}
    return Prepared(told, model.config.image_token_id, {**tensors, _IDS: ids, _WORDLESS: model.wordless(ids)})


def rendered(made: Prepared) -> MultiModalInput:
    """The input of one request; the same picture, prepared in the same way, has the same hash."""
    item = _item(made)
    return mm_input(
        prompt_token_ids=made.tensors[_IDS].tolist(),
        mm_kwargs=MultiModalKwargsItems({_IMAGE: [item]}),
        mm_hashes={_IMAGE: [_digest(item)]},
        mm_placeholders={_IMAGE: [_place(made.tensors[_WORDLESS])]},
    )


def _item(made: Prepared) -> MultiModalKwargsItem:
    told = made.told
    fields = {
        name: MultiModalFlatField(slices=[slice(None)], keep_on_cpu=name in told.on_cpu)
        if name in told.parts
        else MultiModalBatchedField(keep_on_cpu=name in told.on_cpu)
        for name in (*told.pictures, *told.parts)
        if name in made.tensors
    }
    elements = {name: MultiModalFieldElem(made.tensors[name], field) for name, field in fields.items()}
    if told.image_token:
        token = torch.tensor(made.image_token)
        elements[told.image_token] = MultiModalFieldElem(token, MultiModalSharedField(batch_size=1))
    return MultiModalKwargsItem(elements)


def _place(wordless: torch.Tensor) -> PlaceholderRange:
    """From the first place without a word to the last; a mask where words stand between them."""
    places = wordless.nonzero().flatten().tolist()
    first, last = places[0], places[-1]
    inside = wordless[first : last + 1]
    return PlaceholderRange(offset=first, length=last + 1 - first, is_embed=None if bool(inside.all()) else inside)


def _digest(item: MultiModalKwargsItem) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(item):
        for tensor in _tensors(item[name].data):
            found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _tensors(data: Any) -> list[torch.Tensor]:
    return [data] if isinstance(data, torch.Tensor) else [tensor for one in data for tensor in _tensors(one)]


class Blank(NamedTuple):
    """What the stand-in for the processor of a network of vLLM's knows, in every process that has the network."""

    network: type
    """A class of vLLM's, or OwnVisionForVllm."""
    made: Prepared
    """The largest picture there may be, to measure the memory with."""

    @property
    def tokens(self) -> int:
        """Places that a picture takes at most."""
        return int(self.made.tensors[_WORDLESS].sum())


def blank(model: ChatModel, network: type) -> Blank:
    """For an adapter's pictures."""
    return Blank(network, prepared(model, model.blank(Image.new("RGB", _LARGE))))


def bring_own_inputs(known: Blank) -> None:
    """Replace the processor of a network, in this process, by one that never processes anything."""

    class Sizes(BaseProcessingInfo):
        """How many pictures a prompt has, and how many tokens they come to at most."""

        def get_supported_mm_limits(self) -> Mapping[str, int | None]:
            return {_IMAGE: 1}

        def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
            return {_IMAGE: known.tokens}

    class Rendered:
        """Stands for vLLM's processor; all it is asked for is a picture to measure the memory with."""

        def __init__(self, info: Sizes, dummy_inputs: Any) -> None:
            self.info = info

        def get_dummy_mm_inputs(self, *args: Any, **kwargs: Any) -> MultiModalInput:
            return rendered(known.made)

    register = MULTIMODAL_REGISTRY.register_processor(Rendered, info=Sizes, dummy_inputs=lambda info: None)
    register(known.network)
