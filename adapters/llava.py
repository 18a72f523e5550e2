"""LLaVA-1.5: the Vicuna conversation with its system text, images padded to a square.

Source: haotian-liu/LLaVA, llava/conversation.py (vicuna_v1) and mm_utils.py (expand2square, tokenizer_image_token).
"""

from types import MappingProxyType
from typing import Any

from PIL import Image

from adapters.base import Protocols
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from harness.errors import AdapterError
from harness.images import mean_colour, square

SQUARES = PAD, CROP = ("pad", "crop")
"""How a picture becomes a square: with margins, as the original does, or losing them, as the converted checkpoint."""


class Llava(ChatModel):
    """CLIP ViT-L/14-336 and Vicuna; the transformers layout centre-crops, so the square is made here."""

    template = (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions. "
        "USER: <image>\n{question} ASSISTANT:"
    )
    stops = ("</s>",)
    bos = True
    on_vllm = OnVllm(pictures={"pixel_values": "pixel_values"})
    defaults = MappingProxyType({"square": PAD, "image_size": AS_SAVED, "tokens": AS_SAVED})
    fixed = ("image_size", "tokens")

    def saved(self) -> Protocols:
        """The side of the square the tower sees, and the features of it."""
        return {"image_size": self.processor.image_processor.crop_size["height"], "tokens": tokens_of(self.config)}

    def prepare(self) -> None:
        """Check how the picture is to become a square, and refuse a tokenizer that reads the text otherwise.

        The original reads the text behind the image alone.

        A Llama tokenizer puts a space before a text; newer ones only before the first, which changes every prompt.

        Raises:
            AdapterError: the text behind the image depends on what stands before it, or there is no such way.
        """
        if self.protocol["square"] not in SQUARES:
            raise AdapterError(f"LLaVA makes a square by {' or '.join(SQUARES)}, not by '{self.protocol['square']}'")
        token = self.processor.image_token
        behind, alone = (self.tokenizer.encode(text, add_special_tokens=False) for text in (f"{token}\nA", "\nA"))
        if behind[1:] != alone:
            raise AdapterError(
                f"the tokenizer of {self.source} reads text behind {token} as {behind[1:]} but alone as {alone}, so "
                "prompts differ from the original's: its tokenizer.json needs the normalizer that prepends '▁'"
            )

    def image(self, image: Image.Image) -> Image.Image:
        """The image centred on a square of the mean colour, (122, 116, 104) for CLIP; or as it is, to be cropped."""
        if self.protocol["square"] == CROP:
            return image
        return square(image, mean_colour(self.processor.image_processor))


def tokens_of(config: Any) -> int:
    """Features that a LLaVA network hands on of one picture: a patch each, and one more where none is left out."""
    vision = config.vision_config
    whole = config.vision_feature_select_strategy == "full"
    extra = 1 if whole and vision.model_type == "clip_vision_model" else 0
    count: int = (vision.image_size // vision.patch_size) ** 2 + extra
    return count
