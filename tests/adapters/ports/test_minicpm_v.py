"""MiniCPM-Llama3-V-2.5: its slices, its blank patches, its tokenizer; that it equals upstream is in test_goldens.py."""

import json
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from adapters.minicpm_v import MiniCPMLlama3V
from adapters.ports.minicpm_v import MiniCPMV, MiniCPMVConfig, MiniCPMVImageProcessor
from adapters.ports.minicpm_v.modeling import places
from adapters.ports.minicpm_v.resampler import Resampler, grid_positions
from harness.errors import AdapterError
from harness.records import Decoding
from tests import goldens

NAME = "minicpm-llama3-v2.5"
SIZES = ((90, 70), (500, 500), (900, 320), (23, 17))
PUBLISHED = {
    "version": "2.5",
    "architectures": ["MiniCPMV"],
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV"},
    "batch_vision_input": True,
    "bos_token_id": 128000,
    "drop_vision_last_layer": False,
    "eos_token_id": 128001,
    "hidden_size": 4096,
    "image_size": 448,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "mm_use_im_start_end": True,
    "model_type": "minicpmv",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "patch_size": 14,
    "query_num": 96,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 500000.0,
    "slice_config": {"max_slice_nums": 9, "patch_size": 14, "model_type": "minicpmv"},
    "slice_mode": True,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "use_cache": False,
    "vision_config": {
        "hidden_size": 1152,
        "image_size": 980,
        "intermediate_size": 4304,
        "model_type": "idefics2",
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "patch_size": 14,
    },
    "vocab_size": 128256,
}
"""Values of the published config.json."""
TINY = {
    "hidden_size": 128,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 90,
    "image_token_id": 7,
    "query_num": 3,
    "vision_config": {
        "hidden_size": 24, "image_size": 56, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2,
    },
}  # fmt: skip

sides = st.integers(1, 4000)


@pytest.fixture(scope="module")
def model():
    return goldens.model(NAME)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(goldens.checkpoint(NAME), tmp_path / NAME)
    return tmp_path / NAME


def picture(size, seed=3):
    return goldens._drawn(*size, seed)


def features(model, *sizes):
    batch = model.processor.image_processor([picture(size) for size in sizes])
    with torch.inference_mode():
        return model.model.model.get_image_features(**batch).pooler_output


def published_at(folder):
    (folder / "config.json").write_text(json.dumps(PUBLISHED))
    return AutoConfig.from_pretrained(folder)


def test_the_published_configuration_is_read_and_written_as_it_was(tmp_path):
    config = published_at(tmp_path)
    assert isinstance(config, MiniCPMVConfig)
    assert config.text_config.num_hidden_layers == 32
    assert config.vision_config.num_hidden_layers == 27
    assert (config.query_num, config.image_token_id) == (96, 128002)
    assert config.rope_parameters["rope_theta"] == 500000.0
    config.save_pretrained(tmp_path / "again")
    written = json.loads((tmp_path / "again" / "config.json").read_text())
    renamed = {"torch_dtype", "vision_config"}  # transformers 5 says dtype, and adds the tower's defaults
    assert {key: written[key] for key in PUBLISHED if key not in renamed} == {
        key: value for key, value in PUBLISHED.items() if key not in renamed
    }
    assert PUBLISHED["vision_config"].items() <= written["vision_config"].items()
    again = AutoConfig.from_pretrained(tmp_path / "again").to_dict()
    assert again | {"_name_or_path": str(tmp_path)} == config.to_dict()


def test_another_version_under_the_same_model_type_is_refused(folder):
    with pytest.raises(ValueError, match=r"MiniCPM-V 2.6.*take openbmb/MiniCPM-Llama3-V-2_5"):
        MiniCPMVConfig(**PUBLISHED | {"version": 2.6})
    (folder / "config.json").write_text(json.dumps(PUBLISHED | {"version": "2.6"}))
    with pytest.raises(AdapterError, match=r"MiniCPM-V 2.6"):
        MiniCPMLlama3V(str(folder), device="cpu")


def test_the_published_network_has_its_published_names_and_size(tmp_path):
    with torch.device("meta"):
        network = AutoModelForImageTextToText.from_config(published_at(tmp_path))
    assert sum(weight.numel() for weight in network.parameters()) * 4 == 34_148_369_344
    assert len(network.state_dict()) == 741


