"""Pictures to tiles and a thumbnail, prompts to ids with a place for every feature.

Source: OpenGVLab/InternVL, internvl_chat/internvl/train/dataset.py (dynamic_preprocess, build_transform) and
internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py (chat).
Shapes: B images, N tiles of all images, S side of a tile in pixels.
"""

from typing import Any

from transformers import AutoConfig, AutoTokenizer, BatchFeature, GotOcr2ImageProcessorPil

from adapters.ports.internvl.configuration import InternVLChatConfig
from adapters.ports.processing import PortProcessor


class InternVLChatImageProcessor(GotOcr2ImageProcessorPil):
    """transformers' own tiling, with Pillow: its default, torchvision, resizes to other pixels than the original."""

    size = {"height": 448, "width": 448}  # noqa: RUF012 - as transformers
    crop_to_patches = True
    image_mean = (0.485, 0.456, 0.406)  # of ImageNet
    image_std = (0.229, 0.224, 0.225)
    model_input_names = ["pixel_values", "num_tiles"]  # noqa: RUF012 - as transformers

    @classmethod
    def of(cls, config: InternVLChatConfig) -> "InternVLChatImageProcessor":
        """The tiling of a checkpoint, which stands in its config.json alone.

        Raises:
            ValueError: the checkpoint cuts pictures into tiles without looking at the whole as well.
        """
        if config.dynamic_image_size and not config.use_thumbnail:
            raise ValueError("use_thumbnail is off, but InternVL2.5 puts a thumbnail of the picture after its tiles.")
        tiles = (config.min_dynamic_patch, config.max_dynamic_patch) if config.dynamic_image_size else (1, 1)
        side = {"height": config.tile_size, "width": config.tile_size}
        return cls(size=side, min_patches=tiles[0], max_patches=tiles[1])

    def preprocess(self, images: Any, *args: Any, **kwargs: Any) -> BatchFeature:
        """`pixel_values` [N, 3, S, S], of each image its tiles row by row and the thumbnail, and `num_tiles` [B]."""
        features = super().preprocess(images, *args, **kwargs | {"return_tensors": "pt"})
        return BatchFeature({"pixel_values": features["pixel_values"], "num_tiles": features["num_patches"]})


class InternVLChatProcessor(PortProcessor):
    """Tiles, and the tokens of the published vocabulary.

    Args:
        image_processor: gives `num_tiles`.
        tokenizer: knows <img>, </img> and <IMG_CONTEXT>.
        chat_template: of the checkpoint, unused by the adapters.
        tokens_per_tile: features that come of one tile.
    """

    image_token = "<IMG_CONTEXT>"  # noqa: S105 - a token of text, no secret

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        tokens_per_tile: int = 256,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.tokens_per_tile = tokens_per_tile

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> "InternVLChatProcessor":
        """The processor of a checkpoint: the published ones have no file for it, so config.json says everything."""
        config = AutoConfig.from_pretrained(pretrained_model_name_or_path, **kwargs)
        tokenizer = AutoTokenizer.from_pretrained(pretrained_model_name_or_path, config=config, **kwargs)
        images = InternVLChatImageProcessor.of(config)
        return cls(images, tokenizer, tokenizer.chat_template, tokens_per_tile=config.image_seq_length)

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """The picture is <img>, one <IMG_CONTEXT> per feature, </img>; what stands around it is tokenised apart."""
        tokens = self.image_token * self.tokens_per_tile * int(features["num_tiles"][index])
        whole = text.replace(self.placeholder, f"<img>{tokens}</img>")
        ids: list[int] = self.tokenizer.encode(whole, add_special_tokens=add_special_tokens)
        return ids
