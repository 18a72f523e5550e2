"""From the patches of a view to a fixed number of image tokens, by one cross attention of learnt queries.

Source: openbmb/MiniCPM-Llama3-V-2_5, resampler.py. Shapes: S views, N patches of the largest view, Q queries, W width
of the vision tower, D width of the language model.
"""

import torch
from torch import Tensor, nn

HEAD = 128
"""Numbers per attention head; the published configuration does not hold it."""
EPSILON = 1e-6


class Resampler(nn.Module):
    """Learnt queries read patches, whose keys say where in the view they are.

    Args:
        queries: tokens per view.
        width: of the tokens, a multiple of 128.
        patch_width: of the patches.

    Raises:
        ValueError: the width is no multiple of 128.
    """

    def __init__(self, queries: int, width: int, patch_width: int) -> None:
        super().__init__()
        if width % HEAD:
            raise ValueError(f"hidden_size {width} must be a multiple of {HEAD}, the width of a head of the resampler")
        self.query = nn.Parameter(torch.empty(queries, width))
        self.kv_proj = nn.Identity() if patch_width == width else nn.Linear(patch_width, width, bias=False)
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_q = nn.LayerNorm(width, eps=EPSILON)
        self.ln_kv = nn.LayerNorm(width, eps=EPSILON)
        self.ln_post = nn.LayerNorm(width, eps=EPSILON)
        self.proj = nn.Parameter(torch.empty(width, width))

    def forward(self, patches_SNW: Tensor, grids_S2: Tensor) -> Tensor:
        """Tokens [S, Q, D] of views whose patches fill grids of rows and columns; what lies beyond is not read."""
        values_SND = self.ln_kv(self.kv_proj(patches_SNW))
        count = patches_SNW.shape[1]
        keys_SND = values_SND + grid_positions(grids_S2, count, values_SND.shape[-1], values_SND.dtype)
        beyond_SN = torch.arange(count, device=grids_S2.device) >= grids_S2.prod(dim=1, keepdim=True)
        queries_SQD = self.ln_q(self.query).expand(len(grids_S2), -1, -1)
        tokens_SQD, _ = self.attn(queries_SQD, keys_SND, values_SND, key_padding_mask=beyond_SN, need_weights=False)
        projected_SQD: Tensor = self.ln_post(tokens_SQD) @ self.proj
        return projected_SQD


def grid_positions(grids_S2: Tensor, count: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sine and cosine codes [S, count, width] of patches row by row: one half says the column, the other the row."""
    places_N = torch.arange(count, device=grids_S2.device)
    columns_S1 = grids_S2[:, 1:]
    longest = max(int(grids_S2.max()), 1 + count // int(columns_S1.min()))
    table_KE = _sincos(longest, width // 2, grids_S2.device).to(dtype)
    return torch.cat([table_KE[places_N % columns_S1], table_KE[places_N // columns_S1]], dim=-1)


def _sincos(count: int, width: int, device: torch.device) -> Tensor:
    """Codes [count, width] of the numbers from 0, in float32: sines, then cosines, of ever slower waves."""
    waves = torch.arange(width // 2, dtype=torch.float32, device=device) / (width / 2)
    angles = torch.arange(count, dtype=torch.float32, device=device)[:, None] * (1 / 10000**waves)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
