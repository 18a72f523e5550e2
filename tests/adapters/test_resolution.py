"""The resolution policy of each model: recorded as a whole, and what is chosen reaches the network."""

import pytest
from transformers import AutoProcessor

from adapters.llava import Llava
from adapters.registry import spec
from adapters.resolution import AS_SAVED, Policy, settle
from harness.errors import AdapterError, UnknownNameError
from harness.records import Decoding
from tests import goldens, tiny_models

NAMES = (*tiny_models.NAMES, "faceinsight")
every = pytest.mark.parametrize("name", NAMES)

CHOSEN = [
    ("qwen2.5-vl-7b", {"min_pixels": 784, "max_pixels": 50_176}, (224, 224), 64),
    ("qwen2.5-vl-7b", {"min_pixels": 200_704}, (224, 224), 256),
    ("qwen2.5-vl-7b", {"min_pixels": 1_016_064, "max_pixels": 1_016_064}, (224, 224), 1296),
    ("internvl2.5-8b", {"max_tiles": 1}, (224, 224), 4),
    ("internvl2.5-8b", {"max_tiles": 4}, (224, 224), 5 * 4),
    ("internvl2.5-8b", {"min_tiles": 6, "max_tiles": 6}, (224, 224), 7 * 4),
    ("phi-3.5-vision", {"num_crops": 4}, (224, 224), (4 + 1) * 144 + (2 + 1) * 12 + 1),
    ("phi-3.5-vision", {"num_crops": 1}, (224, 224), (1 + 1) * 144 + (1 + 1) * 12 + 1),
    ("minicpm-llama3-v2.5", {"max_slices": 1}, (224, 224), 12),
    ("minicpm-llama3-v2.5", {"max_slices": 4}, (224, 224), 5 * 12),
    ("minicpm-llama3-v2.5", {"scale_resolution": 448}, (224, 224), 12),
    ("nvila-8b", {"max_tiles": 9}, (300, 900), 9 * 4),
    ("llava-onevision-7b-si", {"max_grid": 1}, (900, 900), 729 + 27 * (27 + 1)),
    ("llava-onevision-7b-si", {"max_grid": 2}, (900, 900), 729 + 54 * (54 + 1)),
    ("llava-onevision-7b-si", {"max_tiles": 1}, (384, 384), 729 + 27 * (27 + 1)),
]
"""Model, what is chosen, width and height of a picture, the image tokens that come of it by the model's own rule."""
FIXED = [(name, field) for name in tiny_models.NAMES for field in spec(name).policy.fixed]
ONE = Decoding(max_new_tokens=1)


def loaded(name, **chosen):
    found = spec(name).chosen("paper", chosen)
    return found.load()(
        str(goldens.checkpoint(name)), device="cpu", dtype="float32", protocol=found.protocol.get("paper")
    )


def asked(model, size):
    batch = model.batch([model.image(tiny_models.picture(*size))], ["Who?"])
    (reply,) = model.answer(batch, ONE)  # the network refuses any other number of tokens than of features
    return reply.image_tokens


@pytest.mark.parametrize(("name", "chosen", "size", "tokens"), CHOSEN)
def test_what_is_chosen_reaches_the_network(name, chosen, size, tokens):
    model = loaded(name, **chosen)
    assert {field: model.protocol[field] for field in chosen} == chosen
    assert asked(model, size) == tokens


@pytest.mark.parametrize("name", sorted({name for name, *_ in CHOSEN}))
def test_every_field_that_can_be_chosen_is_tried_above(name):
    assert {field for one, chosen, *_ in CHOSEN for field in chosen if one == name} == set(spec(name).policy.free)


def test_qwens_count_is_transformers_own():
    """A 224-pixel face under three bounds that harnesses use silently."""
    folder = goldens.checkpoint("qwen2.5-vl-7b")
    for low, high in ((784, 50_176), (200_704, 1_003_520), (1_016_064, 1_016_064)):
        processor = AutoProcessor.from_pretrained(folder, min_pixels=low, max_pixels=high)
        text = "<|vision_start|><|image_pad|><|vision_end|>"
        ids = processor(images=[tiny_models.picture(224, 224)], text=[text], return_tensors="pt")["input_ids"]
        model = loaded("qwen2.5-vl-7b", min_pixels=low, max_pixels=high)
        assert asked(model, (224, 224)) == (ids == model.config.image_token_id).sum()


