"""The transformers engine: cuts batches, prepares them ahead of the model, and survives what can go wrong.

Images of the next batches are read and preprocessed in worker threads while the model answers the current one. A
batch that does not fit into memory, or that one bad image breaks, is halved until the rest is answered; what cannot be
answered alone is a failed response with the message.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch

from adapters.base import Model, Reply
from harness import images
from harness.engines.asks import ask_by_ask
from harness.engines.failures import Patience, response
from harness.errors import AdapterError, ImageError
from harness.records import Decoding, Request, Response

AHEAD = 3
"""Batches prepared before they are needed: enough to hide a slow image, few enough for the memory."""
_CPU_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


@dataclass
class _Item:
    """A request with its picture, or with the reason why there is none."""

    request: Request
    image: Any = None
    error: Exception | None = None


@dataclass
class _Batch:
    """Items, and the tensors of those that have a picture; without tensors they are made again when needed."""

    items: list[_Item]
    tensors: Any = None

    @property
    def good(self) -> list[_Item]:
        return [item for item in self.items if item.image is not None]


class HFEngine:
    """Answers requests with a model on this machine.

    Args:
        model: an adapter; see adapters/base.py.
        batch_size: requests a batch at most; falls when memory runs out and stays there.
        workers: threads that read and preprocess images.
    """

    def __init__(self, model: Model, batch_size: int = 8, workers: int = 2) -> None:
        self.model = model
        self.batch_size = batch_size
        self.workers = workers
        self._patience = Patience()

    def identity(self) -> dict[str, object]:
        """What is to be written down about the loaded model beside its name; fields an adapter lacks are left out."""
        fields = ("source", "revision", "device", "dtype", "parameters", "protocol", "maps", "finetuned")
        found = {name: getattr(self.model, name) for name in fields if getattr(self.model, name, None) is not None}
        plain = {name: value if isinstance(value, int | dict) else str(value) for name, value in found.items()}
        return {"engine": "transformers", "batch_size": self.batch_size, **plain}

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """One list of responses per batch, in the order of the requests.

        Raises:
            AdapterError: every request fails in the same way, or a question holds a special token of the model.
        """
        return ask_by_ask(self.model, requests, partial(self._generate, decoding=decoding))

    def _generate(self, requests: Iterator[Request], decoding: Decoding) -> Iterator[list[Response]]:
        pool = ThreadPoolExecutor(self.workers, "images", initializer=torch.set_num_threads, initargs=(1,))
        waiting: deque[Future[_Batch]] = deque()
        try:
            while True:
                while len(waiting) < AHEAD and (cut := list(islice(requests, self.batch_size))):
                    waiting.append(pool.submit(self._prepare, cut))
                if not waiting:
                    return
                yield self._answer(waiting.popleft().result(), decoding)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, requests: Sequence[Request]) -> _Batch:
        batch = _Batch([self._read(request) for request in requests])
        try:
            batch.tensors = self._tensors(batch.good)
        except AdapterError:
            raise
        except Exception:  # noqa: BLE001 - it is met again when the batch is answered, and dealt with there
            batch.tensors = None
        return batch

    def _read(self, request: Request) -> _Item:
        try:
            return _Item(request, self.model.image(images.read(request.image)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one image must not stop the others
            return _Item(request, error=error)

    def _tensors(self, items: list[_Item]) -> Any:
        pictures = [item.image for item in items if item.image is not None]
        return self.model.inputs(pictures, [item.request for item in items]) if items else None

    def _answer(self, batch: _Batch, decoding: Decoding) -> list[Response]:
        started = time.perf_counter()
        replies = iter(self._ask(batch.good, batch.tensors, decoding))
        results = [self._unread(item.error) if item.error else next(replies) for item in batch.items]
        seconds = (time.perf_counter() - started) / len(batch.items)
        return [response(item.request, result, seconds) for item, result in zip(batch.items, results, strict=True)]

    def _ask(self, items: list[_Item], tensors: Any, decoding: Decoding) -> list[Reply | Exception]:
        """A reply per item, or the error it met when it was asked alone."""
        if not items:
            return []
        try:
            replies = self._reply(items, self._tensors(items) if tensors is None else tensors, decoding)
            self._patience.success(len(replies))
            return list(replies)
        except AdapterError:
            raise
        except Exception as error:  # noqa: BLE001 - a model may raise anything; asked alone, it becomes a failed row
            full = out_of_memory(error)
            if len(items) == 1:
                return [self._patience.failure(error, full)]
        # Out here the traceback, and with it the tensors of the failed attempt, is gone.
        del tensors
        half = (len(items) + 1) // 2
        if full:
            self._shrink(half)
        return self._ask(items[:half], None, decoding) + self._ask(items[half:], None, decoding)

    def _reply(self, items: list[_Item], tensors: Any, decoding: Decoding) -> list[Reply]:
        """Free answers, or the choice among the options of one ask each."""
        asks = [ask for item in items for ask in item.request.asks]
        if not asks:
            return self.model.answer(tensors, decoding)
        return self.model.choose(tensors, [ask.options for ask in asks])

    def _shrink(self, size: int) -> None:
        self.batch_size = min(self.batch_size, size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _unread(self, error: Exception) -> Exception:
        return error if isinstance(error, ImageError) else self._patience.failure(error)


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on the accelerator or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _CPU_MEMORY)
