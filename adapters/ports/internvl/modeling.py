"""InternVL2.5 as transformers' own InternVL: only the sizes, the names and the count of tiles are the checkpoint's.

Source: OpenGVLab/InternVL, internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py.
Shapes: N tiles of all images, T tokens per tile, D width of the language model, S side of a tile.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import InternVLForConditionalGeneration, InternVLModel, InternVLVisionModel, LlamaModel
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling

from adapters.ports.internvl.configuration import InternLM2Config, InternVisionConfig, InternVLChatConfig


class InternVisionModel(InternVLVisionModel):
    """The vision tower, under the published configuration."""

    config_class = InternVisionConfig


class InternLM2Model(LlamaModel):
    """The language model without its head, under the published configuration."""

    config_class = InternLM2Config


class InternVLChatBody(InternVLModel):
    """Vision tower, projector and language model."""

    config_class = InternVLChatConfig

    def get_image_features(
        self, pixel_values: Tensor, num_tiles: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Features of tiles [N, 3, S, S] in `pooler_output`: [N, T, D], with `num_tiles` one [tokens, D] per image."""
        output = super().get_image_features(pixel_values=pixel_values, **kwargs)
        if num_tiles is not None:
            per_image = output.pooler_output.split(num_tiles.tolist())
            output.pooler_output = tuple(tiles.flatten(0, 1) for tiles in per_image)
        return output

    def forward(
        self,
        input_ids: Tensor | None = None,
        num_tiles: Tensor | None = None,
        mm_encoder_outputs: dict[str, BaseModelOutputWithPooling] | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """As of InternVL; to the network the features of all images are one sequence, so `num_tiles` is not used."""
        for encoded in (mm_encoder_outputs or {}).values():  # `generate` has asked `get_image_features` beforehand
            if isinstance(encoded.pooler_output, tuple):
                encoded.pooler_output = torch.cat(encoded.pooler_output)
        output: BaseModelOutputWithPast = super().forward(
            input_ids=input_ids, mm_encoder_outputs=mm_encoder_outputs, **kwargs
        )
        return output


class InternVLChatModel(InternVLForConditionalGeneration):
    """The whole, under the name the published config.json has for it.

    Raises:
        ValueError: the checkpoint is older than InternVL2 and shuffles its pixels in another way.
    """

    config_class = InternVLChatConfig

    def __init__(self, config: InternVLChatConfig) -> None:
        if config.ps_version != "v2":
            raise ValueError(
                f"its pixel shuffle is '{config.ps_version}', but that of InternVL2.5 is 'v2': take another checkpoint."
            )
        # Not InternVL's own constructor, which would draw weights for a body of its own first.
        super(InternVLForConditionalGeneration, self).__init__(config)
        self.model = InternVLChatBody(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, inputs_embeds: Tensor | None = None, num_tiles: Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """As of InternVL, which knows no counts of tiles."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(input_ids, inputs_embeds=inputs_embeds, **kwargs)
        return inputs
