"""Monkey's published config.json, and what transformers wants to know of its two parts.

Source: Yuliang-Liu/Monkey, monkey_model/config.json and configuration_qwen.py.
"""

from typing import Any, ClassVar

from transformers import PreTrainedConfig, Qwen2Config

IMAGE_PAD_OFFSET = 2
"""`<img>`, `</img>` and `<imgpad>` follow each other; the published file names the first."""
_DERIVED = ("text_config", "vision_config", "image_token_id")
_AS_PUBLISHED: dict[str, Any] = {"rotary_pct": 1.0, "no_bias": True, "scale_attn_weights": True}


class MonkeyVisionConfig(PreTrainedConfig):
    """The vision tower of one view of the image, and how many views there are."""

    model_type = "monkey_vision"
    base_config_key = "vision_config"

    image_size: int = 896
    """Pixels of the whole image; a window has half of them."""
    patch_size: int = 14
    width: int = 1664
    layers: int = 48
    heads: int = 16
    mlp_ratio: float = 4.9231
    output_dim: int = 4096
    n_queries: int = 256
    """Tokens per view, a square number."""
    lora_repeat_num: int = 4
    """Windows, each with low-rank adapters of its own; the whole image is one more view, without."""
    initializer_range: float = 0.02

    @property
    def window_size(self) -> int:
        """Pixels of a view: of a window, and of the whole image made small."""
        return self.image_size // 2

    @property
    def views(self) -> int:
        """Windows and the whole image."""
        return self.lora_repeat_num + 1


class MonkeyTextConfig(Qwen2Config):
    """Qwen-7B, of the first generation, in the words of Qwen2."""

    model_type = "monkey_text"
    base_config_key = "text_config"

    seq_length: int = 2048
    """Places it was trained on; beyond them queries are scaled by a logarithm."""
    use_logn_attn: bool = True


class MonkeyConfig(PreTrainedConfig):
    """The published fields; `text_config` and `vision_config` are made of them and not saved.

    Args:
        image_token_id: of `<imgpad>`; left out, it follows from `visual["image_start_id"]`.

    Raises:
        ValueError: the file asks for a variant of Qwen-1 that Monkey never was.
    """

    model_type = "monkey"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"text_config": MonkeyTextConfig}
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    vocab_size: int = 151936
    hidden_size: int = 4096
    intermediate_size: int = 22016
    """Of gate and up projection together."""
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    kv_channels: int = 128
    layer_norm_epsilon: float = 1e-6
    initializer_range: float = 0.02
    max_position_embeddings: int = 8192
    seq_length: int = 2048
    rotary_emb_base: float | int = 10000
    use_dynamic_ntk: bool = True
    use_logn_attn: bool = True
    tie_word_embeddings: bool = False
    visual: dict[str, Any] | None = None
    image_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        for field, only in _AS_PUBLISHED.items():
            if kwargs.get(field, only) != only:
                raise ValueError(f"{field} = {kwargs[field]!r} is not Monkey's; the port knows {only!r} only")
        if self.kv_channels * self.num_attention_heads != self.hidden_size:
            raise ValueError("kv_channels times num_attention_heads must be hidden_size")
        self.visual = {"image_start_id": self.vocab_size - 3} | dict(self.visual or {})
        if self.image_token_id is None:
            self.image_token_id = self.visual["image_start_id"] + IMAGE_PAD_OFFSET
        self.visual["image_start_id"] = self.image_token_id - IMAGE_PAD_OFFSET
        super().__post_init__(**kwargs)
        self.text_config = self._text()
        self.vision_config = MonkeyVisionConfig(**self.visual, initializer_range=self.initializer_range)

    def _text(self) -> MonkeyTextConfig:
        return MonkeyTextConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size // 2,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_attention_heads,
            rms_norm_eps=self.layer_norm_epsilon,
            initializer_range=self.initializer_range,
            max_position_embeddings=self.max_position_embeddings,
            rope_parameters={"rope_type": "default", "rope_theta": float(self.rotary_emb_base)},
            seq_length=self.seq_length,
            use_logn_attn=self.use_logn_attn,
        )

    def to_dict(self) -> dict[str, Any]:
        """The published layout."""
        fields: dict[str, Any] = super().to_dict()
        return {name: value for name, value in fields.items() if name not in _DERIVED}
