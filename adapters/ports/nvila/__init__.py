"""NVILA-8B: registers its configuration, network and processor with transformers, for both published layouts."""

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from adapters.ports.nvila.configuration import NVILAConfig, NVILAPartsConfig
from adapters.ports.nvila.images import NVILAImageProcessor
from adapters.ports.nvila.modeling import NVILAForConditionalGeneration, NVILAModel
from adapters.ports.nvila.parts import NVILAParts, NVILAPartsProcessor
from adapters.ports.nvila.processing import NVILAProcessor

AutoConfig.register("nvila", NVILAConfig)
AutoModelForImageTextToText.register(NVILAConfig, NVILAForConditionalGeneration)
AutoProcessor.register(NVILAConfig, NVILAProcessor)

AutoConfig.register("llava_llama", NVILAPartsConfig)
AutoModelForImageTextToText.register(NVILAPartsConfig, NVILAParts)
AutoProcessor.register(NVILAPartsConfig, NVILAPartsProcessor)

__all__ = [
    "NVILAConfig",
    "NVILAForConditionalGeneration",
    "NVILAImageProcessor",
    "NVILAModel",
    "NVILAPartsConfig",
    "NVILAProcessor",
]
