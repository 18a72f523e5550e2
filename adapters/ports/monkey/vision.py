"""Monkey's vision tower: one OpenCLIP ViT-bigG for all views of an image, bent for each window by low-rank adapters.

An image is seen as four windows and once whole. The base weights are shared; window v adds the output of adapter v to
the attention's projections and to the MLP, the whole image adds none. The modules have their published names.

Source: Yuliang-Liu/Monkey, monkey_model/visual.py.
Shapes: B images, V views, N patches, W width of the tower, Q queries, D width of the language model, S pixels.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer

from adapters.ports.monkey.configuration import MonkeyVisionConfig

EPS = 1e-6
POSITIONS = 256
"""Learnt positions, a square; they are stretched to the patches of a view."""
ATTENTION_RANK, MLP_RANK = 16, 32


class Adapter(nn.Module):
    """A low-rank map, added to that of shared weights."""

    def __init__(self, width: int, output: int, rank: int) -> None:
        super().__init__()
        self.lora_scale = nn.Parameter(torch.ones(1))
        self.lora_a = nn.Linear(width, rank, bias=False)
        self.lora_b = nn.Linear(rank, output, bias=False)
        self.lora_dropout = nn.Dropout(0.05)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to [..., output]."""
        return self.lora_b(self.lora_a(self.lora_dropout(x))) * self.lora_scale


class WindowAdapters(nn.ModuleList):
    """One adapter per window, in the order of the windows."""

    def __init__(self, windows: int, width: int, output: int, rank: int) -> None:
        super().__init__([Adapter(width, output, rank) for _ in range(windows)])

    def forward(self, x_BVNW: Tensor) -> Tensor:
        """What each view adds, [B, V, N, output]; the last view, the whole image, adds nothing."""
        added = torch.stack([adapter(x_BVNW[:, view]) for view, adapter in enumerate(self)], dim=1)
        return F.pad(added, (0, 0, 0, 0, 0, 1))


class VisionAttention(nn.Module):
    """Self-attention within a view; queries, keys and values of a head lie together in the fused projection."""

    def __init__(self, config: MonkeyVisionConfig) -> None:
        super().__init__()
        width, windows = config.width, config.lora_repeat_num
        self.heads = config.heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.in_proj_lora = WindowAdapters(windows, width, 3 * width, ATTENTION_RANK)
        self.out_proj = nn.Linear(width, width)
        self.out_proj_lora = WindowAdapters(windows, width, width, ATTENTION_RANK)

    def forward(self, x_BVNW: Tensor) -> Tensor:
        """[B, V, N, W] to [B, V, N, W]."""
        fused = self.in_proj(x_BVNW) + self.in_proj_lora(x_BVNW)
        by_head = fused.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(*by_head.chunk(3, dim=-1))
        mixed_BVNW = mixed.transpose(1, 2).reshape(x_BVNW.shape)
        return self.out_proj(mixed_BVNW) + self.out_proj_lora(mixed_BVNW)


class VisionBlock(GradientCheckpointingLayer):
    """A pre-norm block; the adapters of its MLP read the residual stream itself, not its norm."""

    def __init__(self, config: MonkeyVisionConfig) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.mlp_ratio)
        self.ln_1 = nn.LayerNorm(width, EPS)
        self.attn = VisionAttention(config)
        self.ln_2 = nn.LayerNorm(width, EPS)
        layers = {"c_fc": nn.Linear(width, hidden), "gelu": nn.GELU(), "c_proj": nn.Linear(hidden, width)}
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.mlp_lora = WindowAdapters(config.lora_repeat_num, width, width, MLP_RANK)

    def forward(self, x_BVNW: Tensor) -> Tensor:
        """[B, V, N, W] to [B, V, N, W]."""
        x_BVNW = x_BVNW + self.attn(self.ln_1(x_BVNW))
        return x_BVNW + self.mlp(self.ln_2(x_BVNW)) + self.mlp_lora(x_BVNW)


