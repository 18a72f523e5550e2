"""vLLM and transformers give the same tokens, for every model of the list, on its miniature and on random weights."""

import pytest
from safetensors.torch import load_file, save_file

from adapters.registry import names, spec
from harness.records import Decoding
from tests.faceinsight import tiny
from tests.vllm import asking, drawn

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
LISTED = [name for name in names() if spec(name).listed]
ELSEWHERE = ["phi-3.5-vision"]
"""vLLM cannot read its miniature, and no tower but the published one's width: tests/vllm/test_phi.py."""
DECODING = Decoding(max_new_tokens=24)


def same(name, folder):
    """Ask both; the tokens that were written."""
    requests, maps = asking.requests(folder), folder / "maps"
    want = asking.answers_and_tokens(asking.engine(name, "hf", maps=maps), requests, DECODING)
    got = asking.answers_and_tokens(asking.engine(name, "vllm", maps=maps), requests, DECODING)
    assert got == want
    rows = want[0].values()
    assert {row.finish for row in rows} <= {"stop", "length"}
    assert len({row.text for row in rows}) >= 6  # the model sees something
    return want[1]


@pytest.mark.parametrize("name", [name for name in LISTED if name not in ELSEWHERE])
def test_miniatures_answer_as_in_transformers(name, tmp_path):
    same(name, tmp_path)


@pytest.mark.parametrize("name", drawn.NAMES)
def test_random_weights_answer_as_in_transformers(name, tmp_path):
    same(f"{name}@{drawn.checkpoint(name, tmp_path / 'checkpoint')}", tmp_path)


def test_faceinsight_never_writes_a_placeholder(tmp_path):
    folder = tiny.checkpoint(tmp_path / "checkpoint")
    file = folder / "model.safetensors"
    weights, places = load_file(file), spec(f"faceinsight@{folder}").load()(str(folder), network=False).config
    head, mean = weights["lm_head.weight"], weights["lm_head.weight"].mean(0)
    head[places.knowledge_token_index], head[places.image_token_index] = 50 * mean, -50 * mean
    save_file(weights, file, metadata={"format": "pt"})
    written = same(f"faceinsight@{folder}", tmp_path)
    assert not {places.knowledge_token_index, places.image_token_index} & {token for row in written for token in row}


def test_every_model_of_the_list_is_carried_and_compared():
    assert all("vllm" in spec(name).engines for name in LISTED)
    assert {*drawn.NAMES, *ELSEWHERE} == set(LISTED)
