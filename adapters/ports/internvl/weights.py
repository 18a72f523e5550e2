"""From the names and shapes of the published weights to those of transformers' networks, and back when saving.

Source of the published ones: OpenGVLab/InternVL, internvl_chat/internvl/model/internlm2/modeling_internlm2.py and
internvl_chat/modeling_intern_vit.py, modeling_internvl_chat.py next to it.
"""

from typing import Any

import torch
from torch import Tensor
from transformers.core_model_loading import Chunk, ConversionOps, WeightConverter, WeightRenaming

_PARTS = {
    r"^language_model\.output\.": r"^lm_head\.",
    r"^language_model\.model\.": r"^model\.language_model\.",
    r"^vision_model\.": r"^model\.vision_tower\.",
    r"^mlp1\.0\.": r"^model\.multi_modal_projector\.layer_norm\.",
    r"^mlp1\.1\.": r"^model\.multi_modal_projector\.linear_1\.",
    r"^mlp1\.3\.": r"^model\.multi_modal_projector\.linear_2\.",
}
_INTERNLM2 = {
    r"\.tok_embeddings\.": r"\.embed_tokens\.",
    r"\.attention\.wo\.": r"\.self_attn\.o_proj\.",
    r"\.feed_forward\.w1\.": r"\.mlp\.gate_proj\.",
    r"\.feed_forward\.w2\.": r"\.mlp\.down_proj\.",
    r"\.feed_forward\.w3\.": r"\.mlp\.up_proj\.",
    r"\.attention_norm\.": r"\.input_layernorm\.",
    r"\.ffn_norm\.": r"\.post_attention_layernorm\.",
}
_INTERN_VIT = {
    r"\.embeddings\.class_embedding$": r"\.embeddings\.cls_token$",
    r"\.embeddings\.position_embedding$": r"\.embeddings\.position_embeddings$",
    r"\.embeddings\.patch_embedding\.": r"\.embeddings\.patch_embeddings\.projection\.",
    r"\.encoder\.layers\.": r"\.encoder\.layer\.",
    r"\.attn\.proj\.": r"\.attention\.projection_layer\.",
    r"\.attn\.q_norm\.": r"\.attention\.q_norm\.",
    r"\.attn\.k_norm\.": r"\.attention\.k_norm\.",
    r"\.norm1\.": r"\.layernorm_before\.",
    r"\.norm2\.": r"\.layernorm_after\.",
    r"\.ls1$": r"\.lambda_1$",
    r"\.ls2$": r"\.lambda_2$",
}


class SplitGroups(ConversionOps):
    """One matrix into those of queries, keys and values.

    Its rows are ordered by key head: the queries that share it, then the key, then the value.
    """

    @torch.no_grad()
    def convert(self, input_dict: Any, target_patterns: list[str], config: Any, **kwargs: Any) -> dict[str, Tensor]:
        """From {pattern: [fused]} to {pattern: part} for the three `target_patterns`."""
        (fused,) = input_dict.popitem()[1]
        queries, keys, values = fused.view(*_groups(config), *fused.shape[1:]).split((_shared(config), 1, 1), dim=1)
        parts = (part.flatten(0, 2).contiguous() for part in (queries, keys, values))
        return dict(zip(target_patterns, parts, strict=True))

    @property
    def reverse_op(self) -> ConversionOps:
        """What saving does."""
        return JoinGroups()


class JoinGroups(ConversionOps):
    """The reverse of `SplitGroups`."""

    @torch.no_grad()
    def convert(
        self, input_dict: Any, source_patterns: list[str], target_patterns: list[str], config: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """From {pattern: [part]} for the three `source_patterns` to {pattern: fused}."""
        heads, _, width = _groups(config)
        parts = [input_dict.pop(pattern)[0] for pattern in source_patterns]
        grouped = [part.view(heads, -1, width, *part.shape[1:]) for part in parts]
        return {target_patterns[0]: torch.cat(grouped, dim=1).flatten(0, 2)}

    @property
    def reverse_op(self) -> ConversionOps:
        """What loading does."""
        return SplitGroups()


def _shared(config: Any) -> int:
    """Query heads per key head."""
    return config.text_config.num_attention_heads // config.text_config.num_key_value_heads


def _groups(config: Any) -> tuple[int, int, int]:
    """Key heads, heads in the group of each, width of a head."""
    return config.text_config.num_key_value_heads, _shared(config) + 2, config.text_config.head_dim


def _three(place: str) -> list[str]:
    return [rf"\.{place}\.{letter}_proj\." for letter in "qkv"]


def published_layout() -> list[WeightRenaming | WeightConverter]:
    """What loading does to the published weights; saving does the reverse."""
    renamed = _PARTS | _INTERNLM2 | _INTERN_VIT
    return [
        *(WeightRenaming(published, here) for published, here in renamed.items()),
        WeightConverter(r"\.attn\.qkv\.", _three("attention"), operations=[Chunk(dim=0)]),
        WeightConverter(r"\.attention\.wqkv\.", _three("self_attn"), operations=[SplitGroups()]),
    ]
