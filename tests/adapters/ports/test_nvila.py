"""NVILA's own laws: dynamic S2, the line break of a picture, and a published checkpoint that is a folder of folders."""

import json
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from adapters.nvila import Nvila
from adapters.ports.nvila import NVILAConfig, NVILAForConditionalGeneration, NVILAImageProcessor, NVILAProcessor, scales
from adapters.ports.nvila.images import closest
from adapters.ports.nvila.modeling import Fold
from harness.errors import AdapterError
from tests import goldens

FOLDER = goldens.FOLDER / "nvila-8b"
WHOLE = goldens.checkpoint("nvila-8b")
PARTS = FOLDER / "parts"
CASES = goldens.CASES
NAMES = {"llm": "llm.", "vision_tower": "vision_tower.", "mm_projector": "mm_projector."}

# Of Efficient-Large-Model/NVILA-8B, as far as it describes the network; the rest says nothing or is a default.
PUBLISHED = {
    "_name_or_path": "Efficient-Large-Model/NVILA-8B",
    "architectures": ["LlavaLlamaModel"],
    "chat_template": None,
    "dynamic_s2": True,
    "fps": 0.0,
    "hidden_size": 3584,
    "image_aspect_ratio": "dynamic_s2",
    "interpolate_mode": "linear",
    "llm_cfg": {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151645,
        "hidden_act": "silu",
        "hidden_size": 3584,
        "initializer_range": 0.02,
        "intermediate_size": 18944,
        "max_length": 20,
        "max_position_embeddings": 32768,
        "max_window_layers": 28,
        "model_max_length": 8192,
        "model_type": "qwen2",
        "num_attention_heads": 28,
        "num_beams": 1,
        "num_hidden_layers": 28,
        "num_key_value_heads": 4,
        "output_attentions": False,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 1000000.0,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "tokenizer_padding_side": "right",
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": 151648,
    },
    "mm_hidden_size": 3456,
    "mm_projector_cfg": {
        "architectures": ["MultimodalProjector"],
        "mm_projector_type": "mlp_downsample",
        "model_type": "v2l_projector",
        "torch_dtype": "bfloat16",
    },
    "mm_vision_select_feature": "cls_patch",
    "mm_vision_select_layer": -2,
    "model_dtype": "torch.bfloat16",
    "model_type": "llava_llama",
    "num_video_frames": 8,
    "s2": False,
    "s2_max_split_size": 448,
    "s2_resize_output_to_scale_idx": -1,
    "s2_scales": "448,896,1344",
    "transformers_version": "4.46.0",
    "vision_resolution": -1,
    "vision_tower_cfg": {
        "architectures": ["SiglipVisionModel"],
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_size": 1152,
        "image_size": 448,
        "intermediate_size": 4304,
        "layer_norm_eps": 1e-06,
        "model_type": "siglip_vision_model",
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "num_image_tokens": 256,
        "patch_size": 14,
        "projection_dim": 2048,
        "projector_hidden_act": "gelu_fast",
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "vision_use_head": False,
    },
}


