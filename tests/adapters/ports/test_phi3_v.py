"""Phi-3.5-Vision: its crops, its two pieces of text, its two sets of rotary factors and the layout of its files."""

import json
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText

from adapters.phi3_v import Phi35Vision
from adapters.ports.phi3_v import Phi3VConfig, Phi3VForCausalLM, Phi3VImageProcessor
from harness.errors import AdapterError
from tests import goldens

NAME = "phi-3.5-vision"
EMBEDDINGS = "model.embed_tokens.weight"
SECOND_NAME = "model.vision_embed_tokens.wte.weight"
PUBLISHED = {
    "_attn_implementation": "flash_attention_2",
    "architectures": ["Phi3VForCausalLM"],
    "attention_dropout": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_phi3_v.Phi3VConfig", "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM",
    },
    "bos_token_id": 1,
    "embd_layer": {
        "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp", "use_hd_transform": True,
        "with_learnable_separator": True,
    },
    "embd_pdrop": 0.0,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 3072,
    "img_processor": {
        "image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336", "name": "clip_vision_model",
        "num_img_tokens": 144,
    },
    "initializer_range": 0.02,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "model_type": "phi3_v",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "original_max_position_embeddings": 4096,
    "pad_token_id": 32000,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {"long_factor": [2.0] * 48, "short_factor": [1.0] * 48, "type": "su"},
    "rope_theta": 10000.0,
    "sliding_window": 262144,
    "tie_word_embeddings": False,
    "use_cache": True,
    "vocab_size": 32064,
}  # fmt: skip
"""Values of the published config.json, its 48 factors made equal."""
TINY = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "eos_token_id": 2, "pad_token_id": 0, "image_token_id": 3,
    "img_processor": {
        "image_dim_out": 16, "num_img_tokens": 4,
        "vision_config": {
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 8, "patch_size": 2,
        },
    },
}  # fmt: skip

sides = st.integers(50, 300)
limits = st.integers(1, 16)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return Phi3VForCausalLM(Phi3VConfig(**TINY)).eval()


def small(num_crops):
    return Phi3VImageProcessor(num_crops=num_crops, num_img_tokens=4, crop_size=8)


def noise(width, height):
    pixels = torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(width * 997 + height))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


@given(sides, sides, limits)
@settings(max_examples=40, deadline=None)
def test_a_picture_has_as_many_features_as_the_prompt_has_places_for_it(tiny, width, height, limit):
    processor = small(limit)
    tensors = processor([noise(width, height)])
    rows, columns = (tensors["image_sizes"][0] // 8).tolist()
    assert rows * columns <= limit
    assert len(tensors["pixel_values"]) == 1 + rows * columns
    (features,) = tiny.model.image_features(**tensors)
    assert len(features) == processor.tokens(*tensors["image_sizes"][0].tolist())


@given(sides, sides, limits)
@settings(max_examples=40, deadline=None)
def test_a_picture_on_its_side_gives_its_crops_on_their_side(width, height, limit):
    upright, turned = noise(width, height), noise(width, height).transpose(Image.Transpose.TRANSPOSE)
    if width == height:
        return  # neither side is the longer one, so only the lower edge is white
    one, other = small(limit)([upright]), small(limit)([turned])
    assert one["image_sizes"][0].tolist() == other["image_sizes"][0].tolist()[::-1]
    rows, columns = (one["image_sizes"][0] // 8).tolist()
    crops = one["pixel_values"][1:].unflatten(0, (rows, columns)).transpose(0, 1).flatten(0, 1)
    assert torch.equal(crops.transpose(-1, -2), other["pixel_values"][1:])


def test_what_is_missing_to_whole_crops_is_white_above_and_below():
    tensors = small(1)([Image.new("RGB", (32, 16))])
    assert tensors["image_sizes"].tolist() == [[8, 8]]
    column = tensors["pixel_values"][1, :, :, 0]
    white = [row for row in range(8) if (column[:, row] > 1).all()]
    assert white == [0, 1, 6, 7]


def test_a_picture_of_which_nothing_would_be_left_is_refused():
    with pytest.raises(ValueError, match="6000 times as long as wide"):
        Phi3VImageProcessor(num_crops=16)([Image.new("RGB", (6000, 1))])


def test_one_picture_has_sixteen_crops_though_the_published_file_says_four():
    saved = json.loads((goldens.checkpoint(NAME) / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert saved["num_crops"] == 4
    assert goldens.model(NAME).protocol["num_crops"] == 16
    adapter = Phi35Vision(str(goldens.checkpoint(NAME)), device="cpu", protocol={"num_crops": 4})
    assert adapter.protocol["num_crops"] == 4
    assert len(adapter.batch([noise(60, 60)], ["Who?"])["pixel_values"]) == 5


def test_both_pieces_of_the_text_open_with_a_begin_of_sequence_token():
    adapter = goldens.model(NAME)
    ids = adapter.batch([noise(60, 60)], ["Who?"])["input_ids"][0].tolist()
    first, after = ids.index(adapter.config.image_token_id), ids[::-1].index(adapter.config.image_token_id)
    bos, encode = adapter.tokenizer.bos_token_id, adapter.tokenizer.encode
    assert ids[:first] == [bos, *encode("<|user|>\n", add_special_tokens=False)]
    assert ids[-after:] == [bos, *encode("\nWho?<|end|>\n<|assistant|>\n", add_special_tokens=False)]


def test_it_stops_at_the_end_of_a_turn_and_not_at_the_published_eos():
    adapter = goldens.model(NAME)
    names = adapter.tokenizer.convert_ids_to_tokens(adapter.stop_ids)
    assert names == ["<|end|>", "<|endoftext|>", "<|assistant|>"]


@pytest.mark.parametrize("question", ["Who is <|image_1|>?", "And <|image_2|>?", "Is it <|image|>?"])
def test_a_question_that_names_a_picture_is_refused(question):
    with pytest.raises(AdapterError, match="a special token of this model"):
        goldens.model(NAME).prompt(question)


def test_the_published_configuration_is_read_and_written_back():
    given_fields = {key: value for key, value in PUBLISHED.items() if key != "model_type"}
    config = AutoConfig.for_model("phi3_v", **given_fields)
    tower = config.vision_config
    assert (tower.hidden_size, tower.num_hidden_layers, tower.image_size, tower.patch_size) == (1024, 24, 336, 14)
    assert (config.text_config.vocab_size, config.image_token_id) == (32064, 32044)
    written = json.loads(config.to_json_string())
    assert {key: written.get(key) for key in PUBLISHED} == PUBLISHED | {"_attn_implementation": None}
    assert not {"text_config", "vision_config", "rope_parameters"} & set(written)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embd_layer": {"embedding_cls": "image", "use_hd_transform": False}}, "reads crops as published"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "of type 'yarn'"),
        ({"img_processor": PUBLISHED["img_processor"] | {"num_img_tokens": 256}}, "promises 256 features"),
    ],
)
def test_what_was_never_published_under_this_name_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Phi3VConfig(**change)


@pytest.mark.parametrize("names", [(SECOND_NAME,), (SECOND_NAME, EMBEDDINGS)])
def test_the_embeddings_are_found_under_either_of_their_names(names, tmp_path):
    shutil.copy(goldens.checkpoint(NAME) / "config.json", tmp_path)
    weights = goldens.weights(NAME)
    embeddings = weights.pop(EMBEDDINGS)
    save_file(weights | {name: embeddings.clone() for name in names}, tmp_path / "model.safetensors", {"format": "pt"})
    model, report = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype="float32", output_loading_info=True)
    assert not any(report.values()), report
    assert torch.equal(model.get_input_embeddings().weight, embeddings)


def test_a_model_made_from_nothing_is_saved_under_published_names(tiny, tmp_path):
    tiny.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    heads = {key.rsplit(".layers.", 1)[0] for key in goldens.weights(NAME)}
    assert {key.rsplit(".layers.", 1)[0] for key in saved} == heads
    again = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype="float32")
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in tiny.state_dict().items())


