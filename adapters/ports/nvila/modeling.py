"""NVILA: a SigLIP tower over the tiles of three scales, a projector that folds 2 x 2 patches, Qwen2.

Shapes: T tiles of a batch, P patches of a tile, D width, B images, N image tokens.
Source: NVlabs/VILA, llava/model/llava_arch.py (encode_images), multimodal_encoder/ (vision_encoder.py,
siglip_encoder.py) and multimodal_projector/base_projector.py; weight names as in sgl-project/sglang,
python/sglang/srt/models/nvila.py.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Qwen2Model, SiglipVisionModel
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming

from adapters.ports.modeling import PortForConditionalGeneration, PortModel
from adapters.ports.nvila import scales
from adapters.ports.nvila.configuration import NVILAConfig


class Fold(nn.Module):
    """Four neighbouring patches become one of four times the width; a tile with an odd side gets zeros."""

    def forward(self, tiles_TPD: Tensor) -> Tensor:
        """[T, P, D] to [T, P / 4, 4 D], the patches of a tile row by row."""
        tiles, patches, width = tiles_TPD.shape
        side = math.isqrt(patches)
        odd = side % 2
        board = F.pad(tiles_TPD.reshape(tiles, side, side, width), (0, 0, 0, odd, 0, odd))
        half = (side + odd) // 2
        return board.reshape(tiles, half, 2, half, 2, width).transpose(2, 3).reshape(tiles, half * half, 4 * width)


class NVILAProjector(nn.Module):
    """Patches with all their scales to image tokens."""

    def __init__(self, config: NVILAConfig) -> None:
        super().__init__()
        folded = 4 * config.vision_config.hidden_size * len(config.s2_scales)
        width = config.text_config.hidden_size
        self.layers = nn.Sequential(
            Fold(), nn.LayerNorm(folded), nn.Linear(folded, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, tiles_TPD: Tensor) -> Tensor:
        """[T, P, D * scales] to [T, P / 4, D of the language model]."""
        tokens: Tensor = self.layers(tiles_TPD)
        return tokens


class NVILAModel(PortModel):
    """Vision side and language model without its head."""

    config_class = NVILAConfig
    image_inputs = ("pixel_values", "block_sizes")

    def __init__(self, config: NVILAConfig) -> None:
        super().__init__(config)
        self.vision_tower = SiglipVisionModel(config.vision_config)
        self.mm_projector = NVILAProjector(config)
        self.language_model = Qwen2Model(config.text_config)
        self.post_init()

    def image_features(self, pixel_values: Tensor, block_sizes: Tensor) -> tuple[Tensor, ...]:
        """One tensor [N, D] per image, in the reading order of the whole picture.

        Args:
            pixel_values: [T, 3, side, side], of each image its scales from small to large, of each scale its tiles.
            block_sizes: [B, 2], rows and columns of tiles of the last scale.

        Raises:
            ValueError: the tiles are not as many as the grids ask for.
        """
        last = [(rows, columns) for rows, columns in block_sizes.tolist()]
        counts = [scales.tile_count(self.config.s2_scales, grid) for grid in last]
        if sum(counts) != len(pixel_values):
            raise ValueError(f"the grids ask for {sum(counts)} tiles, but there are {len(pixel_values)}")
        pieces = self._patches(pixel_values).split(counts)
        joined = [scales.joined(piece, self.config.s2_scales, grid) for piece, grid in zip(pieces, last, strict=True)]
        tokens = self.mm_projector(torch.cat(joined)).split([len(tiles) for tiles in joined])
        return tuple(scales.merged(tiles, grid).flatten(1).T for tiles, grid in zip(tokens, last, strict=True))

    def _patches(self, pixel_values: Tensor) -> Tensor:
        """Patches [T, P, D] after the selected layer; those above it are not run."""
        layers = self.vision_tower.encoder.layers
        layer = self.config.mm_vision_select_layer
        patches_TPD: Tensor = self.vision_tower.embeddings(pixel_values)
        for block in layers[: layer if layer >= 0 else len(layers) + 1 + layer]:
            patches_TPD = block(patches_TPD, None)
        return patches_TPD


class NVILAForConditionalGeneration(PortForConditionalGeneration):
    """NVILA as it answers."""

    config_class = NVILAConfig
    model_class = NVILAModel


def register_published_names(model_class: str) -> None:
    """Teach transformers to read and write the published names of the weights of NVILA."""
    renamings = [
        WeightRenaming(r"^llm\.lm_head\.", r"^lm_head\."),
        WeightRenaming(r"^llm\.model\.", r"^model\.language_model\."),
        WeightRenaming(r"^vision_tower\.vision_model\.", r"^model\.vision_tower\."),
        WeightRenaming(r"^mm_projector\.", r"^model\.mm_projector\."),
    ]
    register_checkpoint_conversion_mapping(model_class, renamings)


register_published_names(NVILAForConditionalGeneration.__name__)
