"""Requests a second of the engine for endpoints, against a server that takes 50 ms for every answer.

    OMP_NUM_THREADS=1 python -m benchmarks.endpoint [--requests 96] [--concurrency 1 8 32]

The server is a process of its own on this machine, so no network is measured, but it takes its part of the cores. The
ideal, concurrency / 50 ms, is what a client without any work of its own would reach; reading pictures and writing them
as PNG is the rest. The engine keeps its account on disk, as in a run.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from adapters.registry import spec
from benchmarks import material, parts
from benchmarks.beside import beside
from benchmarks.rounds import interleaved, spent
from benchmarks.table import Row
from harness.engines import EndpointOptions, EngineOptions, open_engine
from harness.records import Decoding, Request
from tests.endpoint import Act, serving

PAUSE = 0.05


def serve(line: Connection) -> None:
    """The other process: say where the server is, and keep it until the line is cut."""
    with serving(lambda number, body: Act(pause=PAUSE)) as server:
        line.send(server.url)
        line.recv()


def asking(url: str, requests: list[Request], concurrency: int, spending: Path) -> Callable[[], None]:
    """Ask everything once; an answer that fails is an error here."""
    options = EngineOptions(endpoint=EndpointOptions(concurrency=concurrency), spending=spending)
    engine = open_engine(spec(f"openai:stub@{url}"), options)

    def ask() -> None:
        rows = [row for batch in engine.generate(requests, Decoding(max_new_tokens=16)) for row in batch]
        assert [row.error for row in rows] == [None] * len(requests)

    return ask


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """One row for each number of requests under way."""
    with tempfile.TemporaryDirectory() as path, beside(serve) as line:
        folder, url = Path(path), line.recv()
        requests = material.requests(folder, options.requests, options.side)
        arms = {
            str(many): partial(spent, asking(url, requests, many, folder / f"{many}.json"))
            for many in options.concurrency
        }
        took = interleaved(arms, options.rounds)
    for many in options.concurrency:
        rates = tuple(options.requests / one.seconds for one in took[str(many)])
        what = f"{many} under way, {options.side} x {options.side} pixels"
        yield Row(what=what, values=rates, unit="requests/s", note=f"ideal {many / PAUSE:.0f}")


def add(parser: argparse.ArgumentParser) -> None:
    """The part's options."""
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--side", type=int, default=224, help="pixels of each square photograph")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])


if __name__ == "__main__":
    parts.run("endpoint", __doc__, add, measure)
