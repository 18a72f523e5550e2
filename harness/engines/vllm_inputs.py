"""What vLLM is given: the adapter's token ids and tensors, instead of what its own processors would make of them.

vLLM's processors write a prompt anew and resize pictures with torchvision; in InternVL2.5's prompts even the words
change. So the adapter's own are handed over as a rendered input, which the engine takes as it is, and the processor
that vLLM would have asked is replaced by one that knows the sizes only.
"""

# mypy: disallow-untyped-calls=False

import hashlib
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from harness.engines.vllm_plugin import FOR_WORKERS

_IMAGE = "image"
_LARGE = (1344, 1344)
"""A picture whose tokens vLLM reserves memory for; models that cut tiles cut the most of about this one."""


def rendered(model: ChatModel, features: Mapping[str, Any]) -> MultiModalInput:
    """The input of one request; the same picture, prepared in the same way, has the same hash."""
    ids = features["input_ids"][0]
    item = _item(model, features)
    return mm_input(
        prompt_token_ids=ids.tolist(),
        mm_kwargs=MultiModalKwargsItems({_IMAGE: [item]}),
        mm_hashes={_IMAGE: [_digest(item)]},
        mm_placeholders={_IMAGE: [_place(model.wordless(ids))]},
    )


def _item(model: ChatModel, features: Mapping[str, Any]) -> MultiModalKwargsItem:
    """Under vLLM's names: tensors of the picture without their first dimension, tensors of its parts whole."""
    told = model.on_vllm
    assert told is not None
    features = model.vllm_tensors(features)
    whole = slice(None)
    elements = {
        name: MultiModalFieldElem(features[ours][0], MultiModalBatchedField(keep_on_cpu=name in told.on_cpu))
        for name, ours in told.pictures.items()
        if ours in features  # FaceInsight may have been made without maps
    } | {
        name: MultiModalFieldElem(features[ours], MultiModalFlatField(slices=[whole], keep_on_cpu=name in told.on_cpu))
        for name, ours in told.parts.items()
    }
    if told.image_token:
        token = torch.tensor(model.config.image_token_id)
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
    picture: MultiModalInput
    """To measure the memory with."""
    tokens: int
    """Places that a picture takes at most."""


def blank(model: ChatModel, network: type) -> Blank:
    """For an adapter's pictures."""
    large = model.blank(Image.new("RGB", _LARGE))
    return Blank(network, rendered(model, large), int(model.wordless(large["input_ids"]).sum()))


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
            return known.picture

    register = MULTIMODAL_REGISTRY.register_processor(Rendered, info=Sizes, dummy_inputs=lambda info: None)
    register(known.network)


@contextmanager
def for_workers(known: Blank) -> Iterator[None]:
    """While this lasts, the processes that vLLM starts bring their own inputs too (vllm_plugin.py)."""
    with tempfile.NamedTemporaryFile(prefix="face-harness-") as file:  # for this user's eyes only
        pickle.dump(known, file)
        file.flush()
        os.environ[FOR_WORKERS] = file.name
        try:
            yield
        finally:
            del os.environ[FOR_WORKERS]


def bring_inputs_of_parent() -> None:
    """In a process of vLLM's: do what the one that started it did."""
    with open(os.environ[FOR_WORKERS], "rb") as file:
        bring_own_inputs(pickle.load(file))  # noqa: S301 - written by `for_workers` in our own parent
