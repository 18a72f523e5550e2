"""Phi-3.5-Vision: its chat template for one picture, and the number of crops as a field of the protocol.

Source: 2U1/Phi3-Vision-Finetune, src/model/Phi3_5_vision/ (tokenizer_config.json for the template); the model card for
the crops. The published generation_config.json stops at </s>, which the model never writes: it ends with <|end|>.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch

import adapters.ports.phi3_v  # noqa: F401 - registers the port
from adapters import guards
from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED


class Phi35Vision(ChatModel):
    """CLIP ViT-L/14-336 over up to 16 crops and Phi-3.5-mini; 0 crops = the checkpoint's number for one picture."""

    template = "<|user|>\n<|image_1|>\n{question}<|end|>\n<|assistant|>\n"
    stops = ("<|end|>", "<|endoftext|>", "<|assistant|>")
    bos = True
    on_vllm = OnVllm(
        pictures={"pixel_values": "pixel_values", "image_sizes": "image_sizes"},
        on_cpu=frozenset({"image_sizes"}),
        longest=4096,  # where it may be longer, vLLM reads short prompts with the rotary factors of long ones as well
    )
    defaults = MappingProxyType(dict.fromkeys(("num_crops", "crop_size", "tokens_per_crop"), AS_SAVED))
    fixed = ("crop_size", "tokens_per_crop")

    def saved(self) -> Protocols:
        """The crops of a prompt with one picture, their side in pixels, and the features of one."""
        images = self.processor.image_processor
        crops = {"num_crops": images.num_crops_single, "crop_size": images.crop_size}
        return crops | {"tokens_per_crop": images.num_img_tokens}

    def prepare(self) -> None:
        """Put the number into the image processor."""
        self.processor.image_processor.num_crops = self.protocol["num_crops"]

    def prompt(self, question: str) -> str:
        """The exact text the model is given; a question that names a picture, "<|image_2|>", is refused."""
        guards.check_question(question, ("<|image_",))
        return super().prompt(question)

    def vllm_tensors(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        """The crops of the one picture as its row; vLLM wants it filled up, and reads nothing of what is added."""
        crops = features["pixel_values"]
        missing = self.processor.image_processor.num_crops + 1 - len(crops)
        return {**features, "pixel_values": torch.cat([crops, crops.new_zeros(missing, *crops.shape[1:])])[None]}
