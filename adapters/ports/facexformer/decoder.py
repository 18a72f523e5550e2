"""FaceXFormer's decoder: a token per task and the features of the face attend to each other, twice; then heads.

Upstream took it from Segment Anything. Source: Kartik-3004/facexformer (MIT), network/models/transformer.py and
FaceDecoder in facexformer.py. Shapes: B faces, T tokens, P places, D width.
"""

from typing import Any

from torch import Tensor, cat, nn
from torch.nn import functional as F

from adapters.ports.facexformer.configuration import HEADS, FaceXFormerConfig

TOKENS = ("landmarks", "pose", "attribute", "visibility", "age", "gender", "race")
"""The tasks in the order of their tokens; all take part, for tokens attend to one another."""
MASK_TOKENS = 11
"""Of face parsing, behind the others."""


class Attention(nn.Module):
    """Attention of queries [B, Q, D] to keys and values [B, K, D], within `inner` channels."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q_BQD: Tensor, k_BKD: Tensor, v_BKD: Tensor) -> Tensor:
        """What the queries find, [B, Q, D]."""
        q, k, v = (
            project(rows).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, rows in ((self.q_proj, q_BQD), (self.k_proj, k_BKD), (self.v_proj, v_BKD))
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class MLPBlock(nn.Module):
    """Two linear layers; the only place with the names lin1 and lin2."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape as `x`."""
        return self.lin2(F.relu(self.lin1(x)))


class TwoWayLayer(nn.Module):
    """Tokens attend to themselves and to the places, then the places to the tokens."""

    def __init__(self, config: FaceXFormerConfig, first: bool) -> None:
        super().__init__()
        width, heads = config.width, config.decoder_heads
        self.first = first
        self.self_attn = Attention(width, heads, width)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, width // 2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLPBlock(width, config.decoder_mlp)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, width // 2)

    def forward(
        self, tokens_BTD: Tensor, places_BPD: Tensor, names_BTD: Tensor, where_PD: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens and places after this layer; `names` are the tokens as they were, `where` the places' positions."""
        tokens = self.norm1(self._among_themselves(tokens_BTD, names_BTD))
        found = self.cross_attn_token_to_image(tokens + names_BTD, places_BPD + where_PD, places_BPD)
        tokens = self.norm2(tokens + found)
        tokens = self.norm3(tokens + self.mlp(tokens))
        found = self.cross_attn_image_to_token(places_BPD + where_PD, tokens + names_BTD, tokens)
        return tokens, self.norm4(places_BPD + found)

    def _among_themselves(self, tokens: Tensor, names: Tensor) -> Tensor:
        if self.first:  # the tokens are still their names, and upstream leaves out the residual too
            return self.self_attn(tokens, tokens, tokens)
        named = tokens + names
        return tokens + self.self_attn(named, named, tokens)


class TwoWayTransformer(nn.Module):
    """All layers, and a last look of the tokens at the places."""

    def __init__(self, config: FaceXFormerConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList(TwoWayLayer(config, first=at == 0) for at in range(config.decoder_layers))
        self.final_attn_token_to_image = Attention(width, config.decoder_heads, width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, places_BPD: Tensor, where_PD: Tensor, names_BTD: Tensor) -> Tensor:
        """What each token has found, [B, T, D]."""
        tokens = names_BTD
        for layer in self.layers:
            tokens, places_BPD = layer(tokens, places_BPD, names_BTD, where_PD)
        found = self.final_attn_token_to_image(tokens + names_BTD, places_BPD + where_PD, places_BPD)
        return self.norm_final_attn(tokens + found)


class Head(nn.Module):
    """Three linear layers from a token to its logits."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, size) for size in (width, width, labels))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, labels]."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class FaceDecoder(nn.Module):
    """The tokens of all tasks, and the heads of those that are read here."""

    def __init__(self, config: FaceXFormerConfig) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(config)
        for task in TOKENS:
            self.add_module(f"{task}_token", nn.Embedding(1, config.width))
        self.mask_tokens = nn.Embedding(MASK_TOKENS, config.width)
        for task, labels in HEADS.items():
            self.add_module(f"{task}_prediction_head", Head(config.width, labels))

    def forward(self, places_BPD: Tensor, where_PD: Tensor) -> dict[str, Tensor]:
        """Logits [B, labels] of each of `HEADS`."""
        tokens: list[Any] = [self.get_submodule(f"{task}_token") for task in TOKENS]
        names_TD = cat([token.weight for token in (*tokens, self.mask_tokens)])
        found = self.transformer(places_BPD, where_PD, names_TD.expand(len(places_BPD), -1, -1))
        return {task: self.get_submodule(f"{task}_prediction_head")(found[:, TOKENS.index(task)]) for task in HEADS}
