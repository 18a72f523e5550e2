"""Image treatment of the adapters against transformers' own processors."""

import pytest
import torch
from PIL import Image
from transformers import LlavaImageProcessorPil

from adapters.qwen2_5_vl import Qwen25VL
from harness.errors import UnknownNameError
from tests import tiny_models

SHAPES = [(40, 40), (90, 31), (31, 90), (33, 34), (5, 60)]


@pytest.mark.parametrize("size", SHAPES)
def test_llava_pads_as_the_padding_processor_does(size):
    """The published checkpoint declares a processor that crops; this oracle pads, which is what the original does."""
    model = tiny_models.model("llava-v1.5-7b")
    image = tiny_models.picture(*size, seed=7)
    ours = model.batch([model.image(image)], ["?"])["pixel_values"]
    oracle = LlavaImageProcessorPil(do_pad=True, size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    assert torch.equal(ours, oracle(image, return_tensors="pt")["pixel_values"])


def test_llava_pads_with_the_mean_colour_and_keeps_every_pixel():
    image = tiny_models.picture(50, 30)
    square = tiny_models.model("llava-v1.5-7b").image(image)
    assert square.size == (50, 50)
    assert square.getpixel((0, 0)) == square.getpixel((49, 49)) == (122, 116, 104)
    assert square.crop((0, 10, 50, 40)).tobytes() == image.tobytes()


def test_without_the_padding_the_sides_of_a_wide_image_are_lost():
    model = tiny_models.model("llava-v1.5-7b")
    image = Image.new("RGB", (90, 30), "red")
    changed = image.copy()
    changed.paste("blue", (0, 0, 20, 30))
    cropped = [model.batch([one], ["?"])["pixel_values"] for one in (image, changed)]
    padded = [model.batch([model.image(one)], ["?"])["pixel_values"] for one in (image, changed)]
    assert torch.equal(*cropped)
    assert not torch.equal(*padded)


def test_mantis_takes_its_geometry_from_the_network():
    model = tiny_models.model("mantis-siglip-8b")
    batch = model.batch([tiny_models.picture(90, 31)], ["?"])
    assert batch["pixel_values"].shape[-2:] == (30, 30)  # no crop, and no multiple of the patch of 14
    assert (batch["input_ids"] == model.config.image_token_id).sum() == (30 // 14) ** 2


def test_onevision_cuts_a_wide_image_into_tiles():
    model = tiny_models.model("llava-onevision-7b-si")
    counts = [
        model.batch([tiny_models.picture(*size)], ["?"])["pixel_values"].shape[1] for size in [(28, 28), (56, 28)]
    ]
    assert counts[0] < counts[1] == 3  # two tiles and the whole


@pytest.mark.parametrize(("low", "high", "tokens"), [(0, 0, 4), (112 * 112, 112 * 112, 16), (28 * 28, 28 * 28, 1)])
def test_qwen_sees_as_many_pixels_as_the_protocol_says(low, high, tokens):
    folder = str(tiny_models.checkpoint("qwen2.5-vl-7b"))
    model = Qwen25VL(folder, device="cpu", protocol={"min_pixels": low, "max_pixels": high})
    ids = model.batch([tiny_models.picture(56, 56)], ["?"])["input_ids"]
    assert (ids == model.config.image_token_id).sum() == tokens
    assert model.protocol["max_pixels"] == (high or 112 * 112)  # what is in force is what is recorded


def test_a_misspelt_protocol_field_is_an_error():
    with pytest.raises(UnknownNameError, match="min_pixels"):
        Qwen25VL(str(tiny_models.checkpoint("qwen2.5-vl-7b")), protocol={"min_pixel": 1})
