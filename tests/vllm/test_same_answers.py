"""vLLM and transformers write the same tokens and have the same evidence, on miniatures and on random weights."""

from dataclasses import dataclass

import pytest
from safetensors.torch import load_file, save_file

from adapters.registry import names, spec
from harness.engines import Engine
from harness.records import Decoding, Request
from tasks.asks import offer
from tasks.registry import QUESTIONS
from tests.faceinsight import tiny
from tests.vllm import asking, drawn

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
LISTED = [name for name in names() if spec(name).listed and "vllm" in spec(name).engines]
ELSEWHERE = ["phi-3.5-vision"]
"""vLLM cannot read its miniature, and no tower but the published one's width: tests/vllm/test_phi.py."""
DECODING = Decoding(max_new_tokens=24)


ASKED = {name: offer(QUESTIONS[name]).asks for name in ("expw", "fairface.age", "celeba")}


@dataclass
class Both:
    """A model in transformers and in vLLM, and what they are asked."""

    requests: list[Request]
    hf: Engine
    vllm: Engine

    @classmethod
    def of(cls, name, folder):
        requests, maps = asking.requests(folder), folder / "maps"
        return cls(requests, asking.engine(name, "hf", maps=maps), asking.engine(name, "vllm", maps=maps))

    def write_the_same(self):
        """The tokens that both write."""
        want, tokens = asking.answers_and_tokens(self.hf, self.requests, DECODING)
        assert (want, tokens) == asking.answers_and_tokens(self.vllm, self.requests, DECODING)
        assert {row.finish for row in want.values()} <= {"stop", "length"}
        assert len({row.text for row in want.values()}) >= 6  # the model sees something
        return tokens


@pytest.fixture(scope="module", params=[name for name in LISTED if name not in ELSEWHERE])
def miniature(request, tmp_path_factory):
    return Both.of(request.param, tmp_path_factory.mktemp("asked"))


def test_miniatures_answer_as_in_transformers(miniature):
    miniature.write_the_same()


def test_evidence_for_options_is_that_of_transformers(miniature):
    requests = [
        one.model_copy(update={"key": f"{one.key} {question}", "asks": asks[:12]})
        for one in miniature.requests[:2]
        for question, asks in ASKED.items()
    ]
    want = asking.answers(miniature.hf, requests, Decoding(max_new_tokens=1))
    got = asking.answers(miniature.vllm, requests, Decoding(max_new_tokens=1))
    assert set(got) == set(want)
    for key, row in want.items():
        assert got[key].label_scores == pytest.approx(row.label_scores, rel=1e-3)
        assert got[key].option_mass == pytest.approx(row.option_mass, rel=1e-3)
        assert (got[key].text, got[key].image_tokens) == (row.text, row.image_tokens)


@pytest.mark.parametrize("name", drawn.NAMES)
def test_random_weights_answer_as_in_transformers(name, tmp_path):
    Both.of(f"{name}@{drawn.checkpoint(name, tmp_path / 'checkpoint')}", tmp_path).write_the_same()


def test_faceinsight_never_writes_a_placeholder(tmp_path):
    folder = tiny.checkpoint(tmp_path / "checkpoint")
    file = folder / "model.safetensors"
    weights, places = load_file(file), spec(f"faceinsight@{folder}").load()(str(folder), network=False).config
    head, mean = weights["lm_head.weight"], weights["lm_head.weight"].mean(0)
    head[places.knowledge_token_index], head[places.image_token_index] = 50 * mean, -50 * mean
    save_file(weights, file, metadata={"format": "pt"})
    written = Both.of(f"faceinsight@{folder}", tmp_path).write_the_same()
    assert not {places.knowledge_token_index, places.image_token_index} & {token for row in written for token in row}


def test_every_model_of_the_list_is_carried_and_compared():
    assert all("vllm" in spec(name).engines for name in LISTED)
    assert {*drawn.NAMES, *ELSEWHERE} == set(LISTED)