@pytest.fixture(scope="module")
def parts():
    """The layout that upstream's code itself wrote."""
    torch.set_num_threads(1)
    return Nvila(str(PARTS), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def whole():
    torch.set_num_threads(1)
    return Nvila(str(WHOLE), device="cpu", dtype="float32")


def face(case):
    return goldens.IMAGES["square" if case == "words" else case]().convert("RGB")


def config_file(folder, **changes):
    (folder / "config.json").write_text(json.dumps(PUBLISHED | changes), encoding="utf-8")
    return folder


def upstream_weights():
    """The three files of upstream under the names of the layout in one piece."""
    files = {part: load_file(PARTS / part / "model.safetensors") for part in NAMES}
    return {NAMES[part] + key: value for part, weights in files.items() for key, value in weights.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_in_parts_gives_upstreams_ids_pixels_logits_and_tokens(parts, case):
    everything = load_file(FOLDER / "cases.safetensors")
    batch = parts.batch([face(case)], [CASES[case]])
    assert batch["input_ids"][0].tolist() == everything[f"{case}.input_ids"].tolist()
    assert batch["block_sizes"].tolist() == everything[f"{case}.image.block_sizes"].tolist()
    pixels = goldens.sample(batch["pixel_values"])
    torch.testing.assert_close(pixels, everything[f"{case}.image.pixel_values"], rtol=0, atol=1e-5)
    tokens, logits = goldens.greedy(parts.model, batch)
    assert tokens[0].tolist() == everything[f"{case}.tokens"].tolist()
    torch.testing.assert_close(logits[0], everything[f"{case}.logits"], rtol=0, atol=1e-4)


def test_what_was_in_parts_is_saved_in_one_piece(parts, tmp_path):
    parts.model.save_pretrained(tmp_path)
    parts.processor.save_pretrained(tmp_path)
    saved, published = load_file(tmp_path / "model.safetensors"), upstream_weights()
    assert set(saved) == set(published) == set(goldens.weights("nvila-8b"))
    for key, value in published.items():
        assert torch.equal(saved[key][: len(value)], value), key
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["architectures"]) == ("nvila", ["NVILAForConditionalGeneration"])
    again = Nvila(str(tmp_path), device="cpu", dtype="float32")
    assert (
        again.batch([face("tall")], ["?"])["input_ids"].tolist()
        == parts.batch([face("tall")], ["?"])["input_ids"].tolist()
    )


def test_a_network_made_from_a_configuration_is_saved_under_the_published_names(whole, tmp_path):
    AutoModelForImageTextToText.from_config(whole.config, dtype=torch.bfloat16).save_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(upstream_weights())


def test_added_tokens_get_the_mean_of_the_other_rows(parts):
    rows = len(load_file(PARTS / "llm" / "model.safetensors")["model.embed_tokens.weight"])
    weight = parts.model.get_input_embeddings().weight
    assert len(weight) == rows + 3 == len(parts.tokenizer)
    torch.testing.assert_close(weight[rows:], weight[:rows].mean(0).expand(3, -1))


def test_a_checkpoint_in_parts_is_read_from_a_repository(parts, tmp_path):
    """A filled cache stands for the network."""
    repository = tmp_path / "models--owner--name"
    shutil.copytree(PARTS, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    where = {"cache_dir": tmp_path, "local_files_only": True}
    processor = AutoProcessor.from_pretrained("owner/name", **where)
    model = AutoModelForImageTextToText.from_pretrained("owner/name", dtype=torch.float32, **where)
    assert isinstance(processor, NVILAProcessor)
    assert isinstance(model, NVILAForConditionalGeneration)
    for name, weight in parts.model.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name


def test_a_tokenizer_without_tokenizer_json_gives_the_same_ids(parts, tmp_path):
    shutil.copytree(PARTS, tmp_path / "copy")
    (tmp_path / "copy" / "llm" / "tokenizer.json").unlink()
    copy = AutoProcessor.from_pretrained(tmp_path / "copy").tokenizer
    text = parts.prompt(goldens.QUESTIONS[1])
    assert copy.encode(text) == parts.tokenizer.encode(text)


def test_a_part_that_lacks_weights_is_refused(tmp_path):
    shutil.copytree(PARTS, tmp_path / "copy")
    file = tmp_path / "copy" / "llm" / "model.safetensors"
    weights = load_file(file)
    del weights["model.norm.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(AdapterError, match=r"folder llm lacks weights, model\.norm\.weight among them"):
        Nvila(str(tmp_path / "copy"), device="cpu")


def test_weights_come_in_the_precision_asked_for():
    model = AutoModelForImageTextToText.from_pretrained(PARTS, dtype=torch.bfloat16, attn_implementation="sdpa")
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert not model.training


@pytest.mark.parametrize("case", goldens.IMAGES)
def test_tiles_and_grids_at_the_published_geometry_are_upstreams(case):
    everything = load_file(FOLDER / "published.safetensors")
    images = NVILAImageProcessor()
    features = images([goldens.IMAGES[case]()])
    assert list(features["pixel_values"].shape) == everything[f"{case}.shape.pixel_values"].tolist()
    assert features["block_sizes"].tolist() == everything[f"{case}.image.block_sizes"].tolist()
    assert images.tokens(features["block_sizes"][0].tolist()) == int(everything[f"{case}.count"])
    pixels = goldens.sample(features["pixel_values"])
    torch.testing.assert_close(pixels, everything[f"{case}.image.pixel_values"], rtol=0, atol=1e-5)


def test_tiles_with_an_odd_side_are_filled_up_with_zeros():
    wanted = load_file(FOLDER / "odd.safetensors")
    torch.testing.assert_close(Fold()(wanted["tiles"]), wanted["folded"], rtol=0, atol=0)


@given(some.integers(1, 5), some.integers(1, 5), some.integers(1, 4))
def test_cutting_a_map_undoes_joining_its_tiles(rows, columns, side):
    tiles = torch.arange(rows * columns * side * side * 2).reshape(rows * columns, side * side, 2)
    board = scales.merged(tiles, (rows, columns))
    assert board.shape == (2, rows * side, columns * side)
    assert torch.equal(scales.split(board, (rows, columns)), tiles)


@given(some.integers(1, 4000), some.integers(1, 4000))
def test_a_picture_becomes_nine_to_twelve_tiles_of_the_nearest_shape(width, height):
    images = NVILAImageProcessor()
    rows, columns = images.grid(width, height)
    assert 9 <= rows * columns <= 12
    assert rows * columns * 256 == images.tokens((rows, columns))
    others = [(r, c) for r in range(1, 13) for c in range(1, 13) if 9 <= r * c <= 12]
    assert abs(width / height - columns / rows) == min(abs(width / height - c / r) for r, c in others)


def test_of_two_shapes_equally_near_a_big_picture_gets_the_finer():
    shapes = ((1, 1), (2, 2))
    assert closest(10, 10, 100, shapes) == (1, 1)
    assert closest(300, 300, 100, shapes) == (2, 2)


def test_every_scale_weighs_in():
    tiles = torch.zeros(1 + 4 + 6, 4, 1)
    tiles[0], tiles[1:5], tiles[5:] = 1.0, 2.0, 3.0
    joined = scales.joined(tiles, (2, 4, 6), (3, 2))
    assert joined.shape == (6, 4, 3)
    assert torch.equal(joined, torch.tensor([1.0, 2.0, 3.0]).expand(6, 4, 3))


def test_a_line_break_ends_the_picture_and_the_question_follows_at_once(whole):
    batch = whole.batch([face("square")], ["Hm?\n "])
    ids, image = batch["input_ids"][0].tolist(), whole.config.image_token_id
    last = len(ids) - 1 - ids[::-1].index(image)
    tail = whole.tokenizer.decode(ids[last + 1 :])
    assert tail == "\nHm?<|im_end|>\n<|im_start|>assistant\n"
    assert ids.count(image) == 36


def test_several_pictures_of_all_shapes_give_the_features_of_each(whole):
    faces = [face(case) for case in goldens.IMAGES]
    together = whole.model.model.image_features(**whole.processor.image_processor(faces))
    for picture, features in zip(faces, together, strict=True):
        (alone,) = whole.model.model.image_features(**whole.processor.image_processor([picture]))
        torch.testing.assert_close(features, alone, rtol=0, atol=1e-4)


def test_gradients_reach_all_that_a_picture_passes(whole):
    model = AutoModelForImageTextToText.from_config(whole.config, dtype=torch.float32)
    batch = whole.batch([face("wide"), face("tiny")], ["?", "Who?"])
    model(**batch, labels=batch["input_ids"]).loss.backward()
    still = {name for name, weight in model.model.named_parameters() if weight.grad is None}
    last = len(model.model.vision_tower.encoder.layers) - 1
    assert still
    assert all(f"encoder.layers.{last}." in name or "post_layernorm" in name for name in still)


def test_tiles_that_do_not_fill_the_grids_are_an_error(whole):
    with pytest.raises(ValueError, match="ask for 14 tiles, but there are 2"):
        whole.model.model.image_features(torch.zeros(2, 3, 28, 28), torch.tensor([[3, 3]]))


def test_the_published_configuration_is_read(tmp_path):
    config = AutoConfig.from_pretrained(config_file(tmp_path))
    assert (config.image_token_id, config.video_token_id) == (151649, 151650)
    assert config.text_config.vocab_size == 151651
    assert config.text_config.rope_parameters["rope_theta"] == 1e6
    assert list(config.s2_scales) == [448, 896, 1344]
    whole = config.whole()
    assert type(whole) is NVILAConfig
    with torch.device("meta"):
        model = NVILAForConditionalGeneration(whole)
    billions = sum(weight.numel() for weight in model.parameters()) / 1e9
    assert billions == pytest.approx(8.1, abs=0.02)
    assert model.model.mm_projector.layers[1].normalized_shape == (4 * 3456,)


def test_the_layout_in_one_piece_needs_no_more_than_its_own_fields():
    defaults = AutoConfig.for_model("nvila", text_config={"hidden_size": 64}, vision_config={"image_size": 448})
    assert (list(defaults.s2_scales), defaults.max_tiles, defaults.mm_vision_select_layer) == ([448, 896, 1344], 12, -2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image_aspect_ratio": "dynamic"}, "'image_aspect_ratio' is 'dynamic', but NVILA-8B, .* has 'dynamic_s2'"),
        ({"dynamic_s2": None}, "'dynamic_s2' is None"),
        ({"mm_vision_select_feature": "patch"}, "'mm_vision_select_feature' is 'patch'"),
        ({"s2_resize_output_to_scale_idx": 0}, "'s2_resize_output_to_scale_idx' is 0"),
        (
            {"mm_projector_cfg": {"mm_projector_type": "mlp_downsample_3x3_fix"}},
            "the projector 'mlp_downsample_3x3_fix' is not NVILA-8B's",
        ),
        ({"llm_cfg": "./llm"}, "'./llm' under 'llm_cfg'"),
        ({"s2_scales": None}, "not multiples"),
        ({"max_tiles": 8}, "8 tiles are too few for a square of side 1344"),
        ({"s2_scales": "448,900"}, "not multiples"),
    ],
)
def test_another_member_of_the_family_is_refused_in_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(AdapterError, match=sentence):
        Nvila(str(config_file(tmp_path, **changes)))


def test_the_small_sister_of_the_same_model_type_is_refused(tmp_path):
    changes = {"model_type": "nvila", "architectures": ["NVILALiteForConditionalGeneration"], "text_config": {}}
    with pytest.raises(AdapterError, match="NVILA-Lite"):
        Nvila(str(config_file(tmp_path, **changes)))


def test_a_question_that_holds_the_placeholder_is_refused(whole):
    with pytest.raises(AdapterError, match="<image>"):
        whole.batch([Image.new("RGB", (20, 20))], ["What is <image>?"])
