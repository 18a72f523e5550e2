"""FaceInsight (section 3 of the paper) on transformers' LLaVA.

The sequence of eq. 2 is image, segmentation map, query, knowledge, answer. Image and map stand side by side, so they
are one "image" with two towers, which `generate` encodes once; the K knowledge tokens A(T_p, C) are the same for all
faces. Everything is frozen but three adapters of two linear layers each and the graph (`freeze`).

P(y_ij), which the paper does not define, is read at knowledge token j: the frozen head's logit of "yes" less that of
"no", as log-odds. Nothing trainable is added for it, and the token sees image, map and query.

The adapters, the graph and the head compute in float32 whatever the rest is in: AdamW's steps of 1e-5 would be rounded
away in bfloat16 weights, and bfloat16 logits near 10 are 0.06 apart.

Shapes: B prompts, L tokens, D width of the language model, V vocabulary, K characteristics, T width of text features.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoModel, LlavaForConditionalGeneration, LlavaModel, LlavaPreTrainedModel
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.llava.modeling_llava import LlavaCausalLMOutputWithPast, LlavaModelOutputWithPast

from faceinsight.configuration import FaceInsightConfig
from faceinsight.graph import CorrelationModule
from faceinsight.logic import LogicalModule
from faceinsight.losses import binary_cross_entropy

TRAINED = ("model.multi_modal_projector.", "model.seg_projector.", "model.text_projector.", "model.correlation.layers.")
"""The names of all weights that learn begin so."""
KNOWLEDGE = ("model.correlation.text_features", "model.correlation.correlation")
"""The buffers that belong to a trained model as its weights do."""
_FLOAT32 = ["multi_modal_projector", "seg_projector", "text_projector", "correlation", "lm_head"]


class Adapter(nn.Module):
    """Two linear layers from the width of features to that of words; its names are those of LLaVA's projector."""

    def __init__(self, width: int, words: int, activation: str, bias: bool) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, words, bias=bias)
        self.act = ACT2FN[activation]
        self.linear_2 = nn.Linear(words, words, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Features [..., width] -> [..., D], in the dtype of the adapter."""
        adapted: Tensor = self.linear_2(self.act(self.linear_1(features.to(self.linear_1.weight.dtype))))
        return adapted


class FaceInsightModel(LlavaModel):
    """Towers, adapters, graph and language model, without the head."""

    config: FaceInsightConfig
    config_class = FaceInsightConfig
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = _FLOAT32

    def __init__(self, config: FaceInsightConfig) -> None:
        LlavaPreTrainedModel.__init__(self, config)
        words = config.text_config.hidden_size
        self.vision_tower = AutoModel.from_config(config.vision_config)
        self.multi_modal_projector = _adapter(config, config.vision_config.hidden_size)
        if config.seg_config is not None:
            self.seg_tower = AutoModel.from_config(config.seg_config)
            self.seg_projector = _adapter(config, config.seg_config.hidden_size)
        if config.characteristics:
            count = len(config.characteristics)
            self.correlation = CorrelationModule(
                count, config.knowledge_width, config.gcn_layers, config.negative_slope
            )
            self.text_projector = Adapter(config.knowledge_width, words, config.projector_hidden_act, bias=True)
        self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    def get_image_features(
        self, pixel_values: Tensor, seg_pixel_values: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Per face the adapted tokens of the picture, then those of its map, in `pooler_output`.

        Args:
            pixel_values: [B, 3, H, W].
            seg_pixel_values: the coloured maps, prepared as the pictures; needed where there is a tower for them.

        Raises:
            ValueError: maps are missing, or there is no tower for them.
        """
        if (seg_pixel_values is not None) is not (self.config.seg_config is not None):
            raise ValueError("segmentation maps must be given just where the model has a tower for them")
        pixel_values = _as_weights(pixel_values, self.vision_tower)
        output: BaseModelOutputWithPooling = super().get_image_features(pixel_values, **kwargs)
        if seg_pixel_values is not None:
            maps = self._seg_features(seg_pixel_values)
            # transformers types the features of all pictures as one tensor, and returns a list of one per picture.
            output.pooler_output = [torch.cat(pair) for pair in zip(output.pooler_output, maps, strict=True)]
        return output

    def _seg_features(self, seg_pixel_values: Tensor) -> Tensor:
        """[B, tokens, D]: the layer LLaVA reads of its own tower, without the class token."""
        pixels = _as_weights(seg_pixel_values, self.seg_tower)
        seen = self.seg_tower(pixels, output_hidden_states=True, return_dict=True)
        adapted: Tensor = self.seg_projector(seen.hidden_states[self.config.vision_feature_layer][:, 1:])
        return adapted

    def knowledge(self) -> Tensor:
        """The K knowledge tokens A(T_p, C) [K, D] of eq. 2, float32."""
        with torch.autocast(self.correlation.text_features.device.type, enabled=False):
            tokens: Tensor = self.text_projector(self.correlation())
        return tokens

    def prompt_features(self, **images: Tensor) -> tuple[Tensor, ...]:
        """Per face all that stands in its prompt beside words, [image + map + K, D]: its tokens, then the knowledge."""
        faces = self.get_image_features(**images, return_dict=True).pooler_output
        knowledge = (self.knowledge(),) if self.config.characteristics else ()
        return tuple(torch.cat((face, *knowledge)) for face in faces)

    def embed(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        seg_pixel_values: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Everything before the language model, [B, L, D]: a stock one can go on from here (`inputs_embeds`).

        Raises:
            ValueError: a prompt's image or knowledge tokens are not as many as the features.
        """
        embedded_BLD: Tensor = self.get_input_embeddings()(input_ids)
        encoded = (mm_encoder_outputs or {}).get("image")
        if encoded is None and pixel_values is not None:
            encoded = self.get_image_features(pixel_values, seg_pixel_values, return_dict=True, **kwargs)
        if encoded is not None:
            features = torch.cat(tuple(encoded.pooler_output))
            embedded_BLD = _placed(embedded_BLD, input_ids == self.config.image_token_index, features, "image")
        places_BL = input_ids == self.config.knowledge_token_index
        if places_BL.any():
            tokens = self.knowledge().repeat(len(input_ids), 1)
            embedded_BLD = _placed(embedded_BLD, places_BL, tokens, "knowledge")
        return embedded_BLD

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        seg_pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> LlavaModelOutputWithPast:
        """Hidden states [B, L, D]."""
        if inputs_embeds is None:
            assert input_ids is not None
            inputs_embeds = self.embed(input_ids, pixel_values, seg_pixel_values, mm_encoder_outputs)
        output = self.language_model(
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )
        return LlavaModelOutputWithPast(**output)


@dataclass
class FaceInsightOutput(LlavaCausalLMOutputWithPast):
    """LLaVA's output and the log-odds of the characteristics."""

    characteristic_logits: Tensor | None = None
    """[B, K], float32."""


class FaceInsightForConditionalGeneration(LlavaForConditionalGeneration):
    """`FaceInsightModel` with the head that makes it write, and the losses of eq. 3, 4 and 9."""

    config: FaceInsightConfig
    config_class = FaceInsightConfig
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = _FLOAT32

    def __init__(self, config: FaceInsightConfig) -> None:
        LlavaPreTrainedModel.__init__(self, config)
        self.model = FaceInsightModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        if config.rules:
            self.logic = LogicalModule(config.rule_set, config.labels.names)
        self.post_init()

    def freeze(self) -> "FaceInsightForConditionalGeneration":
        """Let the adapters and the graph learn, and nothing else."""
        for name, weight in self.named_parameters():
            weight.requires_grad_(name.startswith(TRAINED))
        return self

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        seg_pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        characteristic_labels: Tensor | None = None,
        characteristic_mask: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> FaceInsightOutput:
        """Logits [B, L, V]; or, with `characteristic_labels`, the characteristics' log-odds and the loss of eq. 4.

        Args:
            labels: token ids [B, L] of written answers, -100 elsewhere; weighed by `lm_weight`.
            characteristic_labels: [B, K], 1 where present.
            characteristic_mask: [B, K], 1 where annotated; None is everywhere.
            logits_to_keep: as in LLaVA.
        """
        read = characteristic_labels is not None
        if read:
            kwargs.setdefault("use_cache", False)  # nothing is written, and a Trainer would gather the cache
        output = self.model(
            input_ids, pixel_values, seg_pixel_values, attention_mask, position_ids, past_key_values, inputs_embeds,
            mm_encoder_outputs, **kwargs,
        )  # fmt: skip
        hidden_BLD = output.last_hidden_state
        logits_BK = self._read(hidden_BLD, input_ids) if read else None
        logits = None
        if labels is not None or not read:
            kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            logits = self._head(hidden_BLD[:, kept])
        loss = self._loss(logits, labels, logits_BK, characteristic_labels, characteristic_mask)
        return FaceInsightOutput(
            loss=loss, logits=logits, past_key_values=output.past_key_values, characteristic_logits=logits_BK
        )

    def characteristic_logits(self, input_ids: Tensor, **inputs: Any) -> Tensor:
        """The log-odds of the K characteristics [B, K], float32, for prompts that hold the knowledge tokens."""
        output = self.model(input_ids, use_cache=False, **inputs)
        return self._read(output.last_hidden_state, input_ids)

    def _read(self, hidden_BLD: Tensor, input_ids: Tensor | None) -> Tensor:
        assert input_ids is not None, "characteristics are read where the ids say that knowledge tokens stand"
        places_BL = input_ids == self.config.knowledge_token_index
        slots_BKD = hidden_BLD[places_BL].reshape(len(input_ids), len(self.config.labels), -1)
        logits_BKV = self._head(slots_BKD)
        return logits_BKV[..., self.config.yes_token_index] - logits_BKV[..., self.config.no_token_index]

    def _head(self, hidden: Tensor) -> Tensor:
        """The head in its own dtype; called as a module, for under FSDP its weight is not whole outside the call."""
        with torch.autocast(hidden.device.type, enabled=False):
            logits: Tensor = self.lm_head(hidden.to(self.lm_head.weight.dtype))
        return logits

    def _loss(
        self,
        logits: Tensor | None,
        labels: Tensor | None,
        logits_BK: Tensor | None,
        truth_BK: Tensor | None,
        mask_BK: Tensor | None,
    ) -> Tensor | None:
        """Eq. 4, and what departs from it; without characteristics the language-model loss alone."""
        written = None
        if labels is not None:
            assert logits is not None
            written = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.text_config.vocab_size)
        if logits_BK is None or truth_BK is None:
            return written
        loss = binary_cross_entropy(logits_BK, truth_BK, mask_BK)
        if self.config.rules and self.config.logic_weight:
            loss = loss + self.config.logic_weight * self.logic(logits_BK, mask_BK)
        return loss if written is None else loss + self.config.lm_weight * written


def _adapter(config: FaceInsightConfig, width: int) -> Adapter:
    words = config.text_config.hidden_size
    return Adapter(width, words, config.projector_hidden_act, config.multimodal_projector_bias)


def _as_weights(values: Tensor, module: nn.Module) -> Tensor:
    return values.to(next(module.parameters()).dtype)


def _placed(embedded_BLD: Tensor, places_BL: Tensor, features_ND: Tensor, kind: str) -> Tensor:
    if int(places_BL.sum()) != len(features_ND):
        raise ValueError(f"the prompts hold {int(places_BL.sum())} {kind} tokens, but there are {len(features_ND)}")
    return embedded_BLD.masked_scatter(places_BL[..., None], features_ND.to(embedded_BLD))
