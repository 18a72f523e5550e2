"""Monkey-Chat: four windows and the whole image through one adapted vision tower, read by Qwen-7B."""

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from adapters.ports.monkey.configuration import MonkeyConfig
from adapters.ports.monkey.modeling import MonkeyLMHeadModel
from adapters.ports.monkey.processing import MonkeyImageProcessor, MonkeyProcessor

AutoConfig.register(MonkeyConfig.model_type, MonkeyConfig)
AutoModelForImageTextToText.register(MonkeyConfig, MonkeyLMHeadModel)
AutoImageProcessor.register(MonkeyConfig, image_processor_classes={"pil": MonkeyImageProcessor})
AutoProcessor.register(MonkeyConfig, MonkeyProcessor)

__all__ = ["MonkeyConfig", "MonkeyImageProcessor", "MonkeyLMHeadModel", "MonkeyProcessor"]
