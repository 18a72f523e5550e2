"""Phi-3.5-Vision: CLIP over crops of a high-resolution picture, and Phi-3 with two sets of rotary factors."""

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from adapters.ports.phi3_v.configuration import Phi3VConfig
from adapters.ports.phi3_v.modeling import Phi3VForCausalLM, Phi3VModel
from adapters.ports.phi3_v.processing import Phi3VImageProcessor, Phi3VProcessor

__all__ = ["Phi3VConfig", "Phi3VForCausalLM", "Phi3VImageProcessor", "Phi3VModel", "Phi3VProcessor"]

AutoConfig.register(Phi3VConfig.model_type, Phi3VConfig)
AutoModelForImageTextToText.register(Phi3VConfig, Phi3VForCausalLM)
AutoImageProcessor.register(
    Phi3VConfig, image_processor_classes=dict.fromkeys(("torchvision", "pil"), Phi3VImageProcessor)
)
AutoProcessor.register(Phi3VConfig, Phi3VProcessor)