class Resampler(nn.Module):
    """Learnt queries gather a view into Q tokens by one cross-attention; 2D sine positions on both sides."""

    def __init__(self, config: MonkeyVisionConfig) -> None:
        super().__init__()
        width = config.output_dim
        self.pos_embed = nn.Parameter(torch.zeros(config.n_queries, width), requires_grad=False)
        self.query = nn.Parameter(torch.zeros(config.n_queries, width))
        self.kv_proj = nn.Linear(config.width, width, bias=False) if config.width != width else nn.Identity()
        self.attn = nn.MultiheadAttention(width, width // 128, batch_first=True)
        self.ln_q = nn.LayerNorm(width, EPS)
        self.ln_kv = nn.LayerNorm(width, EPS)

    def forward(self, x_ENW: Tensor) -> Tensor:
        """Patches of E views [E, N, W] to [E, Q, D]."""
        values = self.ln_kv(self.kv_proj(x_ENW))
        keys = values + stretched(self.pos_embed, values.shape[1])
        queries = (self.ln_q(self.query) + self.pos_embed).expand(len(values), -1, -1)
        return self.attn(queries, keys, values, need_weights=False)[0]


class VisionTower(nn.Module):
    """All views of all images at once, to the features the language model reads."""

    def __init__(self, config: MonkeyVisionConfig) -> None:
        super().__init__()
        self.views = config.views
        self.conv1 = nn.Conv2d(3, config.width, config.patch_size, config.patch_size, bias=False)
        self.positional_embedding = nn.Parameter(torch.zeros(POSITIONS, config.width))
        self.ln_pre = nn.LayerNorm(config.width, EPS)
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.layers))
        self.attn_pool = Resampler(config)
        self.ln_post = nn.LayerNorm(config.output_dim, EPS)
        self.proj = nn.Parameter(torch.zeros(config.output_dim, config.output_dim))

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Views [B * V, 3, S, S], each image's windows row by row and then the whole, to features [B, V * Q, D]."""
        patches_ENW = self.conv1(pixel_values.to(self.conv1.weight.dtype)).flatten(2).transpose(1, 2)
        placed_ENW = patches_ENW + stretched(self.positional_embedding, patches_ENW.shape[1])
        x_BVNW = self.ln_pre(placed_ENW).unflatten(0, (-1, self.views))
        for block in self.blocks:
            x_BVNW = block(x_BVNW)
        features_EQD = self.ln_post(self.attn_pool(x_BVNW.flatten(0, 1))) @ self.proj
        return features_EQD.unflatten(0, (-1, self.views)).flatten(1, 2)


def stretched(positions_MW: Tensor, count: int) -> Tensor:
    """A square of positions [M, W], row by row, made `count` positions [count, W] by bicubic interpolation."""
    side, wanted = math.isqrt(len(positions_MW)), math.isqrt(count)
    if side == wanted:
        return positions_MW
    square = positions_MW.float().unflatten(0, (1, side, side)).permute(0, 3, 1, 2)
    square = F.interpolate(square, size=(wanted, wanted), mode="bicubic", align_corners=False)
    return square.permute(0, 2, 3, 1).flatten(0, 2).to(positions_MW.dtype)


def sines(side: int, width: int) -> Tensor:
    """Fixed positions of a square [side * side, width]: the first half tells the column, the second the row."""
    rates = 10000.0 ** -(torch.arange(width // 4) / (width / 4))
    angles = torch.arange(side)[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], dim=-1)
    return torch.cat([line.repeat(side, 1), line.repeat_interleave(side, dim=0)], dim=-1)


@torch.no_grad()
def init_vision(module: nn.Module) -> None:
    """What `module` holds itself and transformers would not initialise; its parts have had their turn."""
    if isinstance(module, Adapter):
        init.ones_(module.lora_scale)
        init.kaiming_uniform_(module.lora_a.weight, a=math.sqrt(5))
        init.zeros_(module.lora_b.weight)
    elif isinstance(module, Resampler):
        count, width = module.pos_embed.shape
        init.copy_(module.pos_embed, sines(math.isqrt(count), width))
        init.trunc_normal_(module.query, std=0.02)
    elif isinstance(module, VisionTower):
        init.normal_(module.positional_embedding, std=module.positional_embedding.shape[1] ** -0.5)
        init.normal_(module.proj, std=len(module.proj) ** -0.5)
