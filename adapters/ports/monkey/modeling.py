"""Monkey over the blocks of transformers: its vision tower, Qwen-7B, and the published names of their weights.

Source: Yuliang-Liu/Monkey, monkey_model/modeling_monkey.py.
"""

from typing import ClassVar

from torch import Tensor, nn

from adapters.ports.modeling import PortForConditionalGeneration, PortModel
from adapters.ports.monkey.configuration import MonkeyConfig
from adapters.ports.monkey.language import QwenModel, register_published_names
from adapters.ports.monkey.vision import VisionTower, init_vision


class MonkeyModel(PortModel):
    """Vision tower and language model without its head."""

    config_class = MonkeyConfig
    config: MonkeyConfig
    image_inputs: ClassVar[tuple[str, ...]] = ("pixel_values",)

    def __init__(self, config: MonkeyConfig) -> None:
        super().__init__(config)
        self.visual = VisionTower(config.vision_config)
        self.language_model = QwenModel(config.text_config)
        self.post_init()

    def image_features(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        """Of views [B * V, 3, S, S] one tensor [V * Q, D] per image: the windows row by row, then the whole image."""
        return self.visual(pixel_values).unbind()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        init_vision(module)


class MonkeyLMHeadModel(PortForConditionalGeneration):
    """Monkey under its published name."""

    config_class = MonkeyConfig
    model_class = MonkeyModel


register_published_names(MonkeyLMHeadModel.__name__)
