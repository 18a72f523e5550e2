"""Monkey-Chat: one question about one image, answered after "Answer: ".

Source: Yuliang-Liu/Monkey, inference.py. The picture takes the place of the path between <img> and </img>.
"""

from typing import Any

import adapters.ports.monkey  # noqa: F401 - registers the port
from adapters.hf import ChatModel
from harness.records import Decoding


class MonkeyChat(ChatModel):
    """OpenCLIP ViT-bigG with window adapters and Qwen-7B; the image is resized to a square, its aspect lost."""

    template = "<img><imgpad></img> {question} Answer: "
    stops = ("<|endoftext|>",)

    def generation(self, decoding: Decoding) -> dict[str, Any]:
        """As upstream, which never lets an answer be empty."""
        return super().generation(decoding) | {"min_new_tokens": 1}
