"""The harness's command line, which at its end says how long the engine was answering.

    python -m benchmarks.phases run --models llava-v1.5-7b --tasks fairface.gender --out FOLDER

Last line: {"seconds": ...}, from the first request until the last response is stored, so that it can stand beside the
same span of another tool. Everything else is `python -m harness`.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence

from harness.engines.hf import HFEngine
from harness.records import Decoding, Request, Response


def main() -> None:
    """Run the command line with a clock around the engine."""
    from harness.__main__ import main as harness

    took: list[float] = []
    plain = HFEngine.generate

    def timed(self: HFEngine, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        started = time.perf_counter()
        yield from plain(self, requests, decoding)
        took.append(time.perf_counter() - started)

    HFEngine.generate = timed  # type: ignore[method-assign]
    try:
        harness()
    finally:
        sys.stdout.write("\n" + json.dumps({"seconds": sum(took)}) + "\n")


if __name__ == "__main__":
    main()
