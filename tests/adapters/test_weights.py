"""One way to find, check and open a specialist's weights: whatever is wrong with a file is one sentence."""

import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from adapters import files, weights
from harness.checkpoints import fingerprint, whereabouts
from harness.errors import AdapterError
from tests.hub import fake_hub

TENSORS = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}
URL = "https://example.org/releases/v1/face.pt"


@pytest.fixture
def file(tmp_path):
    torch.save({"state": TENSORS, "epoch": 3}, tmp_path / "face.pt")
    return tmp_path / "face.pt"


def same(found):
    return found.tensors.keys() == TENSORS.keys() and all(
        torch.equal(found.tensors[key], TENSORS[key]) for key in TENSORS
    )


def test_a_file_a_bare_one_and_a_folder_hold_the_same(file, tmp_path):
    found = weights.read(str(file), inside="state")
    assert same(found)
    assert found.config == {}
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    torch.save(TENSORS, tmp_path / "bare.pth")
    assert same(weights.read(str(tmp_path / "bare.pth"), inside="state"))
    save_file(TENSORS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"width": 3}))
    folder = weights.read(str(tmp_path))
    assert same(folder)
    assert folder.config == {"width": 3}


def test_the_hash_that_is_asked_for_must_be_the_files(file):
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    assert same(weights.read(str(file), right.upper(), "state"))
    with pytest.raises(AdapterError, match=f"sha256 {right}, not {'0' * 64}: it is another file"):
        weights.read(str(file), "0" * 64, "state")
    for wrong in ("", "abc", "g" * 64):
        with pytest.raises(AdapterError, match="is no sha256"):
            weights.read(str(file), wrong, "state")


class Hostile:
    def __reduce__(self):
        return print, ("it ran",)


def truncated(file):
    file.write_bytes(file.read_bytes()[:-200])


def hostile(file):
    file.write_bytes(pickle.dumps({"weight": Hostile()}))


def hostile_archive(file):
    torch.save({"weight": Hostile()}, file)


def whole_network(file):
    torch.save(nn.Linear(3, 2), file)


def empty(file):
    file.write_bytes(b"")


def words(file):
    file.write_text("<html>Google Drive can't scan this file for viruses.</html>")


@pytest.mark.parametrize("spoil", [truncated, hostile, hostile_archive, whole_network, empty, words])
def test_what_is_not_plain_tensors_is_one_sentence_and_never_runs(file, spoil, capsys):
    spoil(file)
    with pytest.raises(AdapterError, match=r"face\.pt cannot be opened as plain tensors") as error:
        weights.read(str(file))
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(1)])
def test_what_holds_no_tensors_by_name_is_not_a_models_file(file, content):
    torch.save(content, file)
    with pytest.raises(AdapterError, match="something else than tensors by name"):
        weights.read(str(file))


def test_a_folder_without_its_two_files_and_a_damaged_config(tmp_path):
    with pytest.raises(AdapterError, match=r"lacks model\.safetensors or config\.json"):
        weights.read(str(tmp_path))
    save_file(TENSORS, tmp_path / "model.safetensors")
    for text in ("{", "[1]"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(AdapterError, match=r"config\.json cannot be read"):
            weights.read(str(tmp_path))


@pytest.mark.parametrize("name", ["nowhere.pt", "../x/y.pt", "owner/name", "http://example.org/a.pt", "/abs/x/y.pt"])
def test_what_is_nowhere_is_said_with_the_ways_to_name_it(name):
    with pytest.raises(AdapterError, match=r"owner/name/FILE.*https://"):
        weights.read(name)
    assert files.hub_file(name) is None


def test_a_network_takes_exactly_its_weights():
    network = nn.Linear(3, 2)
    weights.fill(network, TENSORS, "x")
    assert torch.equal(network.weight, TENSORS["weight"])
    for tensors, found in (
        ({"weight": TENSORS["weight"]}, r"lacks 1 tensors \('bias'\)"),
        (TENSORS | {"fc.weight": torch.ones(1)}, r"has beside them 1 tensors \('fc.weight'\)"),
        (TENSORS | {"bias": torch.ones(3)}, r"has in other sizes 1 tensors \('bias'\)"),
    ):
        with pytest.raises(AdapterError, match=found):
            weights.fill(network, tensors, "x")


def test_a_file_of_a_repository_is_found_in_the_cache(tmp_path, monkeypatch):
    source = "owner/model/ckpts/model.pt"
    assert files.hub_file(source) == files.HubFile("owner/model", "ckpts/model.pt")
    assert whereabouts(source, 0.4, tmp_path).place == "hub"
    assert whereabouts(source, 0.4, tmp_path).missing_gb == 0.4
    fake_hub(tmp_path, "owner/model", {"ckpts/model.pt": b"x" * 1000})
    found = whereabouts(source, 0.4, tmp_path)
    assert (found.place, found.here_gb, found.missing_gb) == ("cache", 1e-6, 0)
    assert fingerprint(source) == source
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repo, name: 1 / 0)
    with pytest.raises(AdapterError, match=r"ckpts/model\.pt of owner/model is not in the cache and cannot be fetched"):
        weights.read(source)


def test_an_address_is_fetched_once_into_torchs_folder(tmp_path, monkeypatch, file):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert str(files.torch_hub()) == torch.hub.get_dir() + "/checkpoints"
    assert whereabouts(URL, 0.3).place == "hub"
    calls = []

    def fetch(url, place, progress):
        calls.append(url)
        file.rename(place)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    assert same(weights.read(URL, inside="state"))
    assert same(weights.read(URL, inside="state"))
    assert calls == [URL]
    assert whereabouts(URL, 0.3).place == "cache"


def test_one_file_has_a_place_and_a_fingerprint(file, tmp_path):
    assert whereabouts(str(file), 7.0).place == "file"
    assert whereabouts(str(file)).here_gb == pytest.approx(file.stat().st_size / 1e9)
    before = fingerprint(str(file))
    copy = tmp_path / "other.pt"
    copy.write_bytes(file.read_bytes())
    assert fingerprint(str(copy)) == before
    copy.write_bytes(file.read_bytes() + b" ")
    assert fingerprint(str(copy)) != before
