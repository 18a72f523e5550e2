"""The answers of a model to a question, read from disk one at a time: only their places are held in memory."""

from pathlib import Path
from types import TracebackType

from pydantic_core import from_json

from harness.errors import StoreError
from harness.records import Response


class Answers:
    """Key -> newest response of a file of rows; what a kill cut off of its last line is not read.

    Args:
        file: of responses; one that is absent holds none.

    Raises:
        StoreError: a line is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._places: dict[str, int] = {}

    def __enter__(self) -> "Answers":
        """Find every answer."""
        self._stream = self._file.open("rb") if self._file.exists() else None
        place = 0
        for line in self._stream or ():
            if not line.endswith(b"\n"):
                break
            self._places[self._key(line)] = place
            place += len(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def get(self, key: str) -> Response | None:
        """The newest response to a key."""
        if self._stream is None or key not in self._places:
            return None
        self._stream.seek(self._places[key])
        return Response.model_validate_json(self._stream.readline())

    def _key(self, line: bytes) -> str:
        try:
            return str(from_json(line)["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._file} holds a damaged line: {error}. Remove it; it is asked again.") from error
