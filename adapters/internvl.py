"""InternVL2.5 in its own conversation, the Chinese system text included.

Source: OpenGVLab/InternVL, internvl_chat/internvl/conversation.py (internvl2_5) and
internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py (chat). <s> comes from the published tokenizer.
"""

from types import MappingProxyType
from typing import Any

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.ports.internvl import InternVLChatConfig  # importing it registers the port
from adapters.resolution import AS_SAVED, check_range


class InternVL25(ChatModel):
    """InternViT-300M and InternLM2.5-7B; one to twelve tiles of 448 pixels and a thumbnail, 256 tokens each."""

    template = (
        "<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的"
        "多模态大语言模型。<|im_end|>\n"
        "<|im_start|>user\n<image>\n{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>", "</s>")
    bos = True
    on_vllm = OnVllm(
        pictures={"image_num_patches": "num_tiles"},
        parts={"pixel_values_flat": "pixel_values"},
        image_token="image_token_id",  # noqa: S106 - a name, no secret
    )

    defaults = MappingProxyType(
        dict.fromkeys(("min_tiles", "max_tiles", "tile_size", "thumbnail", "tokens_per_tile"), AS_SAVED)
    )
    fixed = ("tile_size", "thumbnail", "tokens_per_tile")

    def saved(self) -> Protocols:
        """The tiling; the thumbnail comes with any picture of more than one tile."""
        images = self.processor.image_processor
        tiles = {"min_tiles": images.min_patches, "max_tiles": images.max_patches, "tile_size": images.size["height"]}
        return tiles | {"thumbnail": images.max_patches > 1, "tokens_per_tile": self.processor.tokens_per_tile}

    def prepare(self) -> None:
        """Put the numbers of tiles into the image processor."""
        check_range(self.protocol, "min_tiles", "max_tiles", self.source)
        images = self.processor.image_processor
        images.min_patches, images.max_patches = self.protocol["min_tiles"], self.protocol["max_tiles"]

    @staticmethod
    def vllm_config(config: Any) -> Any:
        """Sides of pictures and patches as published, one number, where transformers has a pair of them."""
        if isinstance(config, InternVLChatConfig):  # vLLM looks at a nameless one first
            for name in ("image_size", "patch_size"):
                setattr(config.vision_config, name, getattr(config.vision_config, name)[0])
        return config
