"""Phi-3.5-Vision, whose tower has its sizes written into vLLM's code, so that the miniature does not fit.

The checkpoint of this test has the published sides, patches and width in a tower of three layers, where the published
one has 24, and a language model of two.
"""

import json
import shutil

import pytest
from transformers import CLIPVisionConfig

from adapters.ports.phi3_v import Phi3VConfig, Phi3VForCausalLM
from adapters.ports.phi3_v.configuration import TOWER
from harness.records import Decoding
from tests import goldens
from tests.tiny_models import _widen
from tests.vllm import asking

phi3v = pytest.importorskip(
    "vllm.model_executor.models.phi3v", reason="vLLM is not installed here; `make test-vllm` builds an environment"
)
NAME = "phi-3.5-vision"
LAYERS = {"num_hidden_layers": 3}


@pytest.fixture
def checkpoint(tmp_path):
    """The golden one's tokens; drawn weights, heads of 32 numbers, two crops of a picture at most."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(goldens.checkpoint(NAME), folder)
    (folder / "model.safetensors").unlink()
    fields = json.loads((folder / "config.json").read_text())
    fields |= {"hidden_size": 128, "num_key_value_heads": 4, "intermediate_size": 192}
    fields["img_processor"] |= {"image_dim_out": TOWER["hidden_size"], "vision_config": LAYERS}
    for factors, step in (("short_factor", 1 / 40), ("long_factor", 1 / 4)):
        fields["rope_scaling"][factors] = [1 + step * place for place in range(16)]
    for name in ("auto_map", "architectures", "transformers_version", "torch_dtype"):
        fields.pop(name, None)
    model = Phi3VForCausalLM(Phi3VConfig(**fields))
    _widen(model)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "vision" in name:
            weight.data.mul_(0.1)  # a wide tower
    model.save_pretrained(folder)
    images = folder / "preprocessor_config.json"
    images.write_text(json.dumps(json.loads(images.read_text()) | {"num_crops_single": 2}))
    return folder


def test_greedy_answers_are_those_of_transformers(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(phi3v, "CLIP_VIT_LARGE_PATCH14_336_CONFIG", CLIPVisionConfig(**TOWER | LAYERS))
    requests = asking.requests(tmp_path)[:5]
    decoding = Decoding(max_new_tokens=16)
    name = f"{NAME}@{checkpoint}"
    want = asking.answers_and_tokens(asking.engine(name, "hf"), requests, decoding)
    got = asking.answers_and_tokens(asking.engine(name, "vllm"), requests, decoding)
    assert got == want
    assert len({row.text for row in want[0].values()}) >= 3  # the model sees something
