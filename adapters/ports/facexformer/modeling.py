"""FaceXFormer: Swin's features of four scales in one map, and a decoder that reads age, gender, race and attributes.

The weights have their published names, so the published checkpoint is read as it is. What this network has no use for
(face parsing, landmarks, head pose, visibility, and Swin's last norm, whose output upstream throws away) is named in
`UNREAD` and left out. Source: Kartik-3004/facexformer (MIT), network/models/facexformer.py.
Shapes: B faces, C channels, H x W places, D width of the decoder.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import SwinTransformer

from adapters.ports.facexformer.configuration import FaceXFormerConfig
from adapters.ports.facexformer.decoder import FaceDecoder

UNREAD = (
    "backbone.1.",
    "face_decoder.output_upscaling.",
    "face_decoder.output_hypernetwork_mlps.",
    "face_decoder.landmarks_prediction_head.",
    "face_decoder.pose_prediction_head.",
    "face_decoder.visibility_prediction_head.",
)
"""How the names begin of the published weights that nothing here reads."""


class Projection(nn.Module):
    """One stage's channels to the decoder's width."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, width)

    def forward(self, features_BHWC: Tensor) -> Tensor:
        """A map [B, D, H, W]."""
        return self.proj(features_BHWC).permute(0, 3, 1, 2)


class Positions(nn.Module):
    """Where each place is, as sines and cosines of random frequencies that the checkpoint holds."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))

    def forward(self, height: int, width: int) -> Tensor:
        """Positions [H * W, D], row by row, in float32: the angles are too large for a coarser type."""
        frequencies = self.positional_encoding_gaussian_matrix.float()
        rows = (torch.arange(height, device=frequencies.device) + 0.5) / height
        columns = (torch.arange(width, device=frequencies.device) + 0.5) / width
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        angles = 2 * math.pi * ((2 * torch.stack([x, y], -1) - 1) @ frequencies)
        return torch.cat([angles.sin(), angles.cos()], -1).flatten(0, 1)


class FaceXFormer(nn.Module):
    """Pixels [B, 3, S, S] in, logits of each head out."""

    def __init__(self, config: FaceXFormerConfig) -> None:
        super().__init__()
        swin: Any = SwinTransformer(
            patch_size=[4, 4],
            embed_dim=config.embed_dim,
            depths=list(config.depths),
            num_heads=list(config.num_heads),
            window_size=[config.window_size] * 2,
            stochastic_depth_prob=0.0,
        )
        self.config = config
        self.backbone = nn.Sequential(swin.features)
        self.pe_layer = Positions(config.width)
        self.face_decoder = FaceDecoder(config)
        self.linear_c = nn.ModuleList(Projection(channels, config.width) for channels in config.stages)
        self.linear_fuse = nn.Conv2d(config.width * len(config.stages), config.width, kernel_size=1, bias=False)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Logits by head: attribute [B, 40], age [B, 8], gender [B, 2], race [B, 5]."""
        map_BDHW = self.fused(pixels)
        where = self.pe_layer(*map_BDHW.shape[-2:]).to(map_BDHW.dtype)
        return self.face_decoder(map_BDHW.flatten(2).transpose(1, 2), where)

    def fused(self, pixels: Tensor) -> Tensor:
        """The features of all scales in the places of the finest, [B, D, H, W]."""
        maps: list[Tensor] = []
        features, blocks = pixels, list(self.backbone[0].children())
        for at, block in enumerate(blocks):
            features = block(features)
            if at % 2:  # a stage; those between embed patches and merge them
                maps.append(self.linear_c[at // 2](features))
        size = maps[0].shape[-2:]
        grown = [F.interpolate(each, size=size, mode="bilinear", align_corners=False) for each in maps]
        return self.linear_fuse(torch.cat(grown[::-1], dim=1))