@pytest.mark.parametrize("dropped", [True, False])
def test_a_network_from_nothing_writes_published_names_and_reads_them_back(tmp_path, dropped):
    network = MiniCPMV(MiniCPMVConfig(**TINY, drop_vision_last_layer=dropped))
    network.save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {name.split(".")[0] for name in names} == {"llm", "vpm", "resampler"}
    assert any(name.startswith("vpm.encoder.layers.1.") for name in names) is not dropped
    again, report = AutoModelForImageTextToText.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values()), report
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_the_images_of_a_batch_do_not_see_each_other(model):
    together = features(model, *SIZES)
    for size, beside in zip(SIZES, together, strict=True):
        torch.testing.assert_close(beside, features(model, size)[0], rtol=0, atol=1e-5)


def test_blank_patches_are_seen_as_upstream_does(model, monkeypatch):
    """900 x 320 has an overview of 40 patches and slices of 35, which are padded with five blank ones."""
    padded = features(model, (900, 320))[0].unflatten(0, (9, -1))
    monkeypatch.setattr(model.model.config, "batch_vision_input", False)
    alone = features(model, (900, 320))[0].unflatten(0, (9, -1))
    torch.testing.assert_close(padded[0], alone[0], rtol=0, atol=1e-5)
    assert (padded[1:] - alone[1:]).abs().amax(dim=(1, 2)).min() > 1e-3


