"""FairFace at its published size against upstream's predict.py: pixels, logits, probabilities, names of labels."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import resnet34

from adapters.fairface import FairFace
from harness.records import Decoding, ImageRef, Request
from tests import goldens
from tests.specialists import filled

GOLDEN = goldens.FOLDER / "fairface"
PUBLISHED = load_file(GOLDEN / "published.safetensors")
WRITTEN = json.loads((GOLDEN / "labels.json").read_text(encoding="utf-8"))
every = pytest.mark.parametrize("name", goldens.IMAGES)


@pytest.fixture(scope="module")
def original():
    return resnet34(weights=None, num_classes=18).eval()


@pytest.fixture(scope="module")
def model(original, tmp_path_factory):
    """The adapter on a file such as the published one, pickled by torch."""
    file = tmp_path_factory.mktemp("fairface") / "fairface_alldata_20191111.pt"
    torch.save(filled(original), file)
    return FairFace(str(file), "cpu")


@every
def test_pixels_logits_and_probabilities_are_upstreams(model, name):
    pixels = model.image(goldens.face(name))
    assert pixels.shape == (3, 224, 224)
    torch.testing.assert_close(goldens.sample(pixels), PUBLISHED[f"{name}.pixels"], rtol=0, atol=1e-6)
    spaces = ("fairface.race", "fairface.gender", "fairface.age")
    with torch.inference_mode():
        logits = torch.cat([model.read(pixels[None])[space][0] for space in spaces])
    torch.testing.assert_close(logits, PUBLISHED[f"{name}.logits"], rtol=0, atol=1e-4)
    asked = [Request(key=one, sample_id="0", image=ImageRef(path="x"), text="?", space=one) for one in spaces]
    replies = model.answer(model.inputs([pixels] * 3, asked), Decoding())
    for reply, head in zip(replies, ("race", "gender", "age"), strict=True):
        row = dict(zip(WRITTEN["orders"][head], WRITTEN["faces"][name][f"{head}_scores"], strict=True))
        shown = {label.replace("more than 70", "70+"): share for label, share in reply.label_scores.items()}
        assert shown == pytest.approx(row, abs=1e-5)
        assert reply.text.replace("more than 70", "70+").replace(" Hispanic", "_Hispanic") == (
            f"{WRITTEN['faces'][name][head]}."
        )


def test_the_order_of_the_labels_is_upstreams():
    own = {space.partition(".")[2]: labels for space, labels in FairFace.heads.items()}
    assert list(own) == ["race", "gender", "age"]  # the order of the 18 numbers
    assert {head: [label.replace("more than 70", "70+") for label in labels] for head, labels in own.items()} == (
        WRITTEN["orders"]
    )


def test_the_golden_images_are_told_apart():
    rows = [PUBLISHED[f"{name}.logits"] for name in goldens.IMAGES]
    assert min((rows[0] - row).abs().max() for row in rows[1:]) > 0.01


def test_the_network_is_torchvisions_to_the_bit(model, original):
    original.load_state_dict(model.model.state_dict())
    assert list(original.state_dict()) == list(model.model.state_dict())
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(original(pixels), model.model(pixels))
    assert model.parameters == 21_293_906


def test_utkface_is_answered_by_name(model):
    assert model.head_of("utkface.race") == "fairface.race"
    assert model.head_of("utkface.age") == "fairface.age"
    assert model.head_of("utkface.gender") == "fairface.gender"
