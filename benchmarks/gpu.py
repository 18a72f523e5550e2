"""Speed on a GPU, and how far it is from what the hardware could do: Qwen2.5-VL of 7B with random weights in bfloat16.

    python -m benchmarks.gpu [--engine hf|vllm] [--batch-size 32] [--side 448]

No published weights are needed: the sizes are those of Qwen2.5-VL-7B-Instruct, the numbers are drawn (16 GB on disk for
as long as it takes), and the tokenizer is the miniature's. Random weights say nothing but cost the same.

Two arms in turn, with new pictures every time: answers of one token, which is reading pictures and prompts, and answers
of many. Their difference is writing tokens. Shares are of the data sheet (harness/roofline.py). Reading counts 2 FLOP
per weight and token, in the language model's layers per place of the prompt and in the tower per patch, attention left
out. Writing counts one reading of the language model's weights per step of a full batch, keys and values left out. So
both shares are a little too low. `--size tiny --device cpu` proves the method where there is no GPU.
"""

import argparse
import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from adapters.registry import spec
from adapters.spec import MINIATURES
from benchmarks import material, parts
from benchmarks.parts import LacksError
from benchmarks.rounds import Span, interleaved, spent
from benchmarks.table import Row
from harness.devices import device_of
from harness.engines import EngineOptions, open_engine
from harness.engines.quiet import quiet
from harness.records import Decoding, Request, Response
from harness.roofline import Gpu, gpu_of

