"""The picture as crops of a high-resolution version and one view of the whole; the text around it in two pieces.

Source: 2U1/Phi3-Vision-Finetune, src/model/Phi3_5_vision/processing_phi3_v.py, a copy of the published code. Resizing
is Pillow's bilinear filter for the crops and torch's bicubic interpolation, without a filter, for the view.

Shapes: T crops of all pictures together, the views of the whole included.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from adapters.ports.processing import PortProcessor

WHITE = (255, 255, 255)


class Phi3VImageProcessor(BaseImageProcessor):
    """Pictures to crops.

    Args:
        num_crops: the most crops of one picture; the published file says 4, which is meant for several pictures.
        num_crops_single: the same where a prompt has one picture only, 16 on the model card.
        num_img_tokens: features of one crop, a square number.
        crop_size: side of a crop in pixels; the published code has 336 in it.
        image_mean: of red, green and blue, in 0 to 1.
        image_std: likewise.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values", "image_sizes"]

    def __init__(
        self,
        num_crops: int = 1,
        num_crops_single: int = 16,
        num_img_tokens: int = 144,
        crop_size: int = 336,
        image_mean: Sequence[float] = OPENAI_CLIP_MEAN,
        image_std: Sequence[float] = OPENAI_CLIP_STD,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_crops = num_crops
        self.num_crops_single = num_crops_single
        self.num_img_tokens = num_img_tokens
        self.crop_size = crop_size
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def preprocess(self, images: Sequence[Image.Image], **kwargs: Any) -> BatchFeature:
        """`pixel_values` [T, 3, side, side] and `image_sizes` [pictures, 2], height and width in whole crops.

        Raises:
            ValueError: a picture so narrow that nothing of it would be left.
        """
        pictures = [self._picture(image.convert("RGB")) for image in images]
        sizes = [list(picture.shape[1:]) for picture in pictures]
        crops = torch.cat([self._crops(picture) for picture in pictures])
        return BatchFeature({"pixel_values": crops, "image_sizes": torch.tensor(sizes)})

    def tokens(self, height: int, width: int) -> int:
        """Features of a picture of this size in pixels: of its crops and the whole, line ends, one separator."""
        rows, columns = height // self.crop_size, width // self.crop_size
        return (rows * columns + 1) * self.num_img_tokens + (rows + 1) * math.isqrt(self.num_img_tokens) + 1

    def _picture(self, image: Image.Image) -> Tensor:
        """Resized to whole crops along its longer side, white added to the other: [3, height, width], normalised."""
        turned = image.width < image.height
        if turned:
            image = image.transpose(Image.Transpose.TRANSPOSE)
        ratio = image.width / image.height
        width = self._columns(ratio) * self.crop_size
        height = int(width / ratio)
        if height == 0:
            raise ValueError(f"a picture {ratio:.0f} times as long as wide has no line of pixels left: crop it")
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        missing = -height % self.crop_size
        image = ImageOps.expand(image, (0, missing // 2, 0, missing - missing // 2), WHITE)
        if turned:
            image = image.transpose(Image.Transpose.TRANSPOSE)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.image_mean, self.image_std))
        return (torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous() / 255 - mean) / std

    def _columns(self, ratio: float) -> int:
        """The most crops side by side with which the picture has no more than `num_crops`."""
        columns = 1
        while (columns + 1) * math.ceil((columns + 1) / ratio) <= self.num_crops:
            columns += 1
        return columns

    def _crops(self, picture: Tensor) -> Tensor:
        side = self.crop_size
        whole = F.interpolate(picture[None], size=(side, side), mode="bicubic")
        rows, columns = picture.shape[1] // side, picture.shape[2] // side
        crops = picture.view(3, rows, side, columns, side).permute(1, 3, 0, 2, 4)
        return torch.cat([whole, crops.reshape(-1, 3, side, side)])


class Phi3VProcessor(PortProcessor):
    """A prompt is tokenized in two pieces, before and after the picture, each with its begin-of-sequence token.

    The second one is no mistake of this port: the model was published, and answers, with both.
    """

    placeholder = "<|image_1|>"
    image_token = "<|image|>"  # noqa: S105 - a token of text, no secret

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """Ids of a prompt whose placeholder stands for picture `index` of `features`."""
        before, after = (
            self.tokenizer.encode(piece, add_special_tokens=add_special_tokens)
            for piece in text.split(self.placeholder)
        )
        count = self.image_processor.tokens(*features["image_sizes"][index].tolist())
        return [*before, *[self.tokenizer.convert_tokens_to_ids(self.image_token)] * count, *after]
