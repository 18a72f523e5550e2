"""Importing this makes transformers' Auto classes know FaceInsight."""

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from faceinsight.configuration import FaceInsightConfig
from faceinsight.modeling import FaceInsightForConditionalGeneration
from faceinsight.processing import FaceInsightProcessor

__all__ = ["FaceInsightConfig", "FaceInsightForConditionalGeneration", "FaceInsightProcessor"]

AutoConfig.register(FaceInsightConfig.model_type, FaceInsightConfig)
AutoModelForImageTextToText.register(FaceInsightConfig, FaceInsightForConditionalGeneration)
AutoProcessor.register(FaceInsightConfig, FaceInsightProcessor)
