"""LLaVA-1.5: the Vicuna conversation with its system text, images padded to a square.

Source: haotian-liu/LLaVA, llava/conversation.py (vicuna_v1) and mm_utils.py (expand2square, tokenizer_image_token).
"""

from PIL import Image

from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from harness.errors import AdapterError
from harness.images import mean_colour, square


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

    def prepare(self) -> None:
        """Refuse a tokenizer that reads the text behind the image otherwise than the original, which reads it alone.

        A Llama tokenizer puts a space before a text; newer ones only before the first, which changes every prompt.

        Raises:
            AdapterError: the text behind the image depends on what stands before it.
        """
        token = self.processor.image_token
        behind, alone = (self.tokenizer.encode(text, add_special_tokens=False) for text in (f"{token}\nA", "\nA"))
        if behind[1:] != alone:
            raise AdapterError(
                f"the tokenizer of {self.source} reads text behind {token} as {behind[1:]} but alone as {alone}, so "
                "prompts differ from the original's: its tokenizer.json needs the normalizer that prepends '▁'"
            )

    def image(self, image: Image.Image) -> Image.Image:
        """The image centred on a square of the mean colour, (122, 116, 104) for CLIP."""
        return square(image, mean_colour(self.processor.image_processor))
