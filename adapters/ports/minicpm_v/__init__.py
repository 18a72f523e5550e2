"""MiniCPM-Llama3-V-2.5: importing this package lets transformers' Auto classes read its published checkpoint."""

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from adapters.ports.minicpm_v.configuration import MiniCPMVConfig
from adapters.ports.minicpm_v.images import MiniCPMVImageProcessor
from adapters.ports.minicpm_v.modeling import MiniCPMV, MiniCPMVModel
from adapters.ports.minicpm_v.processing import MiniCPMVProcessor

AutoConfig.register(MiniCPMVConfig.model_type, MiniCPMVConfig)
AutoModelForImageTextToText.register(MiniCPMVConfig, MiniCPMV)
AutoImageProcessor.register(
    MiniCPMVConfig, image_processor_classes=dict.fromkeys(("torchvision", "pil"), MiniCPMVImageProcessor)
)
AutoProcessor.register(MiniCPMVConfig, MiniCPMVProcessor)

__all__ = ["MiniCPMV", "MiniCPMVConfig", "MiniCPMVImageProcessor", "MiniCPMVModel", "MiniCPMVProcessor"]
