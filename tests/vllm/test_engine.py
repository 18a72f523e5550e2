"""The engine with the real vLLM: what may go wrong with a request, and how an answer ends."""

import gc
import shutil

import pytest

from adapters.registry import spec
from harness.engines.vllm import VllmEngine
from harness.errors import AdapterError
from harness.records import Decoding
from tests.vllm import asking

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")
NAME = "llava-v1.5-7b"


@pytest.fixture(scope="module")
def vllm():
    return asking.engine(NAME, "vllm", batch_size=4)


@pytest.fixture(scope="module")
def hf():
    return asking.engine(NAME, "hf")


@pytest.fixture
def requests(tmp_path):
    return asking.requests(tmp_path)


def test_more_requests_than_there_is_room_for_are_each_answered_under_their_key(vllm, requests):
    batches = list(vllm.generate(requests, Decoding(max_new_tokens=8)))
    rows = [row for batch in batches for row in batch]
    assert sorted(row.key for row in rows) == sorted(request.key for request in requests)
    assert all(row.sample_id == row.key and row.seconds > 0 for row in rows)
    assert max(map(len, batches)) <= 4


def test_answers_do_not_depend_on_what_is_asked_beside_them(vllm, requests):
    decoding = Decoding(max_new_tokens=8)
    alone = {}
    for request in requests:
        alone |= asking.answers(vllm, [request], decoding)
    assert asking.answers(vllm, requests, decoding) == alone


def test_a_broken_image_is_one_failed_row(vllm, requests):
    requests[1].image.path.write_bytes(b"\x89PNG broken")
    requests[2].image.path.unlink()
    rows = {row.key: row for batch in vllm.generate(requests, Decoding(max_new_tokens=4)) for row in batch}
    failed = {key for key, row in rows.items() if row.finish == "failed"}
    assert failed == {"1-0", "1-1", "2-0", "2-1"}
    assert "does not exist" in rows["2-0"].error
    assert len(rows) == len(requests)


def test_equal_requests_have_equal_answers(vllm, requests):
    twins = [requests[0].model_copy(update={"key": f"twin {n}", "sample_id": f"twin {n}"}) for n in range(6)]
    found = asking.answers(vllm, twins, Decoding(max_new_tokens=8))
    assert len(found) == 6
    assert len({row.text for row in found.values()}) == 1


def test_a_stop_string_ends_the_answer_as_in_transformers(vllm, hf, requests):
    longest = max(asking.answers(hf, requests, Decoding()).values(), key=lambda row: len(row.text))
    word = longest.text.split()[2]
    decoding = Decoding(stop=(word,))
    found = asking.answers(vllm, requests, decoding)
    assert found == asking.answers(hf, requests, decoding)
    assert found[longest.key].finish == "stop"
    assert all(word not in row.text for row in found.values())


def test_what_is_cut_off_says_so(vllm, hf, requests):
    found = asking.answers(vllm, requests, Decoding(max_new_tokens=3))
    assert found == asking.answers(hf, requests, Decoding(max_new_tokens=3))
    assert {(row.finish, row.new_tokens) for row in found.values()} == {("length", 3)}


def test_sampled_answers_follow_the_seed(vllm, requests):
    def ask(seed):
        return asking.answers(vllm, requests, Decoding(max_new_tokens=8, temperature=2.0, seed=seed))

    assert ask(1) == ask(1)
    assert ask(1) != ask(2)


def test_a_prompt_that_is_too_long_is_a_failed_row_and_many_stop_the_run(vllm, requests):
    long = [request.model_copy(update={"text": "face " * 1500}) for request in requests]
    rows = {row.key: row for batch in vllm.generate([*requests[:3], long[5]], Decoding()) for row in batch}
    assert [key for key, row in rows.items() if row.finish == "failed"] == [long[5].key]
    assert "1024" in rows[long[5].key].error
    with pytest.raises(AdapterError, match="all failed in the same way"):
        list(vllm.generate(long, Decoding()))


def test_a_question_that_holds_a_special_token_stops_the_run(vllm, requests):
    bad = requests[0].model_copy(update={"text": "What is <image>?"})
    with pytest.raises(AdapterError, match="<image>"):
        list(vllm.generate([bad], Decoding()))


def test_a_run_that_is_broken_off_leaves_nothing_behind(vllm, requests):
    stream = vllm.generate(requests, Decoding(max_new_tokens=30))
    next(stream)
    stream.close()
    assert not vllm._vllm.has_unfinished_requests()
    assert len(asking.answers(vllm, requests, Decoding(max_new_tokens=4))) == len(requests)


def test_the_engine_says_what_it_is(vllm):
    said = vllm.identity()
    assert said["engine"] == "vllm"
    assert (said["vllm"], said["device"], said["dtype"]) == ("0.32.0", "cpu", "torch.float32")
    assert said["vision"] == "vllm"


def test_an_engine_that_is_collected_late_does_not_disturb_the_next(requests):
    first = asking.engine(NAME, "vllm")
    second = asking.engine(NAME, "vllm")
    del first
    gc.collect()
    assert len(asking.answers(second, requests, Decoding(max_new_tokens=2))) == len(requests)


def test_weights_that_do_not_fit_are_one_sentence(tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(spec(NAME).miniature, broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(AdapterError, match=r"vLLM cannot start on .*broken"):
        asking.engine(f"{NAME}@{broken}", "vllm")


def test_a_device_that_this_vllm_does_not_run_on_is_refused():
    elsewhere = spec(NAME).load()(spec(NAME).source("tiny"), "meta", "float32", network=False)
    with pytest.raises(AdapterError, match="runs on cpu"):
        VllmEngine(elsewhere)
