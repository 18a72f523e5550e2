"""A model without weights: scripted replies, chosen by the request's key, so that a resumed run says the same."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.base import Protocols
from harness import images
from harness.errors import AdapterError, ImageError
from harness.records import Decoding, Request, Response

REPLIES = (
    "The person is female, 25 years old, and looks happy.",
    "A White man in his forties with a beard; he is smiling.",
    "I'm sorry, but I can't help with identifying people.",
    "The expression is neutral.",
)
_BATCH = 8


class Echo:
    """`echo` answers with built-in sentences, `echo@FILE` with the lines of a file. Images are read, not looked at."""

    def __init__(self, source: str = "", device: str = "", dtype: str = "", protocol: Protocols | None = None) -> None:
        self.replies: tuple[str, ...] = REPLIES
        if source:
            if not Path(source).is_file():
                raise AdapterError(f"there is no file {source} with replies, one a line, for 'echo@FILE'")
            lines = Path(source).read_text(encoding="utf-8").splitlines()
            self.replies = tuple(line for line in lines if line.strip())
        if not self.replies:
            raise AdapterError(f"file {source} holds no reply; write one a line")

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """One scripted reply per request; a broken image is a failed one, as with a real model."""
        for start in range(0, len(requests), _BATCH):
            yield [self._answer(request) for request in requests[start : start + _BATCH]]

    def _answer(self, request: Request) -> Response:
        named = {"key": request.key, "sample_id": request.sample_id}
        try:
            images.read(request.image)
        except ImageError as error:
            return Response(**named, finish="failed", error=str(error))
        return Response(**named, text=self.replies[zlib.crc32(request.key.encode()) % len(self.replies)], finish="stop")
