"""Qwen-7B of the first generation over transformers' Qwen2: the same network but for what it does beyond its length.

Two things differ. Queries past the trained length are scaled by a logarithm of their place (logn attention), and the
rotation happens in float32 whatever the dtype of the network. A third, another rotary base for prompts longer than the
trained length (dynamic NTK), is not here: such prompts are refused by the processor.

Source: Yuliang-Liu/Monkey, monkey_model/modeling_qwen.py.
Shapes: B prompts, L places, D width, H heads, A width of a head.
"""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, Qwen2Model
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import Chunk, WeightConverter, WeightRenaming
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2Attention,
    Qwen2RotaryEmbedding,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

from adapters.ports.monkey.configuration import MonkeyTextConfig

Places = tuple[Tensor, Tensor, Tensor]
"""Cosines [B, L, A], sines [B, L, A], scales of the queries [B, 1, L, 1]: all in float32."""


class QwenRotaryEmbedding(Qwen2RotaryEmbedding):
    """Rotation and logn scale of each place."""

    config: MonkeyTextConfig

    @torch.no_grad()
    def forward(self, x: Tensor, position_ids: Tensor) -> Places:
        """Of the places in `position_ids` [B, L], counted from 0; of `x` only the device is used."""
        cos, sin = super().forward(x.new_empty(0, dtype=torch.float32), position_ids)
        scale = torch.log(position_ids.float() + 1) / math.log(self.config.seq_length)
        return cos, sin, scale.clamp(min=1)[:, None, :, None]


class QwenAttention(Qwen2Attention):
    """Qwen2's attention, with scaled queries outside training."""

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: Places,
        attention_mask: Tensor | None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Mixed states [B, L, D] of `hidden_states` [B, L, D], and the weights where the implementation gives them."""
        query_BHLA, key_BHLA, value_BHLA = (
            project(hidden_states).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        cos, sin, scale = position_embeddings
        turned = apply_rotary_pos_emb(query_BHLA, key_BHLA, cos, sin)
        query_BHLA, key_BHLA = (part.to(value_BHLA.dtype) for part in turned)
        if self.config.use_logn_attn and not self.training:
            query_BHLA = query_BHLA * scale.to(query_BHLA.dtype)
        if past_key_values is not None:
            key_BHLA, value_BHLA = past_key_values.update(key_BHLA, value_BHLA, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        dropout = self.attention_dropout if self.training else 0.0
        mixed, weights = attend(
            self, query_BHLA, key_BHLA, value_BHLA, attention_mask, dropout=dropout, scaling=self.scaling, **kwargs
        )
        return self.o_proj(mixed.flatten(2)), weights


class QwenModel(Qwen2Model):
    """The body of Qwen-7B, without its head."""

    config_class = MonkeyTextConfig

    def __init__(self, config: MonkeyTextConfig) -> None:
        super().__init__(config)
        self.rotary_emb = QwenRotaryEmbedding(config)
        for index, layer in enumerate(self.layers):
            layer.self_attn = QwenAttention(config, index)
        self.post_init()


_LAYER = {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "attn.c_proj": "self_attn.o_proj",
    "mlp.w1": "mlp.up_proj",
    "mlp.w2": "mlp.gate_proj",
    "mlp.c_proj": "mlp.down_proj",
}


def register_published_names(model_class: str) -> None:
    """Teach transformers to read and write the published names of the weights of Monkey."""
    parts = {"visual": "visual", "wte": "language_model.embed_tokens", "ln_f": "language_model.norm"}
    parts["h"] = "language_model.layers"
    names = [WeightRenaming(rf"^transformer\.{old}\.", f"model.{new}.") for old, new in parts.items()]
    names.append(WeightRenaming(r"visual\.transformer\.resblocks\.", "visual.blocks."))
    # The blocks of the vision tower have an ln_1 and an mlp.c_proj too: hence the number of the layer.
    names += [WeightRenaming(rf"layers\.(\d+)\.{old}\.", rf"layers.\1.{new}.") for old, new in _LAYER.items()]
    fused = [
        WeightConverter(f"attn.c_attn.{kind}", [f"self_attn.{part}_proj.{kind}" for part in "qkv"], [Chunk(dim=0)])
        for kind in ("weight", "bias")
    ]
    register_checkpoint_conversion_mapping(model_class, [*names, *fused], overwrite=True)
