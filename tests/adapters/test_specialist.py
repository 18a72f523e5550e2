"""What the specialists share: the file's hash in the protocol, and choices that cannot be met."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from adapters.fairface import FairFace
from adapters.registry import spec
from harness.errors import AdapterError, UnknownNameError

SIZES = {"model_type": "fairface", "image_size": 32, "layers": [1, 1, 1, 1], "channels": [4, 4, 4, 4]}


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save_file(FairFace.network(SIZES).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(SIZES))
    return tmp_path


def test_the_protocol_records_the_file_and_the_size(folder):
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    wanted = {"crop": "none", "detector": "retinaface/mobilenet", "sha256": found, "image_size": 32}
    assert FairFace(str(folder), "cpu").protocol == wanted
    assert FairFace(str(folder), "cpu", protocol={"sha256": found}).protocol == wanted


def test_another_hash_is_refused_from_the_command_line_on(folder):
    chosen = spec(f"fairface@{folder}").chosen("tiny", {"sha256": "1" * 64})
    with pytest.raises(AdapterError, match=f"not {'1' * 64}: it is another file"):
        chosen.load()(chosen.source("tiny"), "cpu", protocol=chosen.protocol["tiny"])


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({"crop": "tight"}, AdapterError, "crop is none or detected, not 'tight'"),
        ({"crop": "detected", "detector": "mtcnn"}, UnknownNameError, "retinaface"),
        ({"margin": 1}, UnknownNameError, "unknown protocol field 'margin'"),
    ],
)
def test_choices_that_it_has_not_are_sentences(folder, choice, error, words):
    with pytest.raises(error, match=words):
        FairFace(str(folder), "cpu", protocol=choice)


@pytest.mark.parametrize(
    "change", [{"layers": [3, 4]}, {"channels": "wide"}, {"width": 3}, {"image_size": None}, {"channels": [8, 8, 8, 8]}]
)
def test_a_config_of_another_network_is_one_sentence(folder, change):
    (folder / "config.json").write_text(json.dumps(SIZES | change))
    with pytest.raises(AdapterError, match=str(folder)) as caught:
        FairFace(str(folder), "cpu")
    assert "\n" not in str(caught.value)
    assert "validation error" not in str(caught.value)
