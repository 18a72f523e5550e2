"""vLLM and transformers give the same tokens, for every model of the list that vLLM carries."""

import pytest

from adapters.registry import names, spec
from harness.records import Decoding
from tests.vllm import asking

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
CARRIED = [name for name in names() if "vllm" in spec(name).engines]
ELSEWHERE = ["phi-3.5-vision"]
"""vLLM cannot read their miniatures: tests/vllm/test_phi.py."""
DECODING = Decoding(max_new_tokens=24)


@pytest.mark.parametrize("name", [name for name in CARRIED if name not in ELSEWHERE])
def test_greedy_answers_are_those_of_transformers(name, tmp_path):
    requests = asking.requests(tmp_path)
    want = asking.answers_and_tokens(asking.engine(name, "hf"), requests, DECODING)
    got = asking.answers_and_tokens(asking.engine(name, "vllm"), requests, DECODING)
    assert got == want
    rows = want[0].values()
    assert {row.finish for row in rows} <= {"stop", "length"}
    assert len({row.text for row in rows}) >= 6  # the model sees something


def test_what_is_carried():
    assert CARRIED == [
        "llava-v1.5-7b",
        "llava-onevision-7b-si",
        "mantis-siglip-8b",
        "qwen2.5-vl-7b",
        "internvl2.5-8b",
        "phi-3.5-vision",
    ]
