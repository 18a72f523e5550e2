"""NVILA's configuration, and how the older checkpoint in parts is read as one.

Source: NVlabs/VILA, llava/model/configuration_llava.py and llava/model/language_model/builder.py; for the layout in one
piece, sgl-project/sglang, python/sglang/srt/models/nvila.py.
"""

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig, Qwen2Config, SiglipVisionConfig

MEDIA_TOKENS = ("<vila/sentinel>", "<image>", "<vila/video>")
"""What the original adds to the vocabulary of a checkpoint in parts, in this order, each time it loads one."""
_PROJECTOR = "mlp_downsample"


class NVILAConfig(PreTrainedConfig):
    """SigLIP, a projector that folds 2 x 2 patches, Qwen2; the defaults are NVILA-8B's.

    Raises:
        ValueError: it describes another member of the family, whose projector or scales are not here.
    """

    model_type = "nvila"
    sub_configs = {"text_config": Qwen2Config, "vision_config": SiglipVisionConfig}  # noqa: RUF012 - as transformers

    text_config: Any = None
    vision_config: Any = None
    image_token_id: int = 151649
    video_token_id: int = 151650
    mm_projector_type: str = _PROJECTOR
    mm_vision_select_layer: int = -2
    """Which hidden state of the tower is read; 0 is its embeddings."""
    s2_scales: list[int] | tuple[int, ...] = (448, 896, 1344)
    """Sides in pixels, multiples of the first, which is a tile's; the last says only how many tiles it has at least."""
    max_tiles: int = 12
    """Of the last scale."""
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.text_config, Qwen2Config):
            self.text_config = Qwen2Config(**(self.text_config or {}))
        if not isinstance(self.vision_config, SiglipVisionConfig):
            self.vision_config = SiglipVisionConfig(**(self.vision_config or {}))
        super().__post_init__(**kwargs)
        self._check()

    def _check(self) -> None:
        if any("Lite" in name for name in self.architectures or ()):
            raise ValueError("it is an NVILA-Lite, whose projector folds 3 x 3 patches of one scale; NVILA-8B is not.")
        if self.mm_projector_type != _PROJECTOR:
            raise ValueError(f"the projector '{self.mm_projector_type}' is not NVILA-8B's, '{_PROJECTOR}'.")
        tile = self.s2_scales[0]
        if tile < 1 or any(scale % tile for scale in self.s2_scales):
            raise ValueError(f"the scales {self.s2_scales} are not multiples of the first, the side of a tile.")
        if self.max_tiles < (self.s2_scales[-1] // tile) ** 2:
            raise ValueError(f"{self.max_tiles} tiles are too few for a square of side {self.s2_scales[-1]}.")


class NVILAPartsConfig(NVILAConfig):
    """The same, read from the config.json of a checkpoint in parts: llm/, vision_tower/ and mm_projector/."""

    model_type = "llava_llama"

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As of transformers; a dictionary in the original's words is put into ours first."""
        joined = _joined(config_dict) if "llm_cfg" in config_dict else config_dict
        return super().from_dict(joined, **kwargs)

    def whole(self) -> NVILAConfig:
        """The configuration of the same network in one piece."""
        fields = {name: value for name, value in self.to_dict().items() if name != "model_type"}
        return NVILAConfig(**fields)


def _joined(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The original's words in ours.

    Raises:
        ValueError: one of them means what is not here.
    """
    text, vision, projector = (_part(parts, name) for name in ("llm_cfg", "vision_tower_cfg", "mm_projector_cfg"))
    scales = sorted(int(scale) for scale in str(parts.get("s2_scales") or "0").split(","))
    wanted: dict[str, tuple[Any, ...]] = {
        "image_aspect_ratio": ("dynamic_s2",),
        "dynamic_s2": (True,),
        "mm_vision_select_feature": ("cls_patch",),
        "s2_resize_output_to_scale_idx": (-1, len(scales) - 1),
    }
    for name, known in wanted.items():
        if parts.get(name) not in known:
            raise ValueError(
                f"'{name}' is {parts.get(name)!r}, but NVILA-8B, which alone is read here, has {known[0]!r}."
            )
    rows = text["vocab_size"]
    return {
        "text_config": text | {"vocab_size": rows + len(MEDIA_TOKENS)},
        "vision_config": vision,
        "image_token_id": rows + MEDIA_TOKENS.index("<image>"),
        "video_token_id": rows + MEDIA_TOKENS.index("<vila/video>"),
        "mm_projector_type": projector.get("mm_projector_type"),
        "mm_vision_select_layer": parts["mm_vision_select_layer"],
        "s2_scales": scales,
        "max_tiles": parts.get("max_tiles") or 12,
    }


def _part(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = parts.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"config.json says {part!r} under '{name}', where the original writes a whole configuration.")
    return part
