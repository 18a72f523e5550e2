"""InternVL2.5's own laws: the published layout into transformers' own network, its tiles, and its tokenizer."""

import json
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

from adapters.internvl import InternVL25
from adapters.ports.internvl import (
    InternLM2Tokenizer,
    InternVLChatConfig,
    InternVLChatImageProcessor,
    InternVLChatModel,
    InternVLChatProcessor,
)
from harness.errors import AdapterError
from harness.miniatures import build
from harness.records import Decoding
from tests import goldens

NAME = "internvl2.5-8b"
FOLDER = goldens.FOLDER / NAME
CHECKPOINT = goldens.checkpoint(NAME)
TEXTS = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
CASES = goldens.CASES
FORGED = "[UNUSED_TOKEN_10]"  # in the place of <|im_end|>, as [UNUSED_TOKEN_145] is in the published vocabulary

# Of OpenGVLab/InternVL2_5-8B, as far as it describes the network.
PUBLISHED = {
    "architectures": ["InternVLChatModel"],
    "auto_map": {
        "AutoConfig": "configuration_internvl_chat.InternVLChatConfig",
        "AutoModel": "modeling_internvl_chat.InternVLChatModel",
    },
    "downsample_ratio": 0.5,
    "dynamic_image_size": True,
    "force_image_size": 448,
    "llm_config": {
        "architectures": ["InternLM2ForCausalLM"],
        "attn_implementation": "flash_attention_2",
        "bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": 4096,
        "initializer_range": 0.02,
        "intermediate_size": 14336,
        "max_length": 20,
        "max_position_embeddings": 32768,
        "model_type": "internlm2",
        "num_attention_heads": 32,
        "num_beams": 1,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "output_attentions": False,
        "pad_token_id": 2,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 2.0, "type": "dynamic"},
        "rope_theta": 1000000,
        "temperature": 1.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": 92553,
    },
    "max_dynamic_patch": 12,
    "min_dynamic_patch": 1,
    "model_type": "internvl_chat",
    "ps_version": "v2",
    "select_layer": -1,
    "template": "internvl2_5",
    "torch_dtype": "bfloat16",
    "use_backbone_lora": 0,
    "use_llm_lora": 0,
    "use_thumbnail": True,
    "vision_config": {
        "architectures": ["InternVisionModel"],
        "attention_dropout": 0.0,
        "drop_path_rate": 0.0,
        "dropout": 0.0,
        "hidden_act": "gelu",
        "hidden_size": 1024,
        "image_size": 448,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": 4096,
        "layer_norm_eps": 1e-06,
        "model_type": "intern_vit_6b",
        "norm_type": "layer_norm",
        "num_attention_heads": 16,
        "num_channels": 3,
        "num_hidden_layers": 24,
        "patch_size": 14,
        "qk_normalization": False,
        "qkv_bias": True,
        "use_flash_attn": True,
    },
}
CHOSEN_BY_CALLER = {"attn_implementation", "max_length", "num_beams", "output_attentions", "temperature", "torch_dtype"}


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return InternVL25(str(CHECKPOINT), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(CHECKPOINT)


def face(case="square"):
    return goldens.IMAGES["square" if case == "words" else case]().convert("RGB")


def published(tmp_path, **changes):
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED | changes), encoding="utf-8")
    return tmp_path


def kept(fields):
    return {name: value for name, value in fields.items() if name not in CHOSEN_BY_CALLER}


def test_the_published_config_is_read_and_written_back(tmp_path):
    config = AutoConfig.from_pretrained(published(tmp_path))
    assert isinstance(config, InternVLChatConfig)
    assert (config.image_token_id, config.image_seq_length, config.tile_size) == (92546, 256, 448)
    assert config.text_config.rope_parameters == {
        "rope_type": "dynamic", "type": "dynamic", "factor": 2.0, "rope_theta": 1000000
    }  # fmt: skip
    assert not config.tie_word_embeddings  # transformers' own default would tie the head to the embeddings (H13)
    assert not config.text_config.tie_word_embeddings
    assert config.vision_config.attention_bias
    assert not config.vision_config.use_qk_norm
    config.save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text(encoding="utf-8"))
    for part in ("llm_config", "vision_config"):
        assert kept(PUBLISHED[part]).items() <= again.pop(part).items()
    assert (
        kept({name: value for name, value in PUBLISHED.items() if not name.endswith("_config")}).items()
        <= again.items()
    )


def test_a_config_of_defaults_alone_is_the_original_classes(tmp_path):
    config = InternVLChatConfig(llm_config={"vocab_size": 92553}, vision_config={})
    assert (config.vision_config.hidden_size, config.vision_config.norm_type) == (3200, "rms_norm")
    assert (config.text_config.hidden_size, config.text_config.attention_bias) == (4096, True)
    assert (config.ps_version, config.max_dynamic_patch, config.use_thumbnail) == ("v1", 6, False)


