"""The HF engine against a bare generate loop: same weights, images, questions, batch size and threads, in one process.

    OMP_NUM_THREADS=1 python -m benchmarks.throughput
    OMP_NUM_THREADS=1 python -m benchmarks.throughput qwen2.5-vl-7b@FOLDER --batch-size 16 --rounds 7

Two bare loops are timed: one that reads and prepares its images between two calls of generate, as a script does, and
one that finds them prepared, which has less to do than any engine. The goal is 0.95 of the first. All three must give
the same answers, else nothing is timed.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image

from adapters.hf import ChatModel
from adapters.registry import spec
from benchmarks import material, parts
from benchmarks.rounds import Span, interleaved, shares, spent
from benchmarks.table import Row, at_least, figure
from harness.engines import EngineOptions, open_engine
from harness.engines.hf import HFEngine
from harness.records import Decoding, Request

MODELS = ("llava-v1.5-7b", "qwen2.5-vl-7b", "internvl2.5-8b", "phi-3.5-vision")
"""One image size, any size, tiles, and a network of this project's own."""
GOAL = at_least(0.95)


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


def arms(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Callable[[], list[str]]]:
    """The engine and both loops on one loaded model; each has run once, and all have answered alike."""
    engine = open_engine(spec(name), EngineOptions(engine="hf", device=options.device, batch_size=options.batch_size))
    assert isinstance(engine, HFEngine)
    model = engine.model
    assert isinstance(model, ChatModel)
    requests = material.requests(folder, options.requests, options.side)
    decoding = Decoding(max_new_tokens=options.tokens)
    ready = list(prepare(model, requests, options.batch_size))
    found: dict[str, Callable[[], list[str]]] = {
        "engine": lambda: [row.text for batch in engine.generate(requests, decoding) for row in batch],
        "loop": lambda: bare(model, prepare(model, requests, options.batch_size), options.tokens),
        "loop, images prepared": lambda: bare(model, iter(ready), options.tokens),
    }
    first = [run() for run in found.values()]  # warms up, too
    assert first[0] == first[1] == first[2], f"{name}: the engine and the bare loop answer differently"
    return found


def compare(name: str, options: argparse.Namespace) -> Iterator[Row]:
    """The rows of one model."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {label: partial(spent, run) for label, run in arms(name, options, Path(folder)).items()}
        took = interleaved(runs, options.rounds)
    rate = tuple(options.requests / one.seconds for one in took["engine"])
    yield Row(what=f"{name}: HF engine", values=rate, unit="requests/s")
    yield _share(f"{name}: of a bare loop", took, "loop").model_copy(update={"goal": GOAL})
    yield _share(f"{name}: of a loop that finds its images prepared", took, "loop, images prepared")


def _share(what: str, took: dict[str, list[Span]], other: str) -> Row:
    """The engine's requests a second as a share of the other's."""
    speed, work = shares(took["engine"], took[other])
    return Row(what=what, values=tuple(speed), note=f"{figure(median(work))} of its CPU seconds")


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """One model after the other."""
    for name in options.models:
        yield from compare(name, options)


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("models", nargs="*", default=MODELS, help="names of `python -m harness models`, or NAME@FOLDER")
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--side", type=int, default=178, help="pixels of each square photograph")
    parser.add_argument("--device", default="auto")


if __name__ == "__main__":
    parts.run("throughput", __doc__, add, measure)
