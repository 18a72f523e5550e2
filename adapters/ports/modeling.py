"""What all ports share: a vision side that gives features per image, scattered into the text of a language model.

Shapes: B prompts, L tokens, D width of the language model, V vocabulary.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    BaseModelOutputWithPooling,
    CausalLMOutputWithPast,
)


class PortPreTrainedModel(PreTrainedModel):
    """What transformers wants to know of every port."""

    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]


class PortModel(PortPreTrainedModel):
    """Vision side and language model without its head.

    A subclass makes its parts in `__init__`, the body of the language model among them as `language_model`, and turns
    images into features. Every image tensor of a batch is the concatenation, along its first dimension, of those of
    its images.
    """

    image_inputs: ClassVar[tuple[str, ...]] = ("pixel_values",)
    """Names of the tensors `image_features` takes."""
    language_model: Any

    def get_input_embeddings(self) -> nn.Module:
        """The language model's."""
        embeddings: nn.Module = self.language_model.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """The language model's."""
        self.language_model.set_input_embeddings(value)

    def image_features(self, **images: Tensor) -> tuple[Tensor, ...]:
        """One tensor [tokens, D] per image, in the order of the images, as the language model reads them."""
        raise NotImplementedError

    def prompt_features(self, **images: Tensor) -> tuple[Tensor, ...]:
        """What stands in each prompt in the places that hold no words; for engines that run the words elsewhere."""
        return self.image_features(**images)

    def get_image_features(self, return_dict: bool = True, **images: Tensor) -> BaseModelOutputWithPooling:
        """`image_features` under the name and in the form of transformers' own models, in `pooler_output`."""
        features: Any = self.image_features(**images)
        return BaseModelOutputWithPooling(pooler_output=features)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states [B, L, D] of prompts [B, L] whose image positions hold `config.image_token_id`.

        Raises:
            ValueError: the image positions are not as many as the features.
        """
        images = {name: kwargs.pop(name) for name in self.image_inputs if kwargs.get(name) is not None}
        if inputs_embeds is None:
            assert input_ids is not None
            inputs_embeds = self.get_input_embeddings()(input_ids)
            if images:
                inputs_embeds = self._with_images(input_ids, inputs_embeds, images)
        output: BaseModelOutputWithPast = self.language_model(
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )
        return output

    def _with_images(self, input_ids_BL: Tensor, text_BLD: Tensor, images: dict[str, Tensor]) -> Tensor:
        features_ND = torch.cat(self.image_features(**images)).to(text_BLD)
        places_BL = input_ids_BL == self.config.image_token_id
        if int(places_BL.sum()) != len(features_ND):
            raise ValueError(
                f"the prompts hold {int(places_BL.sum())} image tokens, but the images give {len(features_ND)} features"
            )
        return text_BLD.masked_scatter(places_BL[..., None], features_ND)


class PortForConditionalGeneration(PortPreTrainedModel, GenerationMixin):
    """A `PortModel` with the head that makes it write."""

    model_class: ClassVar[type[PortModel]]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = self.model_class(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The language model's."""
        return self.model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """The language model's."""
        self.model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The head."""
        return self.lm_head

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits [B, L, V], or of the last `logits_to_keep` positions; with `labels` [B, L] also their loss.

        `generate` looks for names here: only because `position_ids` is one does it count a row's places without its
        padding.
        """
        output = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, **kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(output.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.text_config.vocab_size)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values)

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Images enter with the prompt and stand in the cache from then on."""
        if not is_first_iteration and kwargs.get("use_cache", True):
            kwargs = {name: value for name, value in kwargs.items() if name not in self.model_class.image_inputs}
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        return inputs

    def _validate_model_kwargs(self, model_kwargs: dict[str, Any]) -> None:
        # transformers looks for the names of all inputs in the signature of `forward`; those of images differ by port.
        others = {name: value for name, value in model_kwargs.items() if name not in self.model_class.image_inputs}
        super()._validate_model_kwargs(others)
