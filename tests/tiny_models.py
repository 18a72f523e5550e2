"""Tiny random checkpoints of all architectures; drawn wide so that replies differ.

Those of transformers' own are built here, those of the ports were written by the upstream code (golden/).
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Config,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    SiglipImageProcessor,
    SiglipVisionConfig,
)

from tests import goldens

WORDS = [
    "A chat between a curious user and an artificial intelligence assistant.",
    "The person is female, 25 years old, and looks happy. What is the expression of this face?",
    "You are a helpful assistant. system user assistant USER: ASSISTANT: image 1",
]
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SIGLIP = TEXT | {"image_size": 28, "patch_size": 14}
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant{{ '\\n' }}"
)


def tokenizer(special: list[str], eos: str, bos: str | None = None, adds_bos: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with these special tokens."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw.train_from_iterator(WORDS, trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, show_progress=False))
    raw.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ["<pad>", *special]])
    if bos and adds_bos:
        raw.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, raw.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=eos, bos_token=bos, pad_token="<pad>")


def _widen(model: PreTrainedModel) -> PreTrainedModel:
    """Random weights wide enough that different images give different replies."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.5 if "embed" not in name else 1.0)
    return model.float().eval()


def _llava(folder: Path) -> None:
    words = tokenizer(["<s>", "</s>", "<image>"], "</s>", "<s>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**SIGLIP),
        text_config=_llama(words),
        vision_feature_select_strategy="default",
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    images = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = LlavaProcessor(
        images, words, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    _save(folder, LlavaForConditionalGeneration(config), processor)


def _mantis(folder: Path) -> None:
    words = tokenizer([*LLAMA3, "<image>", "<Image>", "</Image>"], "<|end_of_text|>", "<|begin_of_text|>")
    vision = SiglipVisionConfig(**(SIGLIP | {"image_size": 30}), vision_use_head=False)
    config = LlavaConfig(
        vision_config=vision,
        text_config=_llama(words),
        vision_feature_select_strategy="full",
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    _widen(LlavaForConditionalGeneration(config)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 30, "width": 30}).save_pretrained(folder)
    words.save_pretrained(folder)  # as published: no processor_config.json


def _onevision(folder: Path) -> None:
    words = tokenizer([*CHATML, "<image>", "<video>"], "<|im_end|>")
    pins = [[28, 28], [28, 56], [56, 28], [56, 56]]
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(**SIGLIP, vision_use_head=False),
        text_config=_qwen2(words),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        video_token_index=words.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pins,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    images = LlavaOnevisionImageProcessor(size={"height": 28, "width": 28}, image_grid_pinpoints=pins)
    videos = LlavaOnevisionVideoProcessor(size={"height": 28, "width": 28})
    processor = LlavaOnevisionProcessor(
        images, words, videos, num_image_tokens=4, vision_feature_select_strategy="full", chat_template=CHAT
    )
    _save(folder, LlavaOnevisionForConditionalGeneration(config), processor)


def _qwen(folder: Path) -> None:
    words = tokenizer([*CHATML, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"], "<|im_end|>")
    ids = dict(
        zip(
            ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"),
            words.convert_tokens_to_ids(["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]),
            strict=True,
        )
    )
    text = _text(words) | {"num_key_value_heads": 2, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}}
    vision = {
        "hidden_size": 32,
        "out_hidden_size": 32,
        "intermediate_size": 48,
        "depth": 2,
        "num_heads": 4,
        "patch_size": 14,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
    images = Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=112 * 112)
    processor = Qwen2_5_VLProcessor(images, words, Qwen2VLVideoProcessor())
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.update(repetition_penalty=1.5, temperature=0.1, do_sample=True)
    _save(folder, model, processor)


def _text(words: PreTrainedTokenizerFast) -> dict:
    """Token ids are given, because configurations validate their own defaults against the vocabulary."""
    return TEXT | {
        "vocab_size": len(words),
        "bos_token_id": None,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }


def _llama(words: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(**_text(words))


def _qwen2(words: PreTrainedTokenizerFast) -> Qwen2Config:
    return Qwen2Config(**_text(words), num_key_value_heads=2)


def _save(folder: Path, model: PreTrainedModel, processor: object) -> None:
    _widen(model).save_pretrained(folder)
    processor.save_pretrained(folder)


_BUILDERS = {
    "llava-v1.5-7b": _llava,
    "llava-onevision-7b-si": _onevision,
    "mantis-siglip-8b": _mantis,
    "qwen2.5-vl-7b": _qwen,
}
NATIVE = tuple(_BUILDERS)
PORTS = ("internvl2.5-8b", "minicpm-llama3-v2.5", "monkey-chat", "nvila-8b", "phi-3.5-vision")
NAMES = NATIVE + PORTS


@cache
def checkpoint(name: str) -> Path:
    """A folder with a tiny random checkpoint of this architecture; built once per session, deleted at its end."""
    if name in PORTS:
        return goldens.checkpoint(name)
    folder = Path(tempfile.mkdtemp(prefix="tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _BUILDERS[name](folder)
    return folder


@cache
def model(name: str):
    """The adapter of this name on its tiny checkpoint, in float32 on the CPU."""
    from adapters.registry import spec

    if name in PORTS:
        return goldens.model(name)
    torch.set_num_threads(1)
    found = spec(name)
    return found.load()(str(checkpoint(name)), device="cpu", dtype="float32")


def picture(width: int = 40, height: int = 40, seed: int = 0) -> Image.Image:
    """A colourful noise image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (6, 6, 3), generator=generator, dtype=torch.uint8).numpy()
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR)
