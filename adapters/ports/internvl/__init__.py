"""InternVL2.5: importing this package lets transformers' Auto classes read its published checkpoint."""

from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer
from transformers.conversion_mapping import register_checkpoint_conversion_mapping

from adapters.ports.internvl.configuration import InternLM2Config, InternVisionConfig, InternVLChatConfig
from adapters.ports.internvl.modeling import InternLM2Model, InternVisionModel, InternVLChatModel
from adapters.ports.internvl.processing import InternVLChatImageProcessor, InternVLChatProcessor
from adapters.ports.internvl.tokenization import InternLM2Tokenizer
from adapters.ports.internvl.weights import published_layout

AutoConfig.register(InternVLChatConfig.model_type, InternVLChatConfig)
AutoModel.register(InternVisionConfig, InternVisionModel)
AutoModel.register(InternLM2Config, InternLM2Model)
AutoModelForImageTextToText.register(InternVLChatConfig, InternVLChatModel)
AutoTokenizer.register(InternVLChatConfig, InternLM2Tokenizer)
AutoProcessor.register(InternVLChatConfig, InternVLChatProcessor)
register_checkpoint_conversion_mapping(InternVLChatConfig.model_type, published_layout())

__all__ = [
    "InternLM2Tokenizer",
    "InternVLChatConfig",
    "InternVLChatImageProcessor",
    "InternVLChatModel",
    "InternVLChatProcessor",
]