@every
def test_all_values_in_force_are_recorded(name):
    adapter = spec(name).load()
    model = adapter(str(spec(name).miniature), device="cpu")
    assert list(model.protocol) == list(adapter.defaults)
    assert not [field for field in adapter.defaults if model.protocol[field] == AS_SAVED]
    assert set(model.saved()) | {"answers", "square"} >= set(adapter.defaults)
    said = spec(name).policy.in_words(model.protocol)
    assert all(str(model.protocol[field]) in said.replace(",", "") for field in ("tokens_per_tile", "image_size")
               if field in model.protocol)  # fmt: skip


@every
def test_the_model_list_knows_the_fields_of_the_adapter(name):
    """It is asked before torch is there, so it says them a second time."""
    policy, adapter = spec(name).policy, spec(name).load()
    assert list(policy.values) == list(adapter.defaults)
    assert policy.fixed == adapter.fixed
    assert "{" not in policy.in_words(policy.values)
    assert set(spec(name).protocol.get("paper", {}).items()) <= set(policy.values.items())
    used = [field for field in policy.values if "{" + field in policy.words]
    assert set(policy.values) - set(used) <= {"thumbnail", "answers", "map_size"}  # the map is padded as the face is


@pytest.mark.parametrize("name", [*tiny_models.NATIVE, "monkey-chat", "phi-3.5-vision"])
def test_the_values_of_the_list_are_those_at_the_published_geometry(name):
    """The golden checkpoints of these models have it; the other ports' have small tiles."""
    assert loaded(name).protocol == spec(name).policy.values


@pytest.mark.parametrize(("name", "field"), FIXED)
def test_what_the_network_cannot_take_is_a_sentence(name, field):
    value = {bool: False, str: "1, 2", int: 7}[type(spec(name).policy.values[field])]
    with pytest.raises(AdapterError, match=f"'{field}' of {name} is .* as its network was built"):
        spec(name).chosen("tiny", {field: value})
    with pytest.raises(AdapterError, match=f"'{field}' of .* cannot be {value!r}"):
        spec(name).load()(str(goldens.checkpoint(name)), device="cpu", protocol={field: value})


@pytest.mark.parametrize(
    ("name", "chosen", "words"),
    [
        ("qwen2.5-vl-7b", {"min_pixels": 9000, "max_pixels": 8000}, "min_pixels = 9000 above max_pixels = 8000"),
        ("internvl2.5-8b", {"min_tiles": 13}, "min_tiles = 13 above max_tiles = 12"),
        ("nvila-8b", {"max_tiles": 8}, "give at least 9"),
        ("llava-onevision-7b-si", {"max_grid": 7}, "max_grid is at most 6"),
        ("minicpm-llama3-v2.5", {"scale_resolution": 13}, "give at least 14"),
        ("llava-v1.5-7b", {"square": "stretch"}, "pad or crop"),
        ("phi-3.5-vision", {"num_crops": -1}, "a whole number from 1 up"),
        ("phi-3.5-vision", {"num_crops": "many"}, "a whole number from 1 up"),
        ("qwen2.5-vl-7b", {"max_pixels": 1e6}, "a whole number from 1 up"),
        ("echo", {"x": 1}, "has no field to choose"),
    ],
)
def test_a_value_that_makes_no_sense_is_a_sentence(name, chosen, words):
    with pytest.raises(AdapterError, match=words):
        loaded(name, **chosen)


def test_a_field_that_does_not_exist_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"qwen2.5-vl-7b 'max_pixel'. Did you mean 'max_pixels'"):
        spec("qwen2.5-vl-7b").chosen("tiny", {"max_pixel": 1})


def test_cropped_is_what_the_converted_checkpoint_does_with_a_wide_picture():
    wide = tiny_models.picture(90, 30)
    folder = str(tiny_models.checkpoint("llava-v1.5-7b"))
    crop, pad = (Llava(folder, device="cpu", protocol={"square": way}) for way in ("crop", "pad"))
    assert crop.image(wide) is wide
    assert pad.image(wide).size == (90, 90)


def test_zero_is_what_the_checkpoint_says_and_false_is_not_zero():
    assert settle({"a": AS_SAVED}, {"a": 7}, (), "x") == {"a": 7}
    with pytest.raises(AdapterError, match="cannot be False"):
        settle({"a": False}, {"a": True}, ("a",), "x")


def test_words_that_do_not_fit_give_way_to_the_values():
    assert Policy(words="{gone} tiles").in_words({"tiles": 3, "side": 4}) == "tiles 3, side 4"
