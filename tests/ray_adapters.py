"""Adapters for tests on Ray, named by file: each writes a line into SOURCE.diary per batch, and may die of it.

The source itself is never there: a file that grows would be other weights each time. The diary's lines are NODE PID
KEY..., flushed before the batch is answered.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import AdapterError, BudgetError
from harness.records import Decoding, Request, Response


class Slow:
    """Answers with the words of a request's key, two at a time, a tenth of a second each."""

    def __init__(self, source: str = "", device: str = "", dtype: str = "", protocol: object = None) -> None:
        self.diary = Path(f"{source}.diary")
        self.device = device

    def identity(self) -> dict[str, object]:
        return {"engine": "slow", "cards": os.environ.get("CUDA_VISIBLE_DEVICES", ""), "device": self.device}

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        for start in range(0, len(requests), 2):
            part = requests[start : start + 2]
            self.note(part)
            time.sleep(0.2)
            yield [Response(key=r.key, sample_id=r.sample_id, text=f"happy {r.key}", finish="stop") for r in part]

    def note(self, part: Sequence[Request]) -> None:
        import ray

        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "here"
        with self.diary.open("a", encoding="utf-8") as stream:
            stream.write(" ".join([node, str(os.getpid()), *(request.key for request in part)]) + "\n")


class Crashing(Slow):
    """Dies as native code does, with each batch."""

    def note(self, part: Sequence[Request]) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Broke(Slow):
    """Has no budget."""

    def note(self, part: Sequence[Request]) -> None:
        raise BudgetError("the budget is used up")


class Absent(Slow):
    """Cannot be loaded."""

    def __init__(self, *_: object, **__: object) -> None:
        raise AdapterError("there are no weights here")


class Buggy(Slow):
    """Has a bug."""

    def note(self, part: Sequence[Request]) -> None:
        raise ZeroDivisionError("a bug")
