"""On a GPU: the same answers as on the CPU, and running out of memory is told from other errors."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.records import Decoding, ImageRef, Request

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and there is none"),
]
QUESTION = "What is the facial expression of the person in this image?"


def ask(folder: Path, device: str) -> list[str]:
    requests = []
    for number, colour in enumerate(("red", "blue", "white")):
        path = folder / f"{number}.png"
        Image.new("RGB", (80, 90), colour).save(path)
        requests.append(Request(key=str(number), sample_id=str(number), image=ImageRef(path=path), text=QUESTION))
    engine = open_engine(spec("qwen2.5-vl-7b"), EngineOptions(device=device, dtype="float32"))
    return [row.text for batch in engine.generate(requests, Decoding(max_new_tokens=16)) for row in batch]


def test_cuda_answers_as_the_cpu_does(tmp_path: Path):
    assert ask(tmp_path, "cuda") == ask(tmp_path, "cpu")


def test_a_real_out_of_memory_is_recognised():
    from harness.engines.hf import out_of_memory

    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2**45, device="cuda")
    assert out_of_memory(caught.value)
