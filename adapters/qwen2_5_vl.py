"""Qwen2.5-VL: its chat template written out, and the pixel budget as a field of the protocol.

The number of image tokens follows from the image's own size within the budget (one token per 28 x 28 pixels), and
harnesses differ silently here: a face of 224 pixels is 64, 256 or 1,296 tokens depending on the lower bound.
"""

from types import MappingProxyType

from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm


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
    defaults = MappingProxyType({"min_pixels": 0, "max_pixels": 0})

    def prepare(self) -> None:
        """Write the budget into the image processor; where it is 0, write the checkpoint's into the protocol."""
        images = self.processor.image_processor
        low = int(self.protocol["min_pixels"]) or images.size["shortest_edge"]
        high = int(self.protocol["max_pixels"]) or images.size["longest_edge"]
        images.size = {"shortest_edge": low, "longest_edge": high}
        self.protocol = {"min_pixels": low, "max_pixels": high}
