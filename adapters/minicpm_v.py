"""MiniCPM-Llama3-V-2.5 in the Llama-3 conversation, without a system text.

Source: openbmb/MiniCPM-Llama3-V-2_5, modeling_minicpmv.py (`chat`) and the chat template of tokenizer_config.json. The
template writes the one <|begin_of_text|> there is: the published tokenizer.json adds none.
"""

from types import MappingProxyType

import adapters.ports.minicpm_v  # noqa: F401 - registers the port
from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from harness.errors import AdapterError


class MiniCPMLlama3V(ChatModel):
    """SigLIP-400M and Llama-3-8B-Instruct; an overview and up to nine slices, 96 tokens each."""

    template = (
        "<|start_header_id|>user<|end_header_id|>\n\n(<image>./</image>)\n{question}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    stops = ("<|eot_id|>", "<|end_of_text|>")
    bos = True
    on_vllm = OnVllm(
        own_vision=True,
        pictures={"slice_grids": "slice_grids"},
        parts={"pixel_values": "pixel_values", "patch_grids": "patch_grids"},
    )
    defaults = MappingProxyType(dict.fromkeys(("max_slices", "scale_resolution", "tokens_per_view"), AS_SAVED))
    fixed = ("tokens_per_view",)

    def saved(self) -> Protocols:
        """The slicing: how many, and the side of a square with the area of each."""
        images = self.processor.image_processor
        slices = {"max_slices": images.max_slice_nums, "scale_resolution": images.scale_resolution}
        return slices | {"tokens_per_view": images.image_feature_size}

    def prepare(self) -> None:
        """Put the slicing into the image processor.

        Raises:
            AdapterError: views of less than a patch.
        """
        images = self.processor.image_processor
        if self.protocol["scale_resolution"] < images.patch_size:
            raise AdapterError(
                f"scale_resolution = {self.protocol['scale_resolution']} is smaller than a patch of {self.source}: "
                f"give at least {images.patch_size}"
            )
        images.max_slice_nums, images.scale_resolution = self.protocol["max_slices"], self.protocol["scale_resolution"]

    def prompt(self, question: str) -> str:
        """The exact text the model is given; the official template trims the end of a message."""
        return super().prompt(question.rstrip())
