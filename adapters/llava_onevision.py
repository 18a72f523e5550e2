"""LLaVA-OneVision (single image): the qwen_1_5 conversation it was trained with; tiles as the processor cuts them.

Source: LLaVA-VL/LLaVA-NeXT, llava/conversation.py (qwen_1_5), anyres_max_9.
"""

from types import MappingProxyType

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from harness.errors import AdapterError

ANYRES = "anyres_max_"


class LlavaOnevision(ChatModel):
    """SigLIP so400m/14-384 and Qwen2."""

    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image>\n{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>", "<|endoftext|>")
    on_vllm = OnVllm(
        pictures={"pixel_values": "pixel_values", "image_sizes": "image_sizes"}, on_cpu=frozenset({"image_sizes"})
    )
    defaults = MappingProxyType(dict.fromkeys(("max_grid", "max_tiles", "tile_size", "tokens_per_tile"), AS_SAVED))
    fixed = ("tile_size", "tokens_per_tile")

    def saved(self) -> Protocols:
        """The longest side of a grid in tiles, and how many tiles' features are handed on, beside the whole's."""
        tile = self.processor.image_processor.size["height"]
        return {
            "max_grid": max(map(max, self.config.image_grid_pinpoints)) // tile,
            "max_tiles": int(self.config.vision_aspect_ratio.removeprefix(ANYRES)),
            "tile_size": tile,
            "tokens_per_tile": self.processor.num_image_tokens,
        }

    def prepare(self) -> None:
        """Tell the processor, which counts, and the network, which packs.

        Raises:
            AdapterError: longer grids than the checkpoint knows, or a choice that vLLM's network would not hear of.
        """
        if self.model is None:
            self._check_unchosen()
            return
        tile, longest = self.protocol["tile_size"], self.saved()["max_grid"]
        if self.protocol["max_grid"] > longest:
            raise AdapterError(f"max_grid is at most {longest} for {self.source}, whose grids are listed in its files")
        side = self.protocol["max_grid"] * tile
        pins = [pin for pin in self.config.image_grid_pinpoints if max(pin) <= side]
        self.processor.image_processor.image_grid_pinpoints = self.model.config.image_grid_pinpoints = pins
        ratio = f"{ANYRES}{self.protocol['max_tiles']}"
        self.processor.vision_aspect_ratio = self.model.config.vision_aspect_ratio = ratio

    def _check_unchosen(self) -> None:
        if self.protocol != self.saved():
            raise AdapterError(
                f"vLLM packs the tiles of {self.source} as its files say: --engine hf takes other grids and tiles."
            )