MODEL = "qwen2.5-vl-7b"
TEXT = {
    "7b": {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 128000,
        "layer_types": ["full_attention"] * 28, "initializer_range": 0.02,
        "rope_parameters": {"type": "mrope", "rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    },
    "tiny": {"vocab_size": 2000},
}  # fmt: skip
VISION = {
    "7b": {
        "hidden_size": 1280, "intermediate_size": 3420, "depth": 32, "num_heads": 16, "out_hidden_size": 3584,
        "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
        "initializer_range": 0.02,
    },
    "tiny": {},
}  # fmt: skip
PIXELS = {"7b": (3136, 12845056), "tiny": (4096, 5400)}
PATCHES = 4
"""The tower's places behind one of the prompt's."""


class Sizes(NamedTuple):
    """Weights that are multiplied with, by how often."""

    layers: int
    """Of the language model: for every place of a prompt and every new token."""
    head: int
    """For new tokens alone."""
    tower: int
    """For every patch."""


class Batch(NamedTuple):
    """What one arm of one round came to."""

    span: Span
    images: int
    prompt: int
    pictures: int
    """Places of the prompts that hold pictures."""
    new: int


def network(size: str, dtype: torch.dtype) -> Any:
    """The network with drawn weights, on torch's default device."""
    config = AutoConfig.from_pretrained(MINIATURES / MODEL)
    for part, fields in ((config.text_config, TEXT[size]), (config.vision_config, VISION[size])):
        for name, value in fields.items():
            setattr(part, name, value)
    return AutoModelForImageTextToText.from_config(config, dtype=dtype)


def sizes_of(model: Any) -> Sizes:
    """Its weights, but for those that are looked up."""
    counts = {name: weight.numel() for name, weight in model.named_parameters() if "embed_tokens" not in name}
    tower = sum(count for name, count in counts.items() if "visual" in name)
    head = counts["lm_head.weight"]
    return Sizes(sum(counts.values()) - tower - head, head, tower)


def draw(folder: Path, size: str, device: str, dtype: torch.dtype) -> Sizes:
    """A checkpoint of the published sizes with random weights, which both engines load like any other."""
    torch.manual_seed(0)
    with torch.device(device):
        model = network(size, dtype)
    model.save_pretrained(folder)
    processor: Any = AutoProcessor.from_pretrained(MINIATURES / MODEL)
    images = processor.image_processor
    images.patch_size = model.config.vision_config.patch_size
    images.size = dict(zip(("shortest_edge", "longest_edge"), PIXELS[size], strict=True))
    processor.save_pretrained(folder)
    return sizes_of(model)


Ask = Callable[[Sequence[Request], int], list[Response]]


def asking(options: argparse.Namespace, checkpoint: Path) -> Ask:
    """The engine, as a function of requests and the length of their answers."""
    place = EngineOptions(
        engine=options.engine, device=options.device, dtype=options.dtype, batch_size=options.batch_size
    )
    engine = open_engine(spec(f"{MODEL}@{checkpoint}"), place)

    def ask(requests: Sequence[Request], tokens: int) -> list[Response]:
        decoding = Decoding(max_new_tokens=tokens)
        rows = [row for batch in engine.generate(requests, decoding) for row in batch]
        failed = [row.error for row in rows if row.error]
        if failed:
            raise RuntimeError(failed[0])
        return rows

    return ask


def once(ask: Ask, options: argparse.Namespace, folder: Path, seeds: Iterator[int], tokens: int) -> Batch:
    """Ask about pictures that nobody has seen."""
    requests = material.requests(folder, options.requests, options.side, next(seeds))
    rows: list[Response] = []
    span = spent(lambda: rows.extend(ask(requests, tokens)))
    prompt, pictures, new = (
        sum(getattr(row, name) or 0 for row in rows) for name in ("prompt_tokens", "image_tokens", "new_tokens")
    )
    return Batch(span, len(rows), prompt, pictures, new)


def reading(rounds: Sequence[Batch], sizes: Sizes, gpu: Gpu | None) -> Iterator[Row]:
    """Pictures and prompts."""
    seconds = [one.span.seconds for one in rounds]
    yield _rates("reading: pictures", [one.images for one in rounds], seconds, "images/s")
    yield _rates("reading: places of prompts", [one.prompt for one in rounds], seconds, "tokens/s")
    work = [2 * (sizes.layers * one.prompt + sizes.tower * PATCHES * one.pictures) for one in rounds]
    if gpu:
        yield _rates("reading: share of the FLOP limit", [one / (gpu.teraflops * 1e12) for one in work], seconds, "")


def writing(
    short: Sequence[Batch], long: Sequence[Batch], sizes: Sizes, told: argparse.Namespace, gpu: Gpu | None
) -> Iterator[Row]:
    """What the long answers take beyond the short ones, round by round."""
    seconds = [many.span.seconds - one.span.seconds for one, many in zip(short, long, strict=True)]
    tokens = [many.new - one.new for one, many in zip(short, long, strict=True)]
    yield _rates("writing: new tokens", tokens, seconds, "tokens/s")
    width = getattr(torch, told.dtype).itemsize
    steps = [count / min(told.batch_size, told.requests) for count in tokens]
    if gpu:
        read = [count * (sizes.layers + sizes.head) * width / (gpu.bandwidth * 1e9) for count in steps]
        yield _rates("writing: share of the memory bandwidth", read, seconds, "")


def _rates(what: str, amounts: Sequence[float], seconds: Sequence[float], unit: str) -> Row:
    return Row(what=what, values=tuple(a / s for a, s in zip(amounts, seconds, strict=True)), unit=unit)


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """Draw, load, warm up, then both arms in turn."""
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise LacksError("it needs a CUDA GPU with 40 GB or more, and there is none")
    quiet()
    name = device_of(options.device).name
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        sizes = draw(folder / "checkpoint", options.size, options.device, getattr(torch, options.dtype))
        if options.device.startswith("cuda"):
            gc.collect()  # the drawn network is to be gone: vLLM counts what is free
            torch.cuda.empty_cache()
        ask, seeds = asking(options, folder / "checkpoint"), count()
        arms = {
            "short": partial(once, ask, options, folder, seeds, 1),
            "long": partial(once, ask, options, folder, seeds, options.tokens),
        }
        arms["long"]()
        found = interleaved(arms, options.rounds)
    rows = [*_whole(found["long"]), *reading(found["short"], sizes, gpu_of(name))]
    for row in [*rows, *writing(found["short"], found["long"], sizes, options, gpu_of(name))]:
        yield row.model_copy(update={"what": f"{options.engine}: {row.what}", "note": name})


def _whole(rounds: Sequence[Batch]) -> Iterator[Row]:
    seconds, tokens = [one.span.seconds for one in rounds], rounds[0].new / rounds[0].images
    yield _rates(f"answers of {tokens:.0f} tokens", [one.images for one in rounds], seconds, "images/s")


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("--engine", choices=("hf", "vllm"), default="hf")
    parser.add_argument("--size", choices=tuple(TEXT), default="7b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--requests", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--side", type=int, default=448, help="pixels of each square photograph")


if __name__ == "__main__":
    parts.run("gpu", __doc__, add, measure)
