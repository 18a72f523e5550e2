"""From a name to answers, with real (tiny) networks."""

import os
import subprocess
import sys

import pytest
import torch

from adapters.echo import Echo
from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.engines.hf import HFEngine
from harness.engines.threads import physical_cores, set_threads
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request
from tests import tiny_models


@pytest.fixture
def requests(tmp_path):
    def one(number, size):
        path = tmp_path / f"{number}.png"
        tiny_models.picture(*size, number).save(path)
        text = "Who is this?" if number % 2 else "How old is the person in this photograph, in years?"
        return Request(key=str(number), sample_id=str(number), image=ImageRef(path=path), text=text)

    return [one(number, (40 + 9 * number, 50)) for number in range(7)]


def ask(engine, requests):
    rows = [row for batch in engine.generate(requests, Decoding(max_new_tokens=6)) for row in batch]
    return [row.model_copy(update={"seconds": None}) for row in rows]


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_the_batch_size_does_not_change_an_answer(name, requests):
    found = spec(f"{name}@{tiny_models.checkpoint(name)}")
    answers = [ask(open_engine(found, EngineOptions(device="cpu", batch_size=size)), requests) for size in (1, 3, 7)]
    assert answers[0] == answers[1] == answers[2]
    assert len({row.text for row in answers[0]}) > 3
    assert all(row.finish in ("stop", "length") for row in answers[0])


def test_the_profile_brings_its_protocol():
    found = spec(f"qwen2.5-vl-7b@{tiny_models.checkpoint('qwen2.5-vl-7b')}")
    sizes = {p: open_engine(found, EngineOptions(profile=p, device="cpu")).model.protocol for p in ("tiny", "paper")}
    assert sizes["paper"] == {"min_pixels": 256 * 28 * 28, "max_pixels": 1280 * 28 * 28, "token_side": 28}
    assert sizes["tiny"] == {"min_pixels": 56 * 56, "max_pixels": 112 * 112, "token_side": 28}


def test_the_model_list_gives_the_batch_size():
    found = spec(f"llava-v1.5-7b@{tiny_models.checkpoint('llava-v1.5-7b')}")
    engine = open_engine(found, EngineOptions(device="cpu"))
    assert isinstance(engine, HFEngine)
    assert engine.batch_size == found.batch_size["tiny"]


def test_an_adapter_that_generates_is_its_own_engine():
    assert isinstance(open_engine(spec("echo")), Echo)


def test_a_class_that_is_neither_is_refused(tmp_path):
    (tmp_path / "odd.py").write_text("class Odd: ...\n")
    with pytest.raises(AdapterError, match="neither 'answer' nor 'generate'"):
        open_engine(spec(f"{tmp_path / 'odd.py'}:Odd@x"))


def test_loading_says_nothing_on_the_terminal():
    code = (
        "from adapters.registry import spec; from harness.engines import *;"
        f"open_engine(spec('qwen2.5-vl-7b@{tiny_models.checkpoint('qwen2.5-vl-7b')}'), EngineOptions(device='cpu'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_threads_follow_the_user_else_the_cores(monkeypatch):
    now = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert set_threads(10) == now == torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    try:
        assert set_threads(1_000_000) == min(2, max(1, physical_cores() - 1)) == torch.get_num_threads()
        assert set_threads(8_000_000_000) == physical_cores()
    finally:
        torch.set_num_threads(now)
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
