"""What the processors of all ports share: pictures to tensors, prompts to ids with a place for every image feature."""

from collections.abc import Sequence
from typing import Any, ClassVar

from PIL import Image
from transformers import BatchFeature, ProcessorMixin


class PortProcessor(ProcessorMixin):
    """An image processor and a tokenizer; a subclass says how a prompt with one image is spelled.

    The image processor takes a list of RGB pictures; its tensors are concatenated along their first dimension.

    Args:
        image_processor: of the port.
        tokenizer: a fast tokenizer.
        chat_template: of the checkpoint, unused by the adapters.
    """

    placeholder: ClassVar[str] = "<image>"
    """What stands in the text where the picture goes."""
    image_token: str
    """The token that stands at every image position, as a string; its id is the config's `image_token_id`."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """Ids of a prompt whose placeholder stands for picture `index` of `features`."""
        raise NotImplementedError

    def filled(self, ids: list[int], count: int, then: Sequence[int] = ()) -> list[int]:
        """The ids with their one image token repeated `count` times, and what comes with the picture after it."""
        image: int = self.tokenizer.convert_tokens_to_ids(self.image_token)
        at = ids.index(image)
        return [*ids[:at], *[image] * count, *then, *ids[at + 1 :]]

    def __call__(
        self,
        images: Sequence[Sequence[Image.Image]],
        text: Sequence[str],
        add_special_tokens: bool = True,
        padding: bool = True,
        padding_side: str = "left",
        return_tensors: str = "pt",
        **kwargs: Any,
    ) -> BatchFeature:
        """Image tensors, `input_ids` [B, L] and `attention_mask` [B, L] of prompts with one picture each.

        Raises:
            ValueError: a prompt has no placeholder or several, or comes with another number of pictures than one.
        """
        for prompt, pictures in zip(text, images, strict=True):
            if len(pictures) != 1 or prompt.count(self.placeholder) != 1:
                raise ValueError(f"a prompt needs exactly one picture and one '{self.placeholder}': {prompt!r}")
        features = self.image_processor([picture for (picture,) in images], return_tensors=return_tensors)
        rows = [self.encode(prompt, index, features, add_special_tokens) for index, prompt in enumerate(text)]
        words = self.tokenizer.pad(
            {"input_ids": rows}, padding=padding, padding_side=padding_side, return_tensors=return_tensors
        )
        return BatchFeature({**words, **features})
