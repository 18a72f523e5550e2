"""The published config.json of Phi-3.5-Vision: Phi-3's fields at the top, the image side in two dictionaries.

Source: 2U1/Phi3-Vision-Finetune, src/model/Phi3_5_vision/configuration_phi3_v.py (a copy of the published code) and,
for the tower, whose sizes are written in the code and not in the file, modeling_phi3_v.py next to it.
"""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import CLIPVisionConfig, Phi3Config, PreTrainedConfig

TOWER: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
"""CLIP ViT-L/14-336."""
IMAGE_SIDE: dict[str, Any] = {
    "name": "clip_vision_model",
    "model_name": "openai/clip-vit-large-patch14-336",
    "image_dim_out": 1024,
    "num_img_tokens": 144,
}
LAYOUT: dict[str, Any] = {
    "embedding_cls": "image",
    "hd_transform_order": "sub_glb",
    "projection_cls": "mlp",
    "use_hd_transform": True,
    "with_learnable_separator": True,
}
FACTORS = ("long_factor", "short_factor")
"""Of the rotary positions, one number per frequency."""


@strict
class Phi3VConfig(Phi3Config):
    """Configuration of the whole; it is also that of its language model, as the published file has it.

    Args:
        img_processor: the tower; `vision_config` in it holds what differs from CLIP ViT-L/14-336 (the published file
            has none), `layer_idx` the layer that is read, by default the last but one.
        embd_layer: how crops become a sequence; only the published layout is known here.
        image_token_id: the id at the image positions; the original has negative ids there, which fit no tokenizer.

    Raises:
        ValueError: a layout or a rotary scaling that was never published under this name, or sizes that contradict.
    """

    model_type = "phi3_v"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"vision_config": CLIPVisionConfig}

    img_processor: dict[str, Any] | None = None
    embd_layer: dict[str, Any] | str | None = None
    image_token_id: int = 32044

    def __post_init__(self, **kwargs: Any) -> None:
        """Build the tower's configuration; which attention is used is the caller's choice, not the file's."""
        kwargs.pop("_attn_implementation", None)
        self.img_processor = dict(IMAGE_SIDE) if self.img_processor is None else self.img_processor
        self.embd_layer = dict(LAYOUT) if self.embd_layer is None else self.embd_layer
        self.vision_config: Any = CLIPVisionConfig(**TOWER | self.img_processor.get("vision_config", {}))
        self._check()
        super().__post_init__(**kwargs | {"rope_scaling": self._longrope(kwargs.get("rope_scaling"))})

    @property
    def text_config(self) -> "Phi3VConfig":
        """Itself: the language model's fields stand at the top."""
        return self

    @property
    def long_rope(self) -> bool:
        """Whether rows beyond the original length have rotary factors of their own."""
        return bool(self.rope_parameters and self.rope_parameters["rope_type"] == "longrope")

    def to_dict(self) -> dict[str, Any]:
        """The fields under their published names, which the original code and vLLM can read again."""
        fields = super().to_dict()
        fields.pop("vision_config", None)
        rope = fields.pop("rope_parameters")
        fields["rope_theta"] = rope["rope_theta"]
        factors = {name: rope.get(name) for name in FACTORS}
        fields["rope_scaling"] = {**factors, "type": "su"} if self.long_rope else None
        return fields

    def _check(self) -> None:
        assert self.img_processor is not None
        if self.embd_layer != LAYOUT:
            raise ValueError(f"embd_layer is {self.embd_layer}, but this port reads crops as published: {LAYOUT}")
        tower, side = self.vision_config, self.img_processor
        tokens = (tower.image_size // tower.patch_size // 2) ** 2
        if (side["image_dim_out"], side["num_img_tokens"]) != (tower.hidden_size, tokens):
            raise ValueError(
                f"img_processor promises {side['num_img_tokens']} features of width {side['image_dim_out']} per crop, "
                f"but its tower gives {tokens} of width {tower.hidden_size}: put its sizes into 'vision_config'"
            )

    def _longrope(self, scaling: dict[str, Any] | None) -> dict[str, Any] | None:
        """The published scaling in transformers' words; version 5.19 renames 'su' itself, too late to complete it."""
        if scaling is None:
            return None
        if scaling.get("type") != "su":
            raise ValueError(f"rope_scaling is of type '{scaling.get('type')}', but that of Phi-3.5-Vision is 'su'")
        factor = self.max_position_embeddings / self.original_max_position_embeddings
        return {"rope_type": "longrope", "factor": factor, **{name: scaling[name] for name in FACTORS}}
