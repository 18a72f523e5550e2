"""Mantis-SigLIP: a LLaVA network whose text wraps each image, in the Llama-3 conversation it was trained with.

Source: TIGER-AI-Lab/Mantis, mantis/models/conversation.py (llama_3) and mllava/utils.py (chat_mllava). Its system
prompt is the pirate one, here too: docs/decisions/0003-mantis-system-prompt.md.
"""

# mypy: disallow-untyped-calls=False

from types import MappingProxyType
from typing import Any

from transformers import AutoImageProcessor, AutoTokenizer, LlavaProcessor

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.llava import tokens_of
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED


class Mantis(ChatModel):
    """SigLIP so400m/14-384 and Llama-3-8B-Instruct; the image is resized to a square, its aspect lost."""

    template = (
        "<|start_header_id|>system<|end_header_id|>\n\n"
        "You are a pirate chatbot who always responds in pirate speak!<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n(image 1: <Image><image></Image>)\n{question}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    stops = ("<|eot_id|>", "<|end_of_text|>")
    bos = True
    on_vllm = OnVllm(pictures={"pixel_values": "pixel_values"})
    defaults = MappingProxyType({"image_size": AS_SAVED, "tokens": AS_SAVED})
    fixed = ("image_size", "tokens")

    def saved(self) -> Protocols:
        """The side of the square the tower sees, and the features of it."""
        return {"image_size": self.processor.image_processor.size["height"], "tokens": tokens_of(self.config)}

    def load_processor(self, local_files_only: bool) -> Any:
        """A LlavaProcessor: the class the checkpoint declares, MLlavaProcessor, is not part of transformers."""
        images = AutoImageProcessor.from_pretrained(self.source, backend="pil", local_files_only=local_files_only)
        tokenizer = AutoTokenizer.from_pretrained(self.source, local_files_only=local_files_only)
        return LlavaProcessor(images, tokenizer, image_token="<image>")  # noqa: S106 - a token of text, no secret

    def prepare(self) -> None:
        """The geometry is in the network's configuration only."""
        self.processor.patch_size = self.config.vision_config.patch_size
        self.processor.vision_feature_select_strategy = self.config.vision_feature_select_strategy
