"""Prompts of NVILA: one image token per feature, then a line break that belongs to the picture.

Source: NVlabs/VILA, llava/model/encoders/image/basic.py (the line break), llava/utils/media.py and
llava/utils/tokenizer.py (the text).
"""

from typing import Any

from transformers import BatchFeature

from adapters.ports.nvila.images import NVILAImageProcessor
from adapters.ports.processing import PortProcessor


class NVILAProcessor(PortProcessor):
    """Tiles and ids of a question about one picture."""

    image_token = "<image>"  # noqa: S105 - a token of text, no secret

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """Ids of a prompt whose placeholder stands for picture `index` of `features`.

        The original appends the embedding of a line break to a picture's features; as an id it comes to the same.
        """
        ids = self.tokenizer.encode(text, add_special_tokens=add_special_tokens)
        tokens = self.image_processor.tokens(features["block_sizes"][index].tolist())
        return self.filled(ids, tokens, then=self.tokenizer.encode("\n", add_special_tokens=False))

    @classmethod
    def _get_arguments_from_pretrained(cls, source: str, processor_dict: Any = None, **kwargs: Any) -> list[Any]:
        """The file of the published checkpoint names SigLIP's image processor, which makes no tiles."""
        tokenizer = cls._load_tokenizer_from_pretrained("tokenizer", source, **kwargs)
        return [NVILAImageProcessor.from_pretrained(source, **kwargs), tokenizer]
