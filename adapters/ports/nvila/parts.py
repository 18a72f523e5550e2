"""The older checkpoint, a folder of folders: llm/, vision_tower/ and mm_projector/, each as its own library wrote it.

`AutoConfig`, `AutoProcessor` and `AutoModelForImageTextToText` read it, from a folder or a repository, as they read the
one in one piece, and what they give is the same; saving writes the one in one piece.
Source: NVlabs/VILA, llava/model/llava_arch.py (save_pretrained), llava/model/builder.py, language_model/builder.py.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer, Qwen2ForCausalLM, SiglipVisionModel
from transformers.utils.hub import cached_file

from adapters.ports.nvila.configuration import MEDIA_TOKENS, NVILAPartsConfig
from adapters.ports.nvila.images import NVILAImageProcessor
from adapters.ports.nvila.modeling import NVILAForConditionalGeneration, NVILAProjector, register_published_names
from adapters.ports.nvila.processing import NVILAProcessor

FOLDERS = ("llm", "vision_tower", "mm_projector")
_BY_WORD = ("model.embed_tokens.weight", "lm_head.weight")
_HUB = ("cache_dir", "force_download", "local_files_only", "revision", "token")


class NVILAPartsProcessor(NVILAProcessor):
    """Reads the processor of a checkpoint in parts."""

    @classmethod
    def from_pretrained(cls, source: Any, **kwargs: Any) -> NVILAProcessor:
        """The processor, with the tokens the original adds on loading."""
        hub = _hub(kwargs)
        config = NVILAPartsConfig.from_pretrained(source, **hub)
        tokenizer = AutoTokenizer.from_pretrained(source, subfolder="llm", **hub)
        tokenizer.add_tokens(list(MEDIA_TOKENS), special_tokens=True)
        images = NVILAImageProcessor.from_pretrained(
            source,
            subfolder="vision_tower",
            s2_scales=config.s2_scales,
            max_tiles=config.max_tiles,
            patch_size=config.vision_config.patch_size,
            **hub,
        )
        return NVILAProcessor(images, tokenizer, chat_template=tokenizer.chat_template)


class NVILAParts(NVILAForConditionalGeneration):
    """Reads the network of a checkpoint in parts."""

    config_class = NVILAPartsConfig
    folders = FOLDERS

    @staticmethod
    def as_one(weights: Iterable[tuple[str, Tensor]], config: NVILAPartsConfig) -> Iterator[tuple[str, Tensor]]:
        """The weights of the folders, each but the first named after its own, as those of a checkpoint in one piece."""
        for name, tensor in weights:
            if name.startswith(FOLDERS[1:]):
                yield name, tensor
            elif name in _BY_WORD:
                yield f"{FOLDERS[0]}.{name}", _grown(tensor, config.text_config.vocab_size)
            else:
                yield f"{FOLDERS[0]}.{name}", tensor

    @classmethod
    def from_pretrained(
        cls, source: Any, *_: Any, config: NVILAPartsConfig | None = None, **kwargs: Any
    ) -> NVILAForConditionalGeneration | tuple[NVILAForConditionalGeneration, dict[str, list[str]]]:
        """The network in one piece; with `output_loading_info` also what was missing, which is nothing.

        Args:
            source: folder or repository id.
            config: the checkpoint's, read from there where it is left out.
            kwargs: `dtype`, `attn_implementation` and what the Hub needs; nothing else is heeded.

        Raises:
            ValueError: a part lacks weights.
        """
        hub = _hub(kwargs)
        whole = (config or NVILAPartsConfig.from_pretrained(source, **hub)).whole()
        how = {name: kwargs[name] for name in ("dtype", "attn_implementation") if kwargs.get(name) is not None}
        language = _part(Qwen2ForCausalLM, source, "llm", **how, **hub)
        tower = _part(SiglipVisionModel, source, "vision_tower", **how, **hub)
        _grow(language, whole.text_config.vocab_size)
        projector = NVILAProjector(whole).to(language.dtype)
        projector.load_state_dict(load_file(cached_file(source, "model.safetensors", subfolder="mm_projector", **hub)))
        whole.text_config, whole.vision_config = language.config, tower.config
        with torch.device("meta"):
            model = NVILAForConditionalGeneration(whole)
        model.model.language_model, model.lm_head = language.model, language.lm_head
        model.model.vision_tower, model.model.mm_projector = tower, projector
        model.generation_config = language.generation_config
        model.eval()
        return (model, {"missing_keys": []}) if kwargs.get("output_loading_info") else model


def _hub(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: kwargs[name] for name in _HUB if kwargs.get(name) is not None}


def _part(kind: Any, source: Any, folder: str, **kwargs: Any) -> Any:
    model, report = kind.from_pretrained(source, subfolder=folder, output_loading_info=True, **kwargs)
    if report["missing_keys"]:  # transformers would go on with random weights
        raise ValueError(f"its folder {folder} lacks weights, {min(report['missing_keys'])} among them.")
    return model


def _grow(language: Any, rows: int) -> None:
    """Rows for the added tokens, as their mean: transformers, which the original leaves it to, draws next to it."""
    before = language.config.vocab_size
    language.resize_token_embeddings(rows, mean_resizing=False)
    for layer in (language.get_input_embeddings(), language.get_output_embeddings()):
        layer.weight.data.copy_(_grown(layer.weight.data[:before], rows))


def _grown(weight: Tensor, rows: int) -> Tensor:
    mean = weight.float().mean(0).to(weight.dtype)
    return torch.cat([weight, mean.expand(rows - len(weight), -1)])


register_published_names(NVILAParts.__name__)
