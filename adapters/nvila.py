"""NVILA-8B: Qwen's conversation with the system text of its training, whose sentence has no full stop.

Source: NVlabs/VILA, llava/utils/tokenizer.py, language_model/chat_templates/qwen2.jinja (which the published tokenizer
carries) and llava/utils/media.py: picture and question stand side by side, the line break comes with the picture.
"""

from types import MappingProxyType

import adapters.ports.nvila  # noqa: F401 - registers the port
from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from harness.errors import AdapterError


class Nvila(ChatModel):
    """SigLIP so400m/14-448 at 448, 896 and up to twelve tiles, Qwen2-7B; both published layouts."""

    template = (
        "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
        "<|im_start|>user\n<image>{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>",)
    on_vllm = OnVllm(own_vision=True, pictures={"block_sizes": "block_sizes"}, parts={"pixel_values": "pixel_values"})
    defaults = MappingProxyType(dict.fromkeys(("max_tiles", "scales", "tokens_per_tile"), AS_SAVED))
    fixed = ("scales", "tokens_per_tile")

    def saved(self) -> Protocols:
        """The scales in pixels, of which the first is a tile, and the tiles of the last."""
        images = self.processor.image_processor
        scales = {"max_tiles": images.max_tiles, "scales": ", ".join(map(str, images.s2_scales))}
        return scales | {"tokens_per_tile": images.tokens((1, 1))}

    def prepare(self) -> None:
        """Put the number of tiles into the image processor.

        Raises:
            AdapterError: fewer tiles than the last scale has for a square.
        """
        images = self.processor.image_processor
        if self.protocol["max_tiles"] < images.least_tiles:
            raise AdapterError(
                f"max_tiles = {self.protocol['max_tiles']} is too few for {self.source}, whose last scale takes "
                f"{images.least_tiles} for a square: give at least {images.least_tiles}"
            )
        images.max_tiles = self.protocol["max_tiles"]

    def prompt(self, question: str) -> str:
        """As the original, which strips the end of a turn."""
        return super().prompt(question.rstrip())