def test_a_model_made_here_is_saved_under_the_published_names(tmp_path):
    config = AutoConfig.from_pretrained(CHECKPOINT)
    fresh = AutoModelForImageTextToText.from_config(config)
    fresh.save_pretrained(tmp_path)
    saved, wanted = load_file(tmp_path / "model.safetensors"), goldens.weights(NAME)
    assert {name: value.shape for name, value in saved.items()} == {name: value.shape for name, value in wanted.items()}
    again = AutoModelForImageTextToText.from_pretrained(tmp_path)
    for name, value in fresh.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


@pytest.mark.parametrize("case", CASES)
def test_answers_are_what_upstreams_chat_returned(model, case):
    batch = model.batch([face(case)], [CASES[case]])
    [reply] = model.answer(batch, Decoding(max_new_tokens=goldens.STEPS))
    assert reply.text.strip() == TEXTS["answers"][case]


def test_in_bfloat16_a_padded_batch_begins_as_upstream_does_in_float32():
    half = InternVL25(str(CHECKPOINT), device="cpu", dtype="bfloat16")
    cases = ["tall", "words", "square"]
    batch = half.batch([face(case) for case in cases], [CASES[case] for case in cases])
    assert batch["num_tiles"].tolist() == [9, 10, 10]
    ids = half.model.generate(**batch.to("cpu", torch.bfloat16), max_new_tokens=1, do_sample=False, eos_token_id=None)
    wanted = load_file(FOLDER / "cases.safetensors")
    assert ids[:, -1].tolist() == [int(wanted[f"{case}.tokens"][0]) for case in cases]


