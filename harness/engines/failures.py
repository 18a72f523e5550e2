"""What engines share: a failure as a sentence, a reply as a response, and when failures are a bug."""

from collections import deque

from pydantic import ValidationError

from adapters.base import Reply
from harness.errors import AdapterError, ImageError
from harness.records import Request, Response

PATIENCE = 8
"""So many failures in a row with the same message are no bad images but a bug."""


class Patience:
    """Counts failures of one kind, and gives up when there is nothing else."""

    def __init__(self) -> None:
        self.answered = 0
        self._failures: deque[str] = deque(maxlen=PATIENCE)

    def success(self, count: int) -> None:
        """So many requests were answered."""
        self._failures.clear()
        self.answered += count

    def failure(self, error: Exception, full: bool = False) -> Exception:
        """Note a failure and return it without its traceback, which holds tensors.

        Large images stand together, so many may run out of memory in a row (`full`); that is a bug only if nothing ever
        fitted.

        Raises:
            AdapterError: the last ones were all the same.
        """
        self._failures.append("out of memory" if full else sentence(error))
        same = len(self._failures) == PATIENCE and len(set(self._failures)) == 1
        if same and not (full and self.answered):
            raise AdapterError(
                f"the last {PATIENCE} requests all failed in the same way, so the run stops: {sentence(error)}"
            ) from error
        return error.with_traceback(None)


def sentence(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, ValidationError):  # of a reply: its first line says nothing
        return str(error.errors()[0]["msg"])
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


def response(request: Request, result: Reply | Exception, seconds: float) -> Response:
    """What a request came to."""
    if isinstance(result, Exception):
        return Response(key=request.key, sample_id=request.sample_id, finish="failed", error=sentence(result))
    return Response(key=request.key, sample_id=request.sample_id, seconds=seconds, **result.model_dump())
