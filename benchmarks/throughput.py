"""The HF engine against a bare generate loop: same weights, images, questions, batch size and threads, in one process.

    OMP_NUM_THREADS=1 python -m benchmarks.throughput llava-v1.5-7b
    OMP_NUM_THREADS=1 python -m benchmarks.throughput qwen2.5-vl-7b@FOLDER --batch-size 16 --rounds 7

Rounds are interleaved and medians compared, because a shared machine drifts. Two bare loops are timed: one that reads
and prepares its images between two calls of generate, as a script does, and one that finds them prepared, which has
less to do than any engine. The goal is 0.9 of the first.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from adapters.hf import ChatModel
from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.engines.hf import HFEngine
from harness.records import Decoding, ImageRef, Request

QUESTION = "What is the expression of this face? Choose one of: angry, disgust, fear, happy, sad, surprise, neutral."


def pictures(folder: Path, count: int, side: int) -> list[Request]:
    """Noise photographs on disk, and one question about each."""
    generator = np.random.default_rng(0)
    requests = []
    for number in range(count):
        coarse = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(path)
        requests.append(Request(key=str(number), sample_id=str(number), image=ImageRef(path=path), text=QUESTION))
    return requests


def prepare(model: ChatModel, requests: Sequence[Request], size: int) -> Iterator[Any]:
    """What a script does before generate: open, processor."""
    for start in range(0, len(requests), size):
        part = requests[start : start + size]
        images = [[model.image(Image.open(request.image.path).convert("RGB"))] for request in part]
        texts = [model.prompt(request.text) for request in part]
        yield model.processor(images=images, text=texts, padding=True, padding_side="left", return_tensors="pt")


@torch.inference_mode()
def bare(model: ChatModel, batches: Iterator[Any], tokens: int) -> list[str]:
    """The loop itself: generate, decode."""
    texts: list[str] = []
    for batch in batches:
        inputs = batch.to(model.device, model.dtype)
        width = inputs["input_ids"].shape[1]
        output = model.model.generate(
            **inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=model.stop_ids,
            pad_token_id=model.tokenizer.pad_token_id,
        )  # fmt: skip
        texts += model.tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    return texts


def seconds(run: Callable[[], list[str]]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(name: str, options: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Seconds per round of the engine and of both loops."""
    engine = open_engine(spec(name), EngineOptions(device=options.device, batch_size=options.batch_size))
    assert isinstance(engine, HFEngine)
    model = engine.model
    assert isinstance(model, ChatModel)
    requests = pictures(folder, options.requests, options.side)
    decoding = Decoding(max_new_tokens=options.tokens)
    ready = list(prepare(model, requests, options.batch_size))
    runs: dict[str, Callable[[], list[str]]] = {
        "engine": lambda: [row.text for batch in engine.generate(requests, decoding) for row in batch],
        "loop": lambda: bare(model, prepare(model, requests, options.batch_size), options.tokens),
        "loop, images prepared": lambda: bare(model, iter(ready), options.tokens),
    }
    first = {label: run() for label, run in runs.items()}  # warms up, and shows that all do the same work
    assert first["engine"] == first["loop"] == first["loop, images prepared"]
    times: dict[str, list[float]] = {label: [] for label in runs}
    for _ in range(options.rounds):
        for label, run in runs.items():
            times[label].append(seconds(run))
    return times


def main() -> None:
    """Parse the command line, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name of `python -m harness models`, NAME@FOLDER or hf:FOLDER")
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--side", type=int, default=178, help="pixels of each square photograph")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = compare(options.model, options, Path(folder))
    middle = {label: median(values) for label, values in times.items()}
    for label, value in middle.items():
        rate, ratio = options.requests / value, value / middle["engine"]
        print(f"{label:<22} {rate:8.1f} requests/s   engine / this = {ratio:.3f}")


if __name__ == "__main__":
    main()