def test_positions_beyond_the_trained_ones_are_scaled_as_upstream_scales_them(tmp_path):
    """Prompt and answer are longer than 64 positions, so every step has rotary frequencies of its own."""
    shutil.copytree(CHECKPOINT, tmp_path, dirs_exist_ok=True)
    config = json.loads((CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    config["llm_config"]["max_position_embeddings"] = 64
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    beyond = InternVL25(str(tmp_path), device="cpu", dtype="float32")
    wanted = load_file(FOLDER / "beyond.safetensors")
    tokens, logits = goldens.greedy(beyond.model, beyond.batch([face()], [CASES["square"]]))
    torch.testing.assert_close(logits[0], wanted["logits"], rtol=0, atol=1e-4)
    assert tokens[0].tolist() == wanted["tokens"].tolist()
    within = load_file(FOLDER / "cases.safetensors")["square.logits"]
    assert (within - wanted["logits"]).abs().max() > 1  # else the case would prove nothing


def test_features_come_per_image_and_carry_gradients(model):
    pictures = [face("square"), face("tall")]
    batch = model.batch(pictures, ["Who?", "Who?"])
    body = model.model.model
    pixels = batch["pixel_values"].clone().requires_grad_()
    first, second = body.get_image_features(pixels, num_tiles=batch["num_tiles"], return_dict=True).pooler_output
    assert (first.shape, second.shape) == ((40, 64), (36, 64))
    second.sum().backward()
    assert pixels.grad[:10].abs().sum() == 0
    assert pixels.grad[10:].abs().sum() > 0
    alone = model.batch(pictures[1:], ["Who?"])["pixel_values"]
    torch.testing.assert_close(body.get_image_features(alone).pooler_output.flatten(0, 1), second.detach())


@pytest.mark.parametrize("case", CASES)
def test_tiles_at_the_published_geometry_are_upstreams(case):
    config = InternVLChatConfig(**PUBLISHED)
    features = InternVLChatImageProcessor.of(config)([goldens.IMAGES["square" if case == "words" else case]()])
    wanted = load_file(FOLDER / "published.safetensors")
    assert list(features["pixel_values"].shape) == wanted[f"{case}.shape.pixel_values"].tolist()
    assert features["num_tiles"].tolist() == wanted[f"{case}.image.num_tiles"].tolist()
    assert int(features["num_tiles"][0]) * config.image_seq_length == int(wanted[f"{case}.count"])
    sampled = goldens.sample(features["pixel_values"])
    torch.testing.assert_close(sampled, wanted[f"{case}.image.pixel_values"], rtol=0, atol=1e-5)


def least_distortion(width, height, tiles, side):
    """Upstream's choice: the grid of the nearest shape, of several the largest that the picture fills by half."""
    grids = sorted(
        (across * down, across, down) for across in range(1, 13) for down in range(1, 13) if across * down <= tiles
    )
    shape = width / height
    nearest = min(abs(shape - across / down) for _, across, down in grids)
    equal = [(across, down) for _, across, down in grids if abs(shape - across / down) == nearest]
    filled = [grid for grid in equal[1:] if width * height > 0.5 * side * side * grid[0] * grid[1]]
    return [equal[0], *filled][-1]


@settings(deadline=None, max_examples=60)
@given(some.integers(1, 300), some.integers(1, 300), some.sampled_from([1, 2, 4, 12]))
def test_a_picture_becomes_the_tiles_of_its_shape_and_the_whole_last(width, height, tiles):
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    small = {"size": {"height": 28, "width": 28}}
    features = InternVLChatImageProcessor(max_patches=tiles, **small)([picture])
    across, down = least_distortion(width, height, tiles, 28)
    count = across * down
    assert features["num_tiles"].tolist() == [count + (count > 1)]
    whole = InternVLChatImageProcessor(max_patches=1, **small)([picture])["pixel_values"]
    assert torch.equal(features["pixel_values"][-1:], whole)


@pytest.mark.parametrize(
    "row", [row for row in TEXTS["tokens"] if row["text"] != FORGED], ids=lambda row: repr(row["text"])
)
def test_ids_and_texts_are_those_of_the_published_tokenizer_class(tokenizer, row):
    assert isinstance(tokenizer, InternLM2Tokenizer)
    if row["text"] is not None:  # else the ids are random, bytes that are no text among them
        assert tokenizer(row["text"]).input_ids == row["ids"]
    assert tokenizer.decode(row["ids"], skip_special_tokens=True, clean_up_tokenization_spaces=False) == row["decoded"]


def test_a_text_cannot_forge_the_end_of_a_turn(tokenizer):
    [upstream] = [row["ids"][1:] for row in TEXTS["tokens"] if row["text"] == FORGED]
    assert upstream == [tokenizer.convert_tokens_to_ids("<|im_end|>")]  # in the published class it could
    assert not set(tokenizer.encode(FORGED, add_special_tokens=False)) & set(tokenizer.all_special_ids)


@settings(deadline=None)
@given(some.text())
def test_every_text_comes_back_but_for_spaces_before_punctuation(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == tokenizer.clean_up_tokenization(text.replace("▁", " "))


def test_a_saved_processor_comes_back_without_the_sentencepiece_model(model, tmp_path):
    model.model.config.save_pretrained(tmp_path)
    model.processor.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.model").exists()
    again = AutoProcessor.from_pretrained(tmp_path)
    assert isinstance(again, InternVLChatProcessor)
    prompt = [model.prompt(CASES["words"])]
    wanted, found = (kind(images=[[face("tall")]], text=prompt) for kind in (model.processor, again))
    assert found["input_ids"].tolist() == wanted["input_ids"].tolist()
    assert torch.equal(found["pixel_values"], wanted["pixel_values"])


def test_the_published_preprocessor_file_which_knows_no_tiles_is_not_used(model, tmp_path):
    shutil.copytree(CHECKPOINT, tmp_path, dirs_exist_ok=True)
    clip = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 448, "crop_size": 448, "do_center_crop": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(clip), encoding="utf-8")
    again = AutoProcessor.from_pretrained(tmp_path)
    assert again.image_processor.to_dict() == model.processor.image_processor.to_dict()


def test_the_recipe_says_one_thing_about_the_tiles(tmp_path):
    parts = build.RECIPES.read(NAME)
    config = InternVLChatConfig(**{**parts["config"], "image_token_id": 1})
    derived = InternVLChatImageProcessor.of(config)
    written = InternVLChatImageProcessor(**parts["image_processor_config"])
    assert derived.to_dict() == written.to_dict()
    assert config.image_seq_length == parts["processor_config"]["tokens_per_tile"]


def test_other_members_of_the_family_are_refused(tmp_path):
    with pytest.raises(ValueError, match="language model is Qwen2ForCausalLM, but only"):
        InternVLChatConfig(llm_config={"architectures": ["Qwen2ForCausalLM"]})
    config = AutoConfig.from_pretrained(CHECKPOINT)
    with pytest.raises(ValueError, match="use_thumbnail is off"):
        InternVLChatImageProcessor.of(InternVLChatConfig(**PUBLISHED | {"use_thumbnail": False}))
    config.ps_version = "v1"
    with pytest.raises(ValueError, match=r"pixel shuffle is 'v1', but that of InternVL2\.5 is 'v2'"):
        InternVLChatModel(config)


def test_a_checkpoint_with_another_tokenizer_is_refused_in_one_sentence(tmp_path):
    shutil.copytree(CHECKPOINT, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.model").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(AdapterError, match="is no SentencePiece BPE model with byte fallback"):
        InternVL25(str(tmp_path))
    model = (CHECKPOINT / "tokenizer.model").read_bytes()
    (tmp_path / "tokenizer.model").write_bytes(
        model + b"\x1a\x02\x18\x01"
    )  # normalizer_spec { add_dummy_prefix: true }
    with pytest.raises(AdapterError, match="normalises texts or puts a space before them"):
        InternVL25(str(tmp_path))
    (tmp_path / "tokenizer.model").unlink()
    with pytest.raises(AdapterError, match=r"holds no tokenizer\.model and no tokenizer\.json"):
        InternVL25(str(tmp_path))
