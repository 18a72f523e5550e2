"""FaceXFormer's port = upstream: pixels, logits and names; golden/facexformer/note.toml says how they were made."""

import json

import pytest
import torch
from safetensors.torch import load_file

from adapters.ports.facexformer import UNREAD, FaceXFormer, FaceXFormerConfig
from adapters.ports.facexformer.configuration import HEADS
from adapters.registry import spec
from tests import goldens

NAME = "facexformer"
EXPECTED = load_file(goldens.FOLDER / NAME / "logits.safetensors")
SMALL = FaceXFormerConfig(
    image_size=32, embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window_size=4, width=8, decoder_heads=2,
    decoder_mlp=16,
)  # fmt: skip

every = pytest.mark.parametrize("case", goldens.IMAGES)


@pytest.fixture(scope="module")
def adapter():
    torch.set_num_threads(1)
    return spec(NAME).load()(str(goldens.checkpoint(NAME)), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def published():
    """Name -> shape of all weights of the published size."""
    return json.loads((goldens.FOLDER / NAME / "names.json").read_text(encoding="utf-8"))


@every
def test_pixels_are_upstreams_to_the_bit(adapter, case):
    pixels = adapter.image(goldens.face(case))
    assert pixels.shape == (3, 224, 224)
    assert torch.equal(goldens.sample(pixels), EXPECTED[f"{case}.pixels"])


@every
def test_logits_are_upstreams(adapter, case):
    with torch.inference_mode():
        found = adapter.model(adapter.image(goldens.face(case))[None])
    assert {head: values.shape[1] for head, values in found.items()} == HEADS
    for head, values in found.items():
        torch.testing.assert_close(values[0], EXPECTED[f"{case}.{head}"], rtol=0, atol=5e-5)


def test_the_cases_could_fail():
    """Images differ in their logits by far more than what counts as equal."""
    for head in HEADS:
        rows = torch.stack([EXPECTED[f"{case}.{head}"] for case in goldens.IMAGES])
        assert rows.std(0).mean() > 100 * 5e-5


def test_a_batch_gives_each_picture_its_own_logits(adapter):
    with torch.inference_mode():
        found = adapter.model(torch.stack([adapter.image(goldens.face(case)) for case in goldens.IMAGES]))
    for row, case in enumerate(goldens.IMAGES):
        for head, values in found.items():
            torch.testing.assert_close(values[row], EXPECTED[f"{case}.{head}"], rtol=0, atol=5e-5)


def test_every_published_weight_is_read_or_named_as_unread(published):
    with torch.device("meta"):
        own = {name: list(value.shape) for name, value in FaceXFormer(FaceXFormerConfig()).state_dict().items()}
    assert own == {name: shape for name, shape in published.items() if not name.startswith(UNREAD)}
    assert all(any(name.startswith(unread) for name in published) for unread in UNREAD)


def test_gradients_reach_every_weight():
    """So a miniature can learn in all its parts."""
    torch.manual_seed(0)
    network = FaceXFormer(SMALL)
    sum(values.square().sum() for values in network(torch.randn(2, 3, 32, 32)).values()).backward()
    silent = {
        name for name, weight in network.named_parameters() if weight.grad is None or weight.grad.abs().max() < 1e-12
    }
    assert not silent


def test_places_are_told_apart(adapter):
    """The position of a place is read: the same picture upside down gives other logits."""
    pixels = adapter.image(goldens.face("square"))[None]
    with torch.inference_mode():
        upright, turned = adapter.model(pixels), adapter.model(pixels.flip(-2))
    assert (upright["age"] - turned["age"]).abs().max() > 1e-3
