"""The published config.json of InternVL2.5: its fields under their own names, read by transformers' own networks.

Source: OpenGVLab/InternVL, internvl_chat/internvl/model/internvl_chat/configuration_internvl_chat.py,
configuration_intern_vit.py and ../internlm2/configuration_internlm2.py; a field left out has the default it has there.
"""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import InternVLConfig, InternVLVisionConfig, LlamaConfig, PreTrainedConfig

LANGUAGE_MODEL = "InternLM2ForCausalLM"
AFTER_IMAGE_TOKEN = 7
"""<IMG_CONTEXT> and the six tokens after it are the last of the vocabulary; no published file says its id."""
_UNPUBLISHED = ("image_seq_length", "projector_hidden_act", "vision_feature_select_strategy")


@strict
class InternVisionConfig(InternVLVisionConfig):
    """InternViT; the defaults are those of the 6B one, the published 300M one writes all that differs."""

    model_type = "intern_vit_6b"
    attribute_map: ClassVar[dict[str, str]] = {
        "attention_bias": "qkv_bias",
        "use_qk_norm": "qk_normalization",
        "layer_scale_init_value": "initializer_factor",
        "projection_dropout": "dropout",
    }

    hidden_size: int = 3200
    num_hidden_layers: int = 48
    num_attention_heads: int = 25
    intermediate_size: int = 12800
    image_size: int | list[int] | tuple[int, ...] = 224
    patch_size: int | list[int] | tuple[int, ...] = 14
    norm_type: str = "rms_norm"
    qkv_bias: bool = False
    qk_normalization: bool = True
    initializer_factor: float = 0.1
    dropout: float | int = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The fields as published: pictures and patches are squares, so one side is written."""
        fields = super().to_dict()
        return fields | {name: fields[name][0] for name in ("image_size", "patch_size")}


@strict
class InternLM2Config(LlamaConfig):
    """InternLM2 is Llama with one matrix for queries, keys and values; the dynamic rotary scaling is Llama's too."""

    model_type = "internlm2"
    attribute_map: ClassVar[dict[str, str]] = {"attention_bias": "bias"}

    vocab_size: int = 103168
    bias: bool = True
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        """As of Llama, without the published wish for flash attention, which is the caller's choice."""
        kwargs.pop("attn_implementation", None)
        super().__post_init__(**kwargs)

    def to_dict(self) -> dict[str, Any]:
        """The fields as published: the rotary ones on their own."""
        fields = super().to_dict()
        rope = fields.pop("rope_parameters")
        scaling = None if rope["rope_type"] == "default" else {"type": rope["rope_type"], "factor": rope["factor"]}
        return fields | {"rope_theta": rope["rope_theta"], "rope_scaling": scaling}


@strict
class InternVLChatConfig(InternVLConfig):
    """InternViT, a pixel shuffle with a projector, InternLM2.

    Args:
        text_config: of the language model, published as `llm_config`.
        vision_config: of the vision tower.
        select_layer: the hidden state of the tower that is read; transformers calls it `vision_feature_layer`.
        force_image_size: the side of a tile in pixels, where it is not the tower's own.
        dynamic_image_size: whether a picture is cut into tiles at all.
        use_thumbnail: whether the whole picture follows its tiles.
        min_dynamic_patch, max_dynamic_patch: how many tiles there may be, the thumbnail not counted.
        ps_version: of the pixel shuffle; "v1" gives transposed pictures and is not here.
        template: name of the conversation the checkpoint was trained with.
        image_token_id: the id of <IMG_CONTEXT>, by default counted from the end of the vocabulary.

    Raises:
        ValueError: another language model than InternLM2.
    """

    model_type = "internvl_chat"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "text_config": InternLM2Config,
        "vision_config": InternVisionConfig,
    }
    attribute_map: ClassVar[dict[str, str]] = {"llm_config": "text_config", "vision_feature_layer": "select_layer"}

    text_config: Any = None
    vision_config: Any = None
    select_layer: int = -1
    force_image_size: int | None = None
    dynamic_image_size: bool = False
    use_thumbnail: bool = False
    min_dynamic_patch: int = 1
    max_dynamic_patch: int = 6
    ps_version: str = "v1"
    template: str | None = None
    image_token_id: int | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        text = kwargs.pop("llm_config", None) or self.text_config or {}
        if not isinstance(text, PreTrainedConfig):
            if text.get("architectures", [LANGUAGE_MODEL])[0] != LANGUAGE_MODEL:
                raise ValueError(
                    f"its language model is {text['architectures'][0]}, but only InternVL checkpoints with InternLM2 "
                    "are read here, InternVL2.5-8B among them."
                )
            # Were it a default of the class, transformers would leave it out of the file, where the original wants it.
            text = InternLM2Config(**{"architectures": [LANGUAGE_MODEL]} | text)
        self.text_config = text
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = InternVisionConfig(**(self.vision_config or {}))
        if self.image_token_id is None:
            self.image_token_id = text.vocab_size - AFTER_IMAGE_TOKEN
        super().__post_init__(**kwargs)
        self.image_seq_length = int((self.tile_size // self.vision_config.patch_size[0] * self.downsample_ratio) ** 2)

    @property
    def tile_size(self) -> int:
        """The side of a tile in pixels; `image_seq_length` features come of one."""
        side: int = self.force_image_size or self.vision_config.image_size[0]
        return side

    def to_dict(self) -> dict[str, Any]:
        """The fields under their published names, which the original code and vLLM read again."""
        fields = {name: value for name, value in super().to_dict().items() if name not in _UNPUBLISHED}
        fields["llm_config"] = fields.pop("text_config")
        return fields
