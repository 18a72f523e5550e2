"""Which engine answers, without any of them being started."""

from pathlib import Path

import pytest
import torch

from adapters.registry import spec
from harness.engines import EngineOptions, choice
from harness.engines.choice import choose
from harness.engines.vllm import together
from harness.errors import AdapterError, ConfigError
from harness.records import ImageRef, Request

CARRIED, OTHER = spec("llava-v1.5-7b"), spec("hf:some/model")
VLLM = EngineOptions(engine="vllm")


@pytest.fixture
def machine(monkeypatch):
    """Pretend that vLLM is installed or not, and that there is a GPU or not."""

    def settle(installed, gpu):
        monkeypatch.setattr(choice, "find_spec", lambda name: object() if installed else None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)

    return settle


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("model", [CARRIED, OTHER])
@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:1", "cpu"])
def test_auto_is_vllm_only_where_all_is_there(machine, installed, gpu, model, device):
    machine(installed, gpu)
    everything = installed and gpu and model is CARRIED and device in ("auto", "cuda")
    options = EngineOptions(profile="paper", device=device)
    assert choose(model, options) == ("vllm" if everything else "hf")
    assert choose(model, options.model_copy(update={"engine": "hf"})) == "hf"


def test_auto_leaves_miniatures_to_transformers(machine):
    machine(installed=True, gpu=True)
    assert choose(CARRIED, EngineOptions(profile="tiny")) == "hf"
    assert choose(spec("llava-v1.5-7b@own/checkpoint"), EngineOptions(profile="tiny")) == "vllm"


def test_vllm_that_is_not_installed_is_a_choice_with_a_cure(machine):
    machine(installed=False, gpu=True)
    with pytest.raises(ConfigError, match=r"pip install -e \.\[vllm\]"):
        choose(CARRIED, VLLM)


def test_a_model_that_vllm_does_not_carry_is_refused_and_the_others_go_on(machine):
    machine(installed=True, gpu=False)
    with pytest.raises(AdapterError, match="'hf:some/model'"):
        choose(OTHER, VLLM)
    assert choose(CARRIED, VLLM) == "vllm"


def test_faceinsight_decides_in_transformers_and_writes_in_vllm(machine, tmp_path):
    machine(installed=True, gpu=True)
    found = spec(f"faceinsight@{tmp_path}")
    assert choose(found, EngineOptions(profile="paper")) == "hf"
    with pytest.raises(AdapterError, match="answers=text"):
        choose(found, VLLM)
    writing = found.chosen("tiny", {"answers": "text"})
    assert choose(writing, VLLM) == choose(writing, EngineOptions()) == "vllm"
    (tmp_path / "adapters.safetensors").touch()
    assert choose(writing, EngineOptions()) == "hf"
    with pytest.raises(AdapterError, match="--whole"):
        choose(writing, VLLM)


def test_who_says_that_vllm_carries_a_model_says_how():
    from adapters.registry import names

    for name in names():
        told = getattr(spec(name).load(), "on_vllm", None)
        assert (told is not None) == ("vllm" in spec(name).engines)


def test_requests_about_one_picture_stand_together():
    def request(name, picture, box=None):
        return Request(key=name, sample_id=name, image=ImageRef(path=Path(picture), box=box), text="?")

    asked = [
        request("a", "1"),
        request("b", "2"),
        request("c", "1"),
        request("d", "1", (0, 0, 9, 9)),
        request("e", "2"),
    ]
    assert [one.key for one in together(asked)] == ["a", "c", "b", "e", "d"]
