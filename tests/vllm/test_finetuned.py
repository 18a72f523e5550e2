"""A fine-tuned checkpoint is a checkpoint: vLLM and transformers write the same tokens from it."""

import pytest

from adapters.registry import names, spec
from harness.finetune.network import save_model
from harness.records import Decoding
from tasks.toy import write_toy
from tests.harness.finetune.conftest import recipe, tuner
from tests.vllm import asking

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
DECODING = Decoding(max_new_tokens=24)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), test=1, train=12, seed=6, datasets=("expw",))


@pytest.mark.parametrize("name", [name for name in names() if spec(name).finetune])
def test_vllm_answers_as_transformers_does(name, faces, tmp_path):
    trainer = tuner(name, recipe(rates=(5e-3,)), faces, tmp_path / "checkpoints", task="expw")
    trainer.go()
    save_model(trainer.course.pupil, tmp_path / "model")
    requests = asking.requests(tmp_path)
    before = asking.answers(asking.engine(name, "hf"), requests, DECODING)
    tuned = f"{name}@{tmp_path / 'model'}"
    wanted = asking.answers_and_tokens(asking.engine(tuned, "hf"), requests, DECODING)
    assert asking.answers_and_tokens(asking.engine(tuned, "vllm"), requests, DECODING) == wanted
    assert {key: row.text for key, row in before.items()} != {key: row.text for key, row in wanted[0].items()}
