"""Monkey-Chat: one question about one image, answered after "Answer: ".

Source: Yuliang-Liu/Monkey, inference.py. The picture takes the place of the path between <img> and </img>.
"""

from types import MappingProxyType
from typing import Any

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.ports.monkey import MonkeyConfig  # importing it registers the port
from adapters.resolution import AS_SAVED
from harness.records import Decoding


class MonkeyChat(ChatModel):
    """OpenCLIP ViT-bigG with window adapters and Qwen-7B; the image is resized to a square, its aspect lost."""

    template = "<img><imgpad></img> {question} Answer: "
    stops = ("<|endoftext|>",)
    on_vllm = OnVllm(own_vision=True, parts={"pixel_values": "pixel_values"})
    defaults = MappingProxyType({"image_size": AS_SAVED, "tokens": AS_SAVED})
    fixed = ("image_size", "tokens")

    @staticmethod
    def vllm_config(config: Any) -> Any:
        """No longer than it was trained for: beyond, Qwen-1 scales its queries, and vLLM runs it as a Qwen2."""
        if isinstance(config, MonkeyConfig):  # vLLM looks at a nameless one first
            config.text_config.max_position_embeddings = config.seq_length
        return config

    def saved(self) -> Protocols:
        """The side of the square that is cut into four windows, and the features of these and of the whole."""
        images = self.processor.image_processor
        return {"image_size": images.image_size, "tokens": images.tokens}

    def generation(self, decoding: Decoding) -> dict[str, Any]:
        """As upstream, which never lets an answer be empty."""
        return super().generation(decoding) | {"min_new_tokens": 1}
