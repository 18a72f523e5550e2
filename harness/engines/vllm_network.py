"""A network for vLLM: a model's own vision side as it runs in transformers, in front of vLLM's own language model.

For models whose network vLLM does not have, or has otherwise than the original. Towers, projectors and whatever else
makes tensors of a picture are the modules of the transformers port, the ones that are proven against upstream; the text
of all of them is a Llama or a Qwen2, which vLLM has. vLLM keeps what was made of a picture and of the beginning of a
prompt, and reserves the memory for both, as for any network of its own.

Shapes: B pictures, N places of a prompt that hold no words, L tokens of a step, D width of the language model.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, Qwen2Config
from vllm.config import VllmConfig
from vllm.model_executor.model_loader import DefaultModelLoader
from vllm.model_executor.models.interfaces import SupportsMultiModal
from vllm.model_executor.models.utils import init_vllm_registered_model, maybe_prefix

from harness.engines.own_vision import OwnVision

_LANGUAGE = {LlamaConfig: "LlamaForCausalLM", Qwen2Config: "Qwen2ForCausalLM"}


class OwnVisionForVllm(nn.Module, SupportsMultiModal):
    """`vision`, of transformers, and `language_model`, of vLLM.

    Raises:
        ValueError: the text is that of another network than Llama or Qwen2, or weights are missing.
    """

    vision: Any
    language_model: Any

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        marking: Any = super()  # vLLM's base is untyped
        with marking._mark_tower_model(vllm_config, "image"):
            self._own = OwnVision(config, torch.get_default_dtype())
            self.vision = self._own.body
        self._look_into(self._own.folders, vllm_config.model_config)
        text = config.get_text_config()
        with marking._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=text,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=[_architecture(text)],
            )

    def _look_into(self, folders: Sequence[str], model: Any) -> None:
        """Tell vLLM's loader, which asks its networks, where the weights of a checkpoint in several folders lie."""
        if folders:
            self.allow_patterns_overrides = [f"{folders[0]}/*.safetensors"]
            self.secondary_weights = [
                DefaultModelLoader.Source(model.model, model.revision, subfolder=folder, prefix=f"{folder}.")
                for folder in folders[1:]
            ]

    def embed_multimodal(self, **tensors: Any) -> tuple[Tensor, ...]:
        """Of the tensors of B pictures, as `on_vllm` names them, one [N, D] each."""
        dtype = next(self.language_model.parameters()).dtype
        cast = {name: one.to(dtype) if one.is_floating_point() else one for name, one in tensors.items()}
        return tuple(features.to(dtype) for features in self.vision.prompt_features(**cast))

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Hidden states [L, D]."""
        hidden: Tensor = self.language_model.model(
            input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds
        )
        return hidden

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Of hidden states [L, D], [L, vocabulary]."""
        logits: Tensor | None = self.language_model.compute_logits(hidden_states)
        return logits

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Take what is ours and hand the rest on, in one reading of the checkpoint; gives the names that were filled.

        Raises:
            ValueError: a weight of the vision side is missing or of another shape.
        """
        language = self.language_model.load_weights(self._own.take(weights))
        return {f"language_model.{name}" for name in language} | {f"vision.{name}" for name in self.vision.state_dict()}


def _architecture(text: Any) -> str:
    for kind, name in _LANGUAGE.items():
        if isinstance(text, kind):
            return name
    raise ValueError(f"the language model is a '{text.model_type}', and only Llama and Qwen2 are taken from vLLM here")
