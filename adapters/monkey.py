"""Monkey-Chat: one question about one image, answered after "Answer: ".

Source: Yuliang-Liu/Monkey, inference.py. The picture takes the place of the path between <img> and </img>.
"""

from types import MappingProxyType
from typing import Any

import adapters.ports.monkey  # noqa: F401 - registers the port
from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from harness.records import Decoding


class MonkeyChat(ChatModel):
    """OpenCLIP ViT-bigG with window adapters and Qwen-7B; the image is resized to a square, its aspect lost."""

    template = "<img><imgpad></img> {question} Answer: "
    stops = ("<|endoftext|>",)
    on_vllm = OnVllm(own_vision=True, parts={"pixel_values": "pixel_values"})
    defaults = MappingProxyType({"image_size": AS_SAVED, "tokens": AS_SAVED})
    fixed = ("image_size", "tokens")

    def saved(self) -> Protocols:
        """The side of the square that is cut into four windows, and the features of these and of the whole."""
        images = self.processor.image_processor
        return {"image_size": images.image_size, "tokens": images.tokens}

    def generation(self, decoding: Decoding) -> dict[str, Any]:
        """As upstream, which never lets an answer be empty."""
        return super().generation(decoding) | {"min_new_tokens": 1}
