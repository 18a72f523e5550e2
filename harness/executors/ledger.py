"""The books of one question: which requests wait, who has which, what came back, and what was lost. Knows no Ray."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from harness.errors import AdapterError
from harness.records import Request, Response

SMALLEST = 16
"""Requests that are worth handing over: two batches of the usual size, so that pictures are still read ahead."""


@dataclass(frozen=True)
class Chunk:
    """Unanswered requests that are handed over together."""

    requests: dict[str, Request]
    """By key, in the order of the question."""
    deaths: tuple[str, ...] = ()
    """The nodes on which a process died that had them."""


class Ledger:
    """Gives out the requests of a question, and takes each answer once.

    A worker gets a half of its share of what waits: large pieces first, for an engine is slow where a piece begins and
    ends, and small ones last, for all should end together.

    Args:
        requests: of the question, each with a key of its own.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        chunk = Chunk({request.key: request for request in requests})
        self._waiting = deque([chunk] if requests else [])
        self._held: dict[int, Chunk] = {}

    @property
    def closed(self) -> bool:
        """Whether all is answered and every worker has said that it is done."""
        return not self._waiting and not self._held

    @property
    def open(self) -> int:
        """How many requests have no answer yet."""
        return self._count() + sum(len(chunk.requests) for chunk in self._held.values())

    def take(self, worker: int, workers: int) -> list[Request]:
        """The next requests for a worker; none where all that is left is with others.

        Args:
            worker: who asks; it holds nothing.
            workers: among how many the work is divided.
        """
        if not self._waiting:
            return []
        size = max(SMALLEST, -(-self._count() // (2 * workers if workers > 1 else 1)))
        chunk = self._waiting.popleft()
        items = iter(chunk.requests.items())
        self._held[worker] = Chunk(dict(islice(items, size)), chunk.deaths)
        if rest := dict(items):
            self._waiting.appendleft(Chunk(rest, chunk.deaths))
        return list(self._held[worker].requests.values())

    def answered(self, worker: int, rows: Sequence[Response]) -> list[Response]:
        """Of these responses, those to requests that the worker holds and has not answered before."""
        held = self._held[worker].requests
        return [row for row in rows if held.pop(row.key, None) is not None]

    def finished(self, worker: int) -> None:
        """The worker has no more to say about what it was given.

        Raises:
            AdapterError: it left requests without an answer, as no engine may.
        """
        left = self._held.pop(worker).requests
        if left:
            raise AdapterError(f"its engine ended without a response to {len(left)} of the requests it was given")

    def lost(self, worker: int, node: str) -> Chunk:
        """The worker is gone: what it had not answered is the next to be given out. Empty if it held nothing."""
        held = self._held.pop(worker, Chunk({}))
        if not held.requests:
            return held
        chunk = Chunk(held.requests, (*held.deaths, node))
        self._waiting.appendleft(chunk)
        return chunk

    def _count(self) -> int:
        return sum(len(chunk.requests) for chunk in self._waiting)