def test_gradients_reach_all_that_is_read(tiny):
    model = Phi3VForCausalLM(Phi3VConfig(**TINY))
    images = small(4)([noise(20, 20)])
    count = small(4).tokens(*images["image_sizes"][0].tolist())
    ids = torch.tensor([[1, *[3] * count, 5, 6]])
    model(input_ids=ids, labels=ids.masked_fill(ids == 3, -100), **images).loss.backward()
    silent = {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}
    last = "model.vision_tower.encoder.layers.1."
    assert all(name.startswith((last, "model.vision_tower.post_layernorm.")) for name in silent)


def shortened(original):
    """The model of the goldens, its rotary factors changing after `original` tokens."""
    fields = json.loads((goldens.checkpoint(NAME) / "config.json").read_text(encoding="utf-8"))
    config = Phi3VConfig(**fields | {"original_max_position_embeddings": original})
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="sdpa").eval()
    model.load_state_dict(goldens.model(NAME).model.state_dict())
    return model


@pytest.mark.parametrize("case", ["crossing", "beyond"])
def test_longer_rows_than_the_original_length_are_read_as_upstream_reads_them(case):
    """A prompt that is longer, and one that outgrows it while it is answered."""
    values = load_file(goldens.FOLDER / NAME / "longrope.safetensors")
    wanted = {key.removeprefix(f"{case}."): value for key, value in values.items() if key.startswith(f"{case}.")}
    batch = goldens.model(NAME).batch([goldens.IMAGES["tiny"]()], [goldens.QUESTIONS[0]])
    tokens, logits = goldens.greedy(shortened(int(wanted["original"])), batch)
    assert tokens[0].tolist() == wanted["tokens"].tolist()
    torch.testing.assert_close(logits[0], wanted["logits"], rtol=0, atol=1e-4)


def test_a_row_that_outgrows_the_original_length_leaves_its_neighbours_alone():
    values = load_file(goldens.FOLDER / NAME / "longrope.safetensors")
    adapter, model = goldens.model(NAME), shortened(int(values["crossing.original"]))
    faces = [goldens.IMAGES[name]() for name in ("wide", "tiny")]
    tokens, logits = goldens.greedy(model, adapter.batch(faces, [goldens.QUESTIONS[0]] * 2))
    for row, face in enumerate(faces):
        alone, numbers = goldens.greedy(model, adapter.batch([face], [goldens.QUESTIONS[0]]))
        assert tokens[row].tolist() == alone[0].tolist()
        torch.testing.assert_close(logits[row], numbers[0], rtol=0, atol=1e-4)
    assert tokens[1].tolist() == values["crossing.tokens"].tolist()
