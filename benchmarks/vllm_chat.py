"""The vLLM engine against a bare `LLM.chat` of all requests: same checkpoint, pictures, question, room and settings.

    OMP_NUM_THREADS=1 VLLM_ENABLE_V1_MULTIPROCESSING=0 python -m benchmarks.vllm_chat [--requests 96]

It wants an environment with vLLM: on a CPU the one that `make test-vllm` builds. Each side lives in a process of its
own, because the engine replaces vLLM's processor for the whole process, and the two work in turn. Every round brings
new pictures, so that no cache of an earlier round helps. Both read their pictures from disk within the time.

The work must be equal to be compared: Qwen2.5-VL, whose prompt has no begin-of-sequence token (with LLaVA `LLM.chat`
leaves it out), and square pictures, of which both make as many tokens. Both counts are shown. vLLM resizes with
torchvision and the harness with Pillow, so that pixels differ by a grey level and answers may.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from PIL import Image

from adapters.registry import spec
from benchmarks import material, parts
from benchmarks.beside import beside
from benchmarks.parts import LacksError
from benchmarks.rounds import Span, interleaved, shares, spent
from benchmarks.table import Row, at_least, figure
from harness.engines import EngineOptions, open_engine
from harness.records import Decoding, Request

GOAL = at_least(0.95)
_CPU_CACHE = 2 << 30
"""As harness/engines/vllm_start.py has it; on a GPU vLLM takes what is left."""


class Told(NamedTuple):
    """What both sides are told."""

    model: str
    tokens: int
    room: int
    dtype: str
    device: str


class Count(NamedTuple):
    """Tokens of all prompts and of all answers of a round."""

    prompt: int
    new: int


Ask = Callable[[Sequence[Request]], Count]


def engine(told: Told) -> Ask:
    """The harness's engine."""
    options = EngineOptions(engine="vllm", device=told.device, dtype=told.dtype, batch_size=told.room)
    opened = open_engine(spec(told.model), options)
    decoding = Decoding(max_new_tokens=told.tokens)

    def ask(requests: Sequence[Request]) -> Count:
        rows = [row for batch in opened.generate(requests, decoding) for row in batch]
        assert [row.error for row in rows] == [None] * len(requests)
        return Count(sum(row.prompt_tokens or 0 for row in rows), sum(row.new_tokens or 0 for row in rows))

    return ask


def chat(told: Told) -> Ask:
    """vLLM as its documentation shows it, but silent, as the engine makes it: on a CPU it warns once a request."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM, SamplingParams

    on_cpu = {"enforce_eager": True, "kv_cache_memory_bytes": _CPU_CACHE} if told.device == "cpu" else {}
    llm = LLM(
        spec(told.model).source("tiny"), dtype=told.dtype, max_num_seqs=told.room, limit_mm_per_prompt={"image": 1},
        seed=0, **on_cpu,
    )  # fmt: skip
    sampling = SamplingParams(temperature=0, max_tokens=told.tokens)

    def ask(requests: Sequence[Request]) -> Count:
        # "openai": vLLM would guess from the template that a message is one string, and the question would be lost.
        told_as = {"use_tqdm": False, "chat_template_content_format": "openai"}
        outputs = llm.chat([_messages(request) for request in requests], sampling, **told_as)
        prompts = sum(len(output.prompt_token_ids) for output in outputs)
        return Count(prompts, sum(len(output.outputs[0].token_ids) for output in outputs))

    return ask


def _messages(request: Request) -> list[dict[str, object]]:
    picture = {"type": "image_pil", "image_pil": Image.open(request.image.path).convert("RGB")}
    return [{"role": "user", "content": [picture, {"type": "text", "text": request.text}]}]


def serve(line: Connection, make: Callable[[Told], Ask], told: Told) -> None:
    """One side's process: load the model, then answer what comes over the line."""
    ask = make(told)
    line.send("ready")
    while True:
        requests, counts = line.recv(), []
        took = spent(lambda: counts.append(ask(requests)))  # noqa: B023 - called at once
        line.send((took, counts[0]))


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """Both sides start at once, and are asked in turn."""
    if find_spec("vllm") is None:
        raise LacksError("vLLM is not installed here; `make test-vllm` builds an environment for a CPU")
    told = Told(options.model, options.tokens, options.room, options.dtype, options.device)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = {make.__name__: stack.enter_context(beside(serve, make, told)) for make in (engine, chat)}
        for line in lines.values():
            line.recv()  # it is ready
        rounds = [material.requests(folder, options.requests, options.side, seed) for seed in range(options.rounds + 1)]
        for line in lines.values():
            _asked(line, rounds[0])  # warms up
        arms = {name: partial(_next, line, iter(rounds[1:])) for name, line in lines.items()}
        found = interleaved(arms, options.rounds)
    for name, asked in found.items():
        note = f"{asked[0][1].prompt} tokens of prompts, {asked[0][1].new} new"
        rates = tuple(options.requests / took.seconds for took, _ in asked)
        yield Row(what=f"{options.model}: {name}", values=rates, unit="requests/s", note=note)
    speed, work = shares([took for took, _ in found["engine"]], [took for took, _ in found["chat"]])
    note = f"{figure(median(work))} of its CPU seconds"
    yield Row(what="vLLM engine, of LLM.chat", values=tuple(speed), goal=GOAL, note=note)


def _next(line: Connection, rounds: Iterator[Sequence[Request]]) -> tuple[Span, Count]:
    return _asked(line, next(rounds))


def _asked(line: Connection, requests: Sequence[Request]) -> tuple[Span, Count]:
    line.send(requests)
    answer: tuple[Span, Count] = line.recv()
    return answer


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("model", nargs="?", default="qwen2.5-vl-7b")
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--room", type=int, default=64, help="requests at once")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--side", type=int, default=224, help="pixels of each square photograph")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")


if __name__ == "__main__":
    parts.run("vllm_chat", __doc__, add, measure)
