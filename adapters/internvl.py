"""InternVL2.5 in its own conversation, the Chinese system text included.

Source: OpenGVLab/InternVL, internvl_chat/internvl/conversation.py (internvl2_5) and
internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py (chat). <s> comes from the published tokenizer.
"""

from typing import Any

from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.ports.internvl import InternVLChatConfig  # importing it registers the port


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

    @staticmethod
    def vllm_config(config: Any) -> Any:
        """Sides of pictures and patches as published, one number, where transformers has a pair of them."""
        if isinstance(config, InternVLChatConfig):  # vLLM looks at a nameless one first
            for name in ("image_size", "patch_size"):
                setattr(config.vision_config, name, getattr(config.vision_config, name)[0])
        return config
