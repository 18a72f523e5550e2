"""Qwen2.5-VL: its chat template written out, and the pixel budget as a field of the protocol.

The number of image tokens follows from the image's own size within the budget (one token per 28 x 28 pixels), and
harnesses differ silently here: a face of 224 pixels is 64, 256 or 1,296 tokens depending on the lower bound.
"""

from types import MappingProxyType

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED, check_range


class Qwen25VL(ChatModel):
    """A vision transformer at native resolution and Qwen2.5; the budget is an area in pixels, 0 = as saved."""

    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>", "<|endoftext|>")
    on_vllm = OnVllm(
        pictures={"image_grid_thw": "image_grid_thw"},
        parts={"pixel_values": "pixel_values"},
        on_cpu=frozenset({"image_grid_thw"}),
    )
    defaults = MappingProxyType({"min_pixels": AS_SAVED, "max_pixels": AS_SAVED, "token_side": AS_SAVED})
    fixed = ("token_side",)

    def saved(self) -> Protocols:
        """The budget, and the side in pixels of the square that becomes a token."""
        images = self.processor.image_processor
        budget = {"min_pixels": images.size["shortest_edge"], "max_pixels": images.size["longest_edge"]}
        return budget | {"token_side": images.patch_size * images.merge_size}

    def prepare(self) -> None:
        """Write the budget into the image processor."""
        check_range(self.protocol, "min_pixels", "max_pixels", self.source)
        low, high = self.protocol["min_pixels"], self.protocol["max_pixels"]
        self.processor.image_processor.size = {"shortest_edge": low, "longest_edge": high}
