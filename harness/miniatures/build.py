"""From a recipe (recipes/NAME.toml) to an untrained model with its processor, and to the folder of a trained one."""

import copy
import importlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)

from adapters import registry as models
from harness.miniatures.recipes import Recipes

RECIPES = Recipes(Path(__file__).parent / "recipes")
VOCABULARY = 720


class Built(NamedTuple):
    """An untrained model with the processor that feeds it."""

    model: PreTrainedModel
    processor: ProcessorMixin


def build(name: str, texts: Iterable[str], seed: int) -> Built:
    """A model with random weights; its tokens are learnt from `texts`."""
    parts = RECIPES.read(name)
    adapter = models.spec(name).load()  # importing it registers a port's classes
    tokenizer = train_tokenizer(parts["tokens"], texts)
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(_config(parts, tokenizer), dtype=torch.float32)
    model.generation_config = _generation(parts, tokenizer)
    processor = _processor(parts, tokenizer)
    processor.chat_template = chat_template(adapter.template)
    return Built(model, processor)


def chat_template(prompt: str) -> str:
    """A template for one question about one image, which is all a miniature knows, from an adapter's `template`."""
    before, after = (json.dumps(part, ensure_ascii=False) for part in prompt.split("{question}"))
    question = "{% for part in messages[-1]['content'] %}{{ part['text'] if part['type'] == 'text' }}{% endfor %}"
    return f"{{{{ {before} }}}}{question}{{{{ {after} }}}}"


def save(name: str, built: Built, folder: Path) -> None:
    """Write model and processor as the Hub has them: bfloat16, and the key names of the published checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    built.processor.save_pretrained(folder)
    if "hub_keys" in RECIPES.read(name):
        _save_native(built.model, RECIPES.read(name)["hub_keys"], folder)
    else:
        half: Any = copy.deepcopy(built.model)
        half.to(torch.bfloat16).save_pretrained(folder)  # a port writes published names itself
    (folder / "model.safetensors").chmod(0o644)


def _save_native(model: Any, hub_keys: dict[str, str], folder: Path) -> None:
    """transformers' own classes, made from a configuration, would write the names of their modules."""
    model.generation_config.save_pretrained(folder)
    config = model.config.to_dict() | {"architectures": [type(model).__name__], "dtype": "bfloat16"}
    for part in ("text_config", "vision_config"):
        config[part]["dtype"] = "bfloat16"
    type(model.config).from_dict(config).save_pretrained(folder)
    weights = {
        _hub_key(key, hub_keys): value.detach().to(torch.bfloat16).contiguous()
        for key, value in model.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _hub_key(key: str, renames: dict[str, str]) -> str:
    for old, new in renames.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    raise ValueError(f"weight '{key}' has no name in the published layout: add it to [hub_keys] of the recipe")


def train_tokenizer(tokens: dict[str, Any], texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE: every text can be written, and the words of the task are one token each."""
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=tokens["special"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    bos = tokens.get("bos")
    if bos:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, backend.token_to_id(bos))]
        )
    named = {f"{role}_token": tokens[role] for role in ("bos", "eos", "pad", "unk") if role in tokens}
    return PreTrainedTokenizerFast(tokenizer_object=backend, padding_side="left", model_max_length=1024, **named)


def _config(parts: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> Any:
    config = dict(parts["config"])
    for field, value in config.items():
        if field.endswith(("_token_index", "_token_id")):
            config[field] = tokenizer.convert_tokens_to_ids(value)
    words = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    # Some published configurations keep the language model's fields at the top, or under a name of their own.
    place = next((name for name in ("text_config", "llm_config") if name in config), None)
    if place is None:
        return AutoConfig.for_model(**config | words)
    return AutoConfig.for_model(**config | {place: config[place] | words})


def _generation(parts: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> GenerationConfig:
    stops = [tokenizer.convert_tokens_to_ids(token) for token in parts["stop"]["tokens"]]
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=stops, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )


def _processor(parts: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> ProcessorMixin:
    settings = parts["image_processor_config"]
    images = _class(parts["image_processor"])(**settings)
    options = dict(parts["processor_config"])
    if "video_processor" in parts:  # transformers' processors for images and films want both
        films = {name: settings[name] for name in parts["video_settings"]}
        options["video_processor"] = _class(parts["video_processor"])(**films)
    processor: ProcessorMixin = _class(parts["processor"])(image_processor=images, tokenizer=tokenizer, **options)
    return processor


def _class(place: str) -> Any:
    """A class of transformers by its name, or one of a port as "module:Class"."""
    module, _, name = place.rpartition(":")
    return getattr(importlib.import_module(module or "transformers"), name)
