"""Images and prompts of the four models of transformers' own classes, against their original repositories.

transformers' classes are conversions by others; golden/NAME/published.safetensors holds what the original code made of
the golden images and of faces as large as the datasets', at the published geometry, with Pillow. The networks are
compared in ports/test_goldens.py.
"""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoImageProcessor

from adapters.llava import Llava
from adapters.registry import spec
from harness.errors import AdapterError
from tests import goldens

NAMES = ("llava-v1.5-7b", "llava-onevision-7b-si", "mantis-siglip-8b", "qwen2.5-vl-7b")
SIZES = {
    "celeba": (178, 218),
    "fairface": (224, 224),
    "utkface": (200, 200),
    "rafdb": (100, 100),
    "huge": (2000, 1500),
}
"""Beside the five golden images: width and height of the datasets' faces, and one larger than any tile budget."""
CASES = (*goldens.IMAGES, *SIZES, "words")

every = pytest.mark.parametrize("name", NAMES)
every_case = pytest.mark.parametrize(("name", "case"), [(name, case) for name in NAMES for case in CASES])


def published(name):
    return safe_open(goldens.FOLDER / name / "published.safetensors", "pt")


def face(case):
    if case in SIZES:
        return goldens.IMAGES["square"]().resize(SIZES[case], Image.Resampling.NEAREST)
    return goldens.IMAGES["square" if case == "words" else case]()


def question(case):
    return goldens.QUESTIONS[case == "words"]


@pytest.fixture(scope="module")
def models():
    """Each adapter with the choices of the paper profile, of which the golden run had Qwen's pixel budget."""
    built = {}
    for name in NAMES:
        found = spec(name)
        checkpoint = str(goldens.checkpoint(name))
        built[name] = found.load()(checkpoint, device="cpu", dtype="float32", protocol=found.protocol.get("paper"))
    return built


@every_case
def test_images_and_ids_are_the_originals(name, case, models):
    model, golden = models[name], published(name)
    batch = model.batch([model.image(face(case).convert("RGB"))], [question(case)])
    assert batch["input_ids"][0].tolist() == golden.get_tensor(f"{case}.input_ids").tolist()
    assert (batch["input_ids"] == model.config.image_token_id).sum() == golden.get_tensor(f"{case}.count")
    fields = [key.removeprefix(f"{case}.image.") for key in golden.keys() if key.startswith(f"{case}.image.")]  # noqa: SIM118
    assert "pixel_values" in fields
    for field in fields:
        assert list(batch[field].shape) == golden.get_tensor(f"{case}.shape.{field}").tolist()
        wanted = golden.get_tensor(f"{case}.image.{field}").float().flatten()
        torch.testing.assert_close(goldens.sample(batch[field]), wanted, rtol=0, atol=1e-5)


@every
def test_the_prompt_is_the_text_the_original_templates_render(name, models):
    texts = published(name).metadata()
    assert models[name].prompt(goldens.QUESTIONS[0]) == texts["square"]
    assert models[name].prompt(goldens.QUESTIONS[1]) == texts["words"]


def test_onevision_shrinks_the_features_of_more_than_nine_tiles_as_the_original_does(models):
    model, golden = models["llava-onevision-7b-si"], published("llava-onevision-7b-si")
    batch = model.batch([model.image(face("huge"))], [question("huge")])
    output = model.model.generate(
        **batch, max_new_tokens=goldens.STEPS, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    assert output.sequences[0, -goldens.STEPS :].tolist() == golden.get_tensor("huge.tokens").tolist()
    torch.testing.assert_close(torch.cat(output.logits), golden.get_tensor("huge.logits"), rtol=0, atol=1e-4)


@every
def test_torchvision_resizes_otherwise(name, models):
    """Why the adapters ask for Pillow: these pixels are a grey level off here and there, in some sizes many levels."""
    image = models[name].image(face("tall"))
    default = AutoImageProcessor.from_pretrained(
        goldens.checkpoint(name), size=models[name].processor.image_processor.size
    )
    pixels = default(image, return_tensors="pt")["pixel_values"]
    wanted = published(name).get_tensor("tall.image.pixel_values")
    assert (goldens.sample(pixels) - wanted).abs().max() > 1e-3


def test_a_llama_tokenizer_that_spares_the_space_behind_the_image_is_refused(tmp_path):
    """What transformers makes of a tokenizer of which it reads the vocabulary only: one token less in each prompt."""
    folder = tmp_path / "llava"
    shutil.copytree(goldens.checkpoint("llava-v1.5-7b"), folder)
    settings = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings["normalizer"] = None
    settings["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    (folder / "tokenizer.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(AdapterError, match=r"behind <image>.*prepends"):
        Llava(str(folder), device="cpu")
