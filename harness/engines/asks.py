"""Requests that ask for options: taken apart into their asks, and what came of these put together again.

An engine answers one ask at a time, in the order given, so that those about one picture stand together. A request whose
asks are not all answered is a failed response.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from adapters.base import Engine
from harness.errors import AdapterError
from harness.records import Ask, Decoding, Request, Response

Generate = Callable[[Iterator[Request]], Iterator[list[Response]]]


class _Parts:
    """The answers to the asks of one request, as far as they are there."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.rows: dict[int, Response] = {}

    def put(self, place: int, row: Response) -> Response | None:
        """Add one; the response to the request if it was the last."""
        self.rows[place] = row
        return self._joined() if len(self.rows) == len(self.request.asks) else None

    def _joined(self) -> Response:
        named = {"key": self.request.key, "sample_id": self.request.sample_id}
        rows = [self.rows[place] for place in range(len(self.rows))]
        if failed := next((row for row in rows if row.finish == "failed"), None):
            return Response(finish="failed", error=failed.error, **named)
        scores: dict[str, float] = {}
        for ask, row in zip(self.request.asks, rows, strict=True):
            scores |= _by_label(ask, row)
        return Response(
            text=" ".join(row.text for row in rows),
            finish="stop",
            seconds=sum(row.seconds or 0.0 for row in rows),
            prompt_tokens=sum(row.prompt_tokens or 0 for row in rows),
            new_tokens=sum(row.new_tokens or 0 for row in rows),
            image_tokens=rows[0].image_tokens,  # of the picture, which they share
            label_scores=scores,
            option_mass=sum(row.option_mass or 0.0 for row in rows) / len(rows),
            **named,
        )


def ask_by_ask(model: Any, requests: Iterable[Request], generate: Generate) -> Iterator[list[Response]]:
    """Responses to requests, through an engine that answers requests of one ask, or of none, which pass as they are.

    Args:
        model: an adapter; one that has evidence of its own is not asked for options.
        requests: in the order in which they are asked.
        generate: of the engine.

    Raises:
        AdapterError: a request asks for options, and the model has no `choose`.
    """
    if getattr(model, "evident", False):
        requests = (request.model_copy(update={"asks": ()}) for request in requests)
    elif not hasattr(model, "choose"):
        requests = refuse(requests, f"the adapter {type(model).__name__}, which has no `choose`,")
    parts: dict[str, tuple[_Parts, int]] = {}
    names = map(str, count())

    def single() -> Iterator[Request]:
        for request in requests:
            if not request.asks:
                yield request
                continue
            whole = _Parts(request)
            for place, ask in enumerate(request.asks):
                name = next(names)
                parts[name] = whole, place
                yield request.model_copy(update={"key": name, "text": ask.text, "asks": (ask,)})

    for rows in generate(single()):
        if joined := list(_joined(rows, parts)):
            yield joined


def refuse(requests: Iterable[Request], what: str) -> Iterator[Request]:
    """The requests as they are, none of which may ask for options.

    Raises:
        AdapterError: one does.
    """
    for request in requests:
        if request.asks:
            raise _no_evidence(what)
        yield request


def answers(engine: Engine, model: str, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
    """What an engine answers; one of another package may not know of asks, and its free text is no evidence.

    Raises:
        AdapterError: requests ask for options, and a response gives no evidence.
    """
    asking = {request.key for request in requests if request.asks}
    for rows in engine.generate(requests, decoding):
        if any(row.key in asking and row.finish != "failed" and not row.label_scores for row in rows):
            raise _no_evidence(model)
        yield rows


def _no_evidence(what: str) -> AdapterError:
    return AdapterError(f"{what} answers in free text alone: leave `--answers choice` out for it")


def _joined(rows: Iterable[Response], parts: dict[str, tuple[_Parts, int]]) -> Iterator[Response]:
    for row in rows:
        if row.key not in parts:
            yield row
            continue
        whole, place = parts.pop(row.key)
        if found := whole.put(place, row):
            yield found


def _by_label(ask: Ask, row: Response) -> dict[str, float]:
    scores = row.label_scores or {}
    found = zip(ask.options, ask.labels, strict=True)
    return {label: scores[option] for option, label in found if label is not None}
