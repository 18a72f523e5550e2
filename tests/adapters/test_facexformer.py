"""FaceXFormer as a model: label orders, ways to name its file, the face it is shown, and what its miniature sees."""

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from adapters.detection import Face, with_margin
from adapters.facexformer import MARGIN, FaceXFormer
from adapters.registry import spec
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request
from tasks.coarser import coarser
from tasks.labels import SPACE_NAMES, label_space
from tests import goldens

NAME = "facexformer"
ASKED = ("utkface.race", "utkface.age", "fairface.gender", "celeba")


@pytest.fixture(scope="module")
def adapter():
    torch.set_num_threads(1)
    return FaceXFormer(str(goldens.checkpoint(NAME)), device="cpu")


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(goldens.checkpoint(NAME), tmp_path / "checkpoint")


def ask(model, image, spaces):
    asked = [
        Request(key=space, sample_id=space, image=ImageRef(path="x.png"), text="?", space=space) for space in spaces
    ]
    return model.answer(model.inputs([model.image(image)] * len(spaces), asked), Decoding())


def test_it_is_asked_what_its_heads_can_tell():
    able = {space for space in SPACE_NAMES for head in FaceXFormer.heads if coarser(head, space)}
    assert set(spec(NAME).spaces) == able


def test_attributes_are_in_the_order_of_celebas_file():
    assert FaceXFormer.heads["celeba"] == label_space("celeba").labels


def test_each_logit_is_the_label_its_author_says(adapter):
    """Upstream's logits of the image, its issue 5 for the names: race has Indian before Asian."""
    expected = load_file(goldens.FOLDER / NAME / "logits.safetensors")
    replies = dict(zip(ASKED, ask(adapter, goldens.face("wide"), ASKED), strict=True))
    names = ["White", "Black", "Indian", "Asian", "Others"]
    shares = expected["wide.race"].double().softmax(0).tolist()
    assert replies["utkface.race"].label_scores == pytest.approx(dict(zip(names, shares, strict=True)), abs=1e-5)
    assert replies["utkface.race"].text == f"{names[shares.index(max(shares))]}."
    male, female = expected["wide.gender"].double().softmax(0).tolist()
    assert replies["fairface.gender"].label_scores == pytest.approx({"Male": male, "Female": female}, abs=1e-5)
    young = expected["wide.age"].double().softmax(0)[0].item()
    assert replies["utkface.age"].label_scores["0-9"] == pytest.approx(young, abs=1e-5)
    here = dict(zip(label_space("celeba").labels, expected["wide.attribute"].double().sigmoid().tolist(), strict=True))
    assert replies["celeba"].label_scores == pytest.approx(here, abs=1e-5)


def test_a_file_as_upstream_saves_it_is_read(tmp_path, monkeypatch):
    """{"state_dict_backbone": ...} beside other things, in the published size; here that size is made small."""
    weights = {
        name: value.float() if value.is_floating_point() else value for name, value in goldens.weights(NAME).items()
    }
    torch.save({"state_dict_backbone": weights, "epoch": 3}, tmp_path / "model.pt")
    small = FaceXFormer(str(goldens.checkpoint(NAME)), device="cpu")
    monkeypatch.setattr(FaceXFormer, "network", staticmethod(lambda config: type(small.model)(small.model.config)))
    found = FaceXFormer(str(tmp_path / "model.pt"), device="cpu")
    assert all(torch.equal(value, found.model.state_dict()[name]) for name, value in small.model.state_dict().items())
    assert found.protocol["sha256"] != small.protocol["sha256"]


@pytest.mark.parametrize("change", ["missing", "unknown", "size"])
def test_weights_of_another_network_are_refused(copy, change):
    weights = load_file(copy / "model.safetensors")
    if change == "missing":
        del weights["face_decoder.pose_token.weight"]
    elif change == "unknown":
        weights["backbone.9.weight"] = torch.zeros(1)
    else:
        weights["linear_fuse.weight"] = torch.zeros(1)
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(AdapterError, match="weights of another network"):
        FaceXFormer(str(copy), device="cpu")


def test_unread_weights_may_be_missing(copy, adapter):
    weights = load_file(copy / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith(FaceXFormer.unread)}
    assert len(kept) < len(weights)
    save_file(kept, copy / "model.safetensors")
    face = goldens.face("tall")
    assert ask(FaceXFormer(str(copy), device="cpu"), face, ASKED) == ask(adapter, face, ASKED)


def upstreams(box, width, height):
    """adjust_bbox of upstream's inference.py, and the cut behind it, written down a second time."""
    grow = (box[2] - box[0]) * 0.5 / 2, (box[3] - box[1]) * 0.5 / 2
    corners = (
        max(0, box[0] - grow[0]),
        max(0, box[1] - grow[1]),
        min(width, box[2] + grow[0]),
        min(height, box[3] + grow[1]),
    )
    return tuple(int(corner) for corner in corners)


@settings(max_examples=200)
@given(
    st.tuples(*[st.floats(0, 90)] * 2), st.tuples(*[st.floats(2, 60)] * 2), st.integers(92, 130), st.integers(92, 130)
)
def test_a_face_is_cut_out_with_upstreams_margin(corner, size, width, height):
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    pixels = torch.arange(width * height, dtype=torch.int32).view(height, width).numpy()
    image = Image.fromarray(pixels)
    wanted = image.crop(upstreams(box, width, height))
    assert with_margin(image, box, MARGIN).tobytes() == wanted.tobytes()


def test_a_face_that_was_found_is_what_is_shown(adapter):
    image = goldens.face("square")
    box = (100.0, 120.0, 300.0, 320.0)
    shown = adapter.prepared(image, Face(box, None))
    assert torch.equal(shown, adapter.prepared(image.crop((50, 70, 350, 370)), None))
