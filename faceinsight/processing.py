"""Faces, their segmentation maps and prompts to tensors.

A map is coloured first and then treated by the very processor that treats the face, so that both have one geometry.
"""

from collections.abc import Sequence
from typing import Any

from PIL import Image
from transformers import BatchFeature, LlavaProcessor

from harness.maps import coloured


class FaceInsightProcessor(LlavaProcessor):
    """LLaVA's, with places for the tokens of the map and of the knowledge.

    Args:
        image_processor, tokenizer, patch_size, vision_feature_select_strategy, chat_template, image_token,
            num_additional_image_tokens: as in LLaVA.
        seg_tokens: tokens of a map, 0 where the model has no tower for it.
        knowledge_token: stands in a prompt where the knowledge goes.
        characteristics: K, the number of knowledge tokens; 0 where the model has none.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        patch_size: int | None = None,
        vision_feature_select_strategy: str | None = None,
        chat_template: str | None = None,
        image_token: str = "<image>",  # noqa: S107 - a placeholder
        num_additional_image_tokens: int = 0,
        seg_tokens: int = 0,
        knowledge_token: str = "<knowledge>",  # noqa: S107 - a placeholder
        characteristics: int = 0,
    ) -> None:
        super().__init__(
            image_processor, tokenizer, patch_size, vision_feature_select_strategy, chat_template, image_token,
            num_additional_image_tokens,
        )  # fmt: skip
        self.seg_tokens = seg_tokens
        self.knowledge_token = knowledge_token
        self.characteristics = characteristics

    def replace_image_token(self, image_inputs: dict[str, Any], image_idx: int, **kwargs: Any) -> str:
        """The tokens of the picture, then those of its map."""
        own: str = super().replace_image_token(image_inputs, image_idx, **kwargs)
        return own + self.image_token * self.seg_tokens

    def __call__(
        self,
        images: Sequence[Any] | None = None,
        text: str | Sequence[str] | None = None,
        maps: Sequence[Image.Image] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """`input_ids`, `attention_mask`, `pixel_values` and, for maps, `seg_pixel_values`, all with the rows of `text`.

        Args:
            images: as in LLaVA.
            text: prompts; a knowledge token in them becomes K.
            maps: one per picture, of its size, mode "L": the value of a pixel is its class.

        Raises:
            ValueError: the model wants maps and there are none, or the other way round, or one has another size.
        """
        pictures = _flat(images or [])
        if (maps is not None) is not (self.seg_tokens > 0 and bool(pictures)):
            raise ValueError("segmentation maps must come with the pictures just where the model has a tower for them")
        if text is not None:
            words = self.knowledge_token * self.characteristics
            text = [row.replace(self.knowledge_token, words) for row in ([text] if isinstance(text, str) else text)]
        features: BatchFeature = super().__call__(images=images, text=text, **kwargs)
        if maps is not None:
            if [one.size for one in maps] != [one.size for one in pictures]:
                raise ValueError("each map must be of the size of its picture")
            seen = self.image_processor([coloured(one) for one in maps], return_tensors=kwargs.get("return_tensors"))
            features["seg_pixel_values"] = seen["pixel_values"]
        return features


def _flat(images: Sequence[Any]) -> list[Image.Image]:
    """transformers takes pictures, or a list of them for each row of text."""
    return [one for row in images for one in (row if isinstance(row, list | tuple) else [row])]
