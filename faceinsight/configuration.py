"""The configuration of FaceInsight: LLaVA's, and what the paper adds to it. What is not configured is not there.

Without `seg_config` there is no segmentation tower, with `gcn_layers` 0 no graph, without characteristics no knowledge
tokens; with none of the three it is LLaVA. So the ablations of the paper (figure 8a) are configurations.
"""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, LlavaConfig, PreTrainedConfig
from transformers.models.auto import CONFIG_MAPPING

from faceinsight.labels import Characteristic, JointLabels
from faceinsight.rules import Rules


@strict
class FaceInsightConfig(LlavaConfig):
    """LLaVA's fields and those below.

    Args:
        seg_config: the ViT that sees the coloured segmentation map; None is none.
        characteristics: the K columns of the joint label space, in the order of the knowledge tokens.
        knowledge_token_index: the id that stands where a knowledge token goes.
        yes_token_index, no_token_index: the ids whose logits a knowledge token compares: P(y) = sigmoid(yes - no).
        knowledge_width: width T of the text features.
        gcn_layers: L of eq. 8; 0 leaves the graph out, and the knowledge tokens are the adapted text features.
        negative_slope: of the leaky rectifier rho of eq. 8.
        tau, omega: with which the stored map was made (eq. 6, 7).
        rules: of eq. 9, as faceinsight.rules writes them; None is none.
        logic_weight: weight of eq. 9 in eq. 4; the paper's is 1.
        lm_weight: weight of the language-model loss on written answers. A departure: the paper has no such term, so 0.
        parts: where the frozen parts came from, so that a checkpoint of adapters alone finds them again.

    Raises:
        ValueError: the two towers see pictures of different sizes, or a token stands for two things.
    """

    model_type = "faceinsight"
    attribute_map: ClassVar[dict[str, str]] = {
        "image_token_id": "image_token_index",
        "knowledge_token_id": "knowledge_token_index",
    }
    sub_configs: ClassVar[dict[str, Any]] = {
        "text_config": AutoConfig,
        "vision_config": AutoConfig,
        "seg_config": AutoConfig,
    }

    seg_config: dict[str, Any] | PreTrainedConfig | None = None
    characteristics: list[dict[str, Any]] | None = None
    knowledge_token_index: int = 32002
    yes_token_index: int = 3869
    no_token_index: int = 1939
    knowledge_width: int = 768
    gcn_layers: int = 2
    negative_slope: float = 0.2
    tau: float = 0.4
    omega: float = 0.8
    rules: dict[str, Any] | None = None
    logic_weight: float = 1.0
    lm_weight: float = 0.0
    parts: dict[str, Any] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Build the configuration of the segmentation tower, and check that all fits together."""
        if isinstance(self.seg_config, dict):
            kind = self.seg_config.get("model_type", "clip_vision_model")
            self.seg_config = CONFIG_MAPPING[kind](**self.seg_config)
        super().__post_init__(**kwargs)
        self._check()

    @property
    def labels(self) -> JointLabels:
        """The K characteristics as records."""
        rows = self.characteristics or []
        return JointLabels(characteristics=tuple(Characteristic.model_validate(row) for row in rows))

    @property
    def rule_set(self) -> Rules:
        """The rules as records."""
        return Rules.model_validate(self.rules or {})

    @property
    def image_tokens(self) -> int:
        """Tokens of the picture and of its map together."""
        picture = _patches(self.vision_config) + (self.vision_feature_select_strategy == "full")
        return picture + self.seg_tokens

    @property
    def seg_tokens(self) -> int:
        """Tokens of the segmentation map."""
        return _patches(self.seg_config) if self.seg_config else 0

    def _check(self) -> None:
        tower, seg = self.vision_config, self.seg_config
        assert isinstance(tower, PreTrainedConfig)
        if isinstance(seg, PreTrainedConfig) and seg.image_size != tower.image_size:
            raise ValueError(
                f"the segmentation tower sees {seg.image_size} pixels and the image tower {tower.image_size}: "
                "map and face are prepared alike, so choose two towers of one size"
            )
        if len({self.image_token_index, self.knowledge_token_index, self.yes_token_index, self.no_token_index}) < 4:
            raise ValueError("image, knowledge, yes and no must be four tokens")


def _patches(config: Any) -> int:
    side: int = config.image_size // config.patch_size
    return side * side
