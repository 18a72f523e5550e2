"""Phi-3.5-Vision: every crop of the picture through CLIP, laid out in lines, projected, and read by Phi-3.

Source: 2U1/Phi3-Vision-Finetune, src/model/Phi3_5_vision/modeling_phi3_v.py, a lightly modified copy of the published
code. Beyond `original_max_position_embeddings` tokens it follows that code's eager and SDPA attention.

Shapes: B pictures, T crops of all pictures together, N patches of a crop, C width of the tower, H and W lines and
columns of features, M their width, of four patches, D width of the language model.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import CLIPVisionModel, Phi3Model
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from adapters.ports.modeling import PortForConditionalGeneration, PortModel
from adapters.ports.phi3_v.configuration import Phi3VConfig

PUBLISHED = {
    r"^model\.vision_embed_tokens\.img_processor\.vision_model\.": "model.vision_tower.",
    r"^model\.vision_embed_tokens\.img_projection\.": "model.projector.",
    r"^model\.vision_embed_tokens\.sub_GN": "model.line_end",
    r"^model\.vision_embed_tokens\.glb_GN": "model.separator",
    # A second name of the token embeddings; some checkpoints have this one, some the other, some both.
    r"^model\.vision_embed_tokens\.wte\.": "model.language_model.embed_tokens.",
    r"^model\.embed_tokens\.": "model.language_model.embed_tokens.",
    r"^model\.layers\.": "model.language_model.layers.",
    r"^model\.norm\.": "model.language_model.norm.",
}
"""Names of weights in the published checkpoint -> here."""


class Phi3VModel(PortModel):
    """Vision side and language model without its head."""

    config_class = Phi3VConfig
    image_inputs: ClassVar[tuple[str, ...]] = ("pixel_values", "image_sizes")

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__(config)
        merged = 4 * config.vision_config.hidden_size
        self.vision_tower = CLIPVisionModel(config.vision_config)
        self.line_end = nn.Parameter(torch.zeros(1, 1, 1, merged))
        self.separator = nn.Parameter(torch.zeros(1, 1, merged))
        self.projector = nn.Sequential(
            nn.Linear(merged, config.hidden_size), nn.GELU(), nn.Linear(config.hidden_size, config.hidden_size)
        )
        self.language_model = Phi3Model(config)
        if config.long_rope:
            self.language_model.rotary_emb = LongRotary(config)
        self.post_init()

    def image_features(self, pixel_values: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
        """One tensor [tokens, D] per picture: the lines of all its crops, the separator, the lines of the whole.

        Args:
            pixel_values: [T, 3, side, side]; of each picture first the whole, then its crops line by line.
            image_sizes: [B, 2], height and width of each picture in pixels, in whole crops.
        """
        crops_THWM = self._crops(pixel_values)
        grids = (image_sizes // self.config.vision_config.image_size).tolist()
        pictures = crops_THWM.split([1 + rows * columns for rows, columns in grids])
        rows = [self._picture(crops, *grid) for crops, grid in zip(pictures, grids, strict=True)]
        features = self.projector(torch.cat(rows)).split([len(row) for row in rows])
        return tuple(features)

    def _crops(self, pixel_values: Tensor) -> Tensor:
        """What the tower sees, two by two patches to a feature: [T, H, W, M]."""
        states = self.vision_tower(pixel_values, output_hidden_states=True).hidden_states
        patches_TNC = states[self.config.img_processor.get("layer_idx", -2)][:, 1:]
        count, patches, width = patches_TNC.shape
        side = round(patches**0.5) // 2
        pairs = patches_TNC.view(count, side, 2, side, 2, width).transpose(2, 3)
        return pairs.reshape(count, side, side, 4 * width)

    def _picture(self, crops_THWM: Tensor, rows: int, columns: int) -> Tensor:
        whole, crops = crops_THWM[0], crops_THWM[1:]
        side, width = crops.shape[1], crops.shape[-1]
        grid = crops.view(rows, columns, side, side, width).transpose(1, 2)
        lines = self._lines(grid.reshape(rows * side, columns * side, width))
        return torch.cat([lines, self.separator[0], self._lines(whole)])

    def _lines(self, grid_HWM: Tensor) -> Tensor:
        ends = self.line_end[0].expand(len(grid_HWM), 1, -1)
        return torch.cat([grid_HWM, ends], 1).flatten(0, 1)


class LongRotary(nn.Module):
    """Rotary positions with factors for short rows and others for rows longer than the original length.

    transformers' own decides for a batch as a whole, so that a row's answer would depend on its neighbours.
    """

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.config = config
        self.original: int = config.original_max_position_embeddings

    @torch.no_grad()
    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines [rows, L, head width] in the type of `x` for positions [rows, L]."""
        make = ROPE_INIT_FUNCTIONS["longrope"]
        short, scale = make(self.config, x.device, seq_len=self.original)
        long, _ = make(self.config, x.device, seq_len=self.original + 1)
        beyond = position_ids.amax(-1, keepdim=True) >= self.original
        angles = position_ids[..., None].float() * torch.where(beyond, long, short)[:, None]
        angles = torch.cat([angles, angles], -1)
        return (angles.cos() * scale).to(x.dtype), (angles.sin() * scale).to(x.dtype)


class Phi3VForCausalLM(PortForConditionalGeneration):
    """The model under the name its published config.json gives it."""

    config_class = Phi3VConfig
    model_class = Phi3VModel

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """As everywhere; but when a row outgrows the original length, everything is read anew with the long factors."""
        if not is_first_iteration and self._outgrown(input_ids, kwargs.get("attention_mask")):
            is_first_iteration = True
            kwargs |= {"past_key_values": None, "next_sequence_length": None}
        return super().prepare_inputs_for_generation(input_ids, is_first_iteration=is_first_iteration, **kwargs)

    def _outgrown(self, input_ids: Tensor, attention_mask: Tensor | None) -> bool:
        length = self.config.original_max_position_embeddings + 1
        if not self.config.long_rope or input_ids.shape[1] < length:
            return False  # almost always, and without waiting for the device
        lengths = torch.ones_like(input_ids).sum(1) if attention_mask is None else attention_mask.sum(1)
        return bool((lengths == length).any())


register_checkpoint_conversion_mapping(
    Phi3VConfig.model_type, [WeightRenaming(published, here) for published, here in PUBLISHED.items()]
)
