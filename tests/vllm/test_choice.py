"""Evidence for options is that of transformers, for every model that vLLM carries."""

import pytest

from harness.records import Decoding
from tasks.asks import offer
from tasks.registry import QUESTIONS
from tests.vllm import asking
from tests.vllm.test_same_answers import CARRIED, ELSEWHERE

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
ASKED = {name: offer(QUESTIONS[name]).asks for name in ("expw", "fairface.age", "celeba")}


@pytest.mark.parametrize("name", [name for name in CARRIED if name not in ELSEWHERE])
def test_evidence_is_that_of_transformers(name, tmp_path):
    pictures = asking.requests(tmp_path)[:2]
    requests = [
        one.model_copy(update={"key": f"{one.key} {question}", "asks": asks[:12]})
        for one in pictures
        for question, asks in ASKED.items()
    ]
    want = asking.answers(asking.engine(name, "hf"), requests, Decoding(max_new_tokens=1))
    got = asking.answers(asking.engine(name, "vllm"), requests, Decoding(max_new_tokens=1))
    assert set(got) == set(want)
    for key, row in want.items():
        assert got[key].label_scores == pytest.approx(row.label_scores, rel=1e-3)
        assert got[key].option_mass == pytest.approx(row.option_mass, rel=1e-3)
        assert (got[key].text, got[key].image_tokens) == (row.text, row.image_tokens)
