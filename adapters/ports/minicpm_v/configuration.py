"""The published configuration: Llama's fields at the top, the vision tower's in `vision_config`.

Source: openbmb/MiniCPM-Llama3-V-2_5, config.json and configuration_minicpm.py.
"""

from typing import Any, ClassVar

from transformers import LlamaConfig, PreTrainedConfig
from transformers.models.idefics2.configuration_idefics2 import Idefics2VisionConfig

VERSION = "2.5"


class MiniCPMVVisionConfig(Idefics2VisionConfig):
    """SigLIP-400M of Idefics2, under the model type the published file gives it."""

    model_type = "idefics2"

    hidden_size: int = 1152
    image_size: int = 980
    intermediate_size: int = 4304
    num_attention_heads: int = 16
    num_hidden_layers: int = 27
    patch_size: int = 14


class MiniCPMVConfig(LlamaConfig):
    """Llama-3 that reads images.

    Args:
        version: of MiniCPM-V; all versions share one model type, and only 2.5 is read here.
        vision_config: of the vision tower.
        query_num: image tokens per view.
        drop_vision_last_layer: whether the last layer of the vision tower is left out.
        batch_vision_input: whether the views of an image are padded to the largest of them.
        image_token_id: what stands at the image positions; the published file does not say it, the published code
            writes <unk> there.

    Raises:
        ValueError: another version of MiniCPM-V.
    """

    model_type = "minicpmv"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"vision_config": MiniCPMVVisionConfig}

    version: str | float = VERSION
    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    query_num: int = 96
    drop_vision_last_layer: bool = True
    batch_vision_input: bool = True
    image_token_id: int = 128002

    def __post_init__(self, **kwargs: Any) -> None:
        if str(self.version) != VERSION:
            raise ValueError(
                f"this is MiniCPM-V {self.version}, but only MiniCPM-Llama3-V {VERSION} can be read here: "
                "take openbmb/MiniCPM-Llama3-V-2_5."
            )
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = MiniCPMVVisionConfig(**(self.vision_config or {}))
        super().__post_init__(**kwargs)

    @property
    def text_config(self) -> "MiniCPMVConfig":
        """The language model's fields are those at the top."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """As published: the base of the rotary positions at the top, where upstream's code looks for it."""
        fields: dict[str, Any] = super().to_dict()
        rope = fields.pop("rope_parameters", None) or {}
        plain = rope.get("rope_type", "default") == "default"
        return fields | {"rope_theta": rope.get("rope_theta"), "rope_scaling": None if plain else rope}