@given(count=st.integers(1, 3000), side=st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_places_lead_through_the_first_row_of_the_table(count, side):
    rows = places(count, side)
    steps = rows.diff()
    assert rows.shape == (count,)
    assert (rows[0], rows.max() < side) == (0, True)
    assert (steps >= 0).all()
    exact = torch.arange(count) * side / count
    assert ((rows - exact).abs() < 1 + 1e-3).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_places_do_not_depend_on_the_type_of_the_network(dtype):
    """1024 patches, 10 places: rounded to bfloat16, some patches would fall on another place."""
    network = MiniCPMV.from_pretrained(goldens.checkpoint(NAME), dtype=dtype)
    used = []
    network.model.vpm.embeddings.position_embedding.register_forward_pre_hook(lambda _, rows: used.append(rows[0]))
    network.model.get_image_features(**MiniCPMVImageProcessor()([picture((448, 448))]).to(dtype))
    assert used[0].tolist() == [[patch * 10 // 1024 for patch in range(1024)]]
    assert (torch.arange(1024) / 1024).bfloat16().mul(10).floor().tolist() != used[0][0].tolist()


@given(width=sides, height=sides, most=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_slicing_laws(width, height, most):
    images = MiniCPMVImageProcessor(max_slice_nums=most)
    rows, columns = images.slice_grid((width, height))
    assert (rows * columns == 0) == (min(width * height / 448**2, most) <= 1)
    assert rows * columns <= most
    assert rows * columns != 1
    assert all(side % 14 == 0 and side > 0 for side in images.view_size((width, height)))
    if 1 / 20 < width / height < 20:
        area = images.view_size((width, height))[0] * images.view_size((width, height))[1]
        assert 0.8 < area / 448**2 < 1.2


def test_a_picture_as_large_as_a_view_is_cut_into_its_own_pixels():
    view = picture((42, 28))
    batch = MiniCPMVImageProcessor(scale_resolution=34.3)([view])
    assert batch["patch_grids"].tolist() == [[2, 3]]
    assert batch["slice_grids"].tolist() == [[0, 0]]
    corner = view.crop((28, 14, 42, 28))  # second row, third column
    pixels = (batch["pixel_values"][5] * 0.5 + 0.5) * 255
    assert pixels.round().permute(1, 2, 0).byte().flatten().tolist() == list(corner.tobytes())


@pytest.mark.parametrize("case", goldens.IMAGES)
def test_the_image_side_at_the_published_geometry_is_upstreams(case):
    wanted = load_file(goldens.FOLDER / NAME / "published.safetensors")
    images = MiniCPMVImageProcessor()
    batch = images([goldens.IMAGES[case]()])
    assert len(batch["patch_grids"]) * images.image_feature_size == wanted[f"{case}.count"].item()
    for name, value in batch.items():
        assert list(value.shape) == wanted[f"{case}.shape.{name}"].tolist()
        if value.is_floating_point():
            torch.testing.assert_close(goldens.sample(value), wanted[f"{case}.image.{name}"], rtol=0, atol=1e-5)
        else:
            assert torch.equal(value, wanted[f"{case}.image.{name}"])


def test_the_prompt_spells_overview_and_rows_of_slices(model):
    batch = model.batch([picture((900, 320))], ["Is it? \n"])
    view = "<image>" + "<unk>" * 12 + "</image>"
    rows = "\n".join([view * 4] * 2)
    assert model.tokenizer.decode(batch["input_ids"][0]) == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
        f"{view}<slice>{rows}</slice>\nIs it?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_the_tokenizer_is_read_from_its_file_whatever_class_the_checkpoint_names(folder, model, tmp_path):
    """Ids from upstream's tokenizer; "!" is its padding token, so it is split off, but a question may hold it."""
    named = json.loads((folder / "tokenizer_config.json").read_text())
    assert (named["tokenizer_class"], named["pad_token"]) == ("MiniCPMVTokenizerFast", "!")
    text = "Wow! Is he old?\n!! in!"
    assert model.tokenizer.encode(text, add_special_tokens=False) == [
        54,
        78,
        86,
        0,
        313,
        311,
        324,
        30,
        198,
        0,
        0,
        268,
        0,
    ]
    special = "<image><unk></image><slice></slice><|eot_id|>"
    assert model.tokenizer.encode(special, add_special_tokens=False) == [354, 346, 355, 364, 365, 353]
    assert text in model.prompt(text)
    assert model.tokenizer.decode(model.tokenizer.encode(text), skip_special_tokens=True) == text
    AutoProcessor.from_pretrained(folder).save_pretrained(tmp_path / "again")
    again = AutoProcessor.from_pretrained(tmp_path / "again").tokenizer
    assert again.encode(text) == AutoProcessor.from_pretrained(folder).tokenizer.encode(text)
    assert again.pad_token == "<|end_of_text|>"


def test_a_tokenizer_without_merges_and_spaces_is_refused(folder):
    """What transformers 5 makes of the published tokenizer when it runs the class that comes with it."""
    path = folder / "tokenizer.json"
    broken = json.loads(path.read_text())
    broken["model"]["merges"] = []
    path.write_text(json.dumps(broken | {"pre_tokenizer": None, "decoder": None}))
    with pytest.raises(AdapterError, match="changes text"):
        MiniCPMLlama3V(str(folder), device="cpu")


def test_a_question_cannot_bring_its_own_picture(model):
    for text in ("<unk>", "<image>", "</slice>", "<|eot_id|>"):
        with pytest.raises(AdapterError, match="special token"):
            model.prompt(f"What is {text}?")


def test_replies_of_a_batch_in_bfloat16_end_at_a_stop_token_or_the_limit(folder):
    half = MiniCPMLlama3V(str(folder), device="cpu", dtype="bfloat16")
    assert half.tokenizer.convert_ids_to_tokens(half.stop_ids) == ["<|eot_id|>", "<|end_of_text|>"]
    faces = [picture(size) for size in SIZES]
    replies = half.answer(half.batch(faces, ["Who?"] * len(faces)), Decoding(max_new_tokens=4))
    assert [1 <= reply.new_tokens <= 4 for reply in replies] == [True] * len(faces)


def test_gradients_reach_every_part():
    torch.manual_seed(0)
    network = MiniCPMV(MiniCPMVConfig(**TINY, drop_vision_last_layer=False))
    images = MiniCPMVImageProcessor(scale_resolution=56, image_feature_size=3)([picture((90, 60)), picture((50, 50))])
    tokens = 3 * len(images["patch_grids"])
    ids = torch.tensor([[7] * 9 + [1, 2], [7] * 3 + [1, 2, 3, 4, 5, 6, 8, 9]])
    assert tokens == int((ids == 7).sum())
    network(input_ids=ids, labels=ids, **images).loss.backward()
    still = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A bias of the keys shifts all scores alike.
    assert [name for name in still if not name.endswith("k_proj.bias")] == []
    with pytest.raises(ValueError, match="image tokens"):
        network(input_ids=ids[:, 1:], **images)


def test_tokens_start_different_and_heads_fit():
    torch.manual_seed(0)
    network = MiniCPMV(MiniCPMVConfig(**TINY))
    batch = MiniCPMVImageProcessor(scale_resolution=56, image_feature_size=3)([picture((60, 60))])
    tokens = network.model.get_image_features(**batch).pooler_output[0]
    assert torch.cdist(tokens, tokens)[0, 1] > 1e-3
    with pytest.raises(ValueError, match="multiple of 128"):
        Resampler(4, 130, 24)


def test_positions_say_column_then_row():
    codes = grid_positions(torch.tensor([[2, 3], [1, 2]]), 6, 16)
    assert codes.shape == (2, 6, 16)
    assert torch.equal(codes[0, 1, :8], codes[0, 4, :8])  # one column, two rows
    assert torch.equal(codes[0, 3, 8:], codes[0, 5, 8:])  # one row, two columns
    assert not torch.equal(codes[0, 0], codes[0, 1])
    assert torch.equal(codes[0, 1], codes[1, 1])


def test_grey_pictures_have_three_colours():
    batch = MiniCPMVImageProcessor()([Image.new("L", (30, 30), 128)])
    assert batch["pixel_values"].shape[1:] == (3, 14, 14)
