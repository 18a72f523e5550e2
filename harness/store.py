"""The run folder: everything a run asked, got and derived, in plain JSON lines.

RUN/run.json                                 what was asked of whom, how, with which versions
RUN/samples/<question>.jsonl                 Case rows, in the dataset's order
RUN/responses/<model>/<question>.jsonl       Response rows: append-only, flushed to disk batch by batch
RUN/predictions/<model>/<question>.jsonl     Prediction rows, derived
RUN/scores.json                              Score rows, derived
RUN/report/                                  derived
RUN/derived.json                             what the derived files were made from
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from filelock import FileLock, Timeout
from pydantic import ValidationError

from harness.errors import StoreError
from harness.records import Case, Prediction, Record, Response, Score

Row = TypeVar("Row", bound=Record)
PAGE = "report/index.html"
SCORES = "scores.json"


class RunFolder:
    """One run on disk. Reading needs no lock; whatever asks a model holds `lock()`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """Open a folder that some run has written.

        Raises:
            StoreError: there is no run.json in it.
        """
        folder = cls(path)
        folder.run()
        return folder

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process alone; the operating system frees it if the process dies.

        Raises:
            StoreError: another process is writing to the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another process is writing to {self.path}. Wait for it to end, or choose another folder with --out."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def read_run(self) -> dict[str, Any] | None:
        """The contents of run.json, or None before the first run."""
        file = self.path / "run.json"
        if not file.exists():
            return None
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{file} is damaged ({error}). Restore it, or start anew with another --out.") from error
        if not isinstance(content, dict):
            raise StoreError(
                f"{file} is damaged: it holds no JSON object. Restore it, or start anew with another --out."
            )
        return content

    def run(self) -> dict[str, Any]:
        """The contents of run.json.

        Raises:
            StoreError: there is none, or it is damaged.
        """
        content = self.read_run()
        if content is None:
            raise StoreError(
                f"{self.path} is not a run folder: it holds no run.json. `python -m harness run` makes one."
            )
        return content

    def write_run(self, content: dict[str, Any]) -> None:
        """Replace run.json as a whole."""
        write_atomically(self.path / "run.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def write_cases(self, question: str, cases: Iterable[Case]) -> None:
        """Replace the samples of a question."""
        _write_rows(self._file("samples", question), cases)

    def read_cases(self, question: str) -> list[Case]:
        """The samples of a question in dataset order; empty before they are planned."""
        return list(_read_rows(self._file("samples", question), Case))

    def append_responses(self, model: str, question: str, responses: Sequence[Response]) -> None:
        """Add rows and wait until they are on disk."""
        file = self._file("responses", model, question)
        file.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(file)
        with file.open("a", encoding="utf-8") as stream:
            stream.writelines(_line(row) for row in responses)
            stream.flush()
            os.fsync(stream.fileno())

    def read_responses(self, model: str, question: str) -> dict[str, Response]:
        """The newest response per key; a last line that was cut off by a crash is not read."""
        return {row.key: row for row in _read_rows(self._file("responses", model, question), Response)}

    def write_predictions(self, model: str, question: str, predictions: Iterable[Prediction]) -> None:
        """Replace the predictions of a model on a question."""
        _write_rows(self._file("predictions", model, question), predictions)

    def write_scores(self, scores: Sequence[Score]) -> None:
        """Replace all scores."""
        rows = [score.model_dump(mode="json") for score in scores]
        write_atomically(self.path / SCORES, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")

    def read_scores(self) -> list[Score]:
        """All scores; none before the first are written."""
        file = self.path / SCORES
        try:
            return [Score.model_validate(row) for row in json.loads(file.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise StoreError(f"{file} is damaged: `python -m harness score {self.path}` writes it again.") from error

    def _file(self, *parts: str) -> Path:
        return self.path / rows_file(*parts)


def quoted(name: str) -> str:
    """A model's or question's name on disk: characters outside [A-Za-z0-9._-] are quoted as in an address."""
    return quote(name, safe="")


def rows_file(*parts: str) -> Path:
    """Where rows lie within a run folder: ("responses", model, question) or ("samples", question)."""
    # Model names such as hf:org/name hold characters that are no part of a file name.
    *folders, last = map(quoted, parts)
    return Path(*folders, f"{last}.jsonl")


def write_atomically(file: Path, text: str | Iterable[str]) -> None:
    """Replace a file as a whole: a reader or a crash sees the old text or the new one, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as stream:
        try:
            stream.writelines([text] if isinstance(text, str) else text)
        except BaseException:  # the lines may be made while they are written, and be stopped by ctrl-C
            os.unlink(stream.name)
            raise
    os.chmod(stream.name, 0o644)  # results are for the group to read; temporary files are private
    os.replace(stream.name, file)


def _line(row: Record) -> str:
    return row.model_dump_json(exclude_defaults=True) + "\n"


def _write_rows(file: Path, rows: Iterable[Record]) -> None:
    write_atomically(file, map(_line, rows))


def _read_rows(file: Path, kind: type[Row]) -> Iterator[Row]:
    if not file.exists():
        return
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise StoreError(
                    f"{file}, line {number} is damaged: {reason}. Remove that line; it is asked again."
                ) from error


def _cut_torn_line(file: Path) -> None:
    """Remove what a killed process left behind of its last line."""
    if not file.exists():
        return
    with file.open("rb+") as stream:
        end = stream.seek(0, os.SEEK_END)
        tail = b""
        while end > 0 and b"\n" not in tail:
            start = max(0, end - 65536)
            stream.seek(start)
            tail = stream.read(end - start) + tail
            end = start
        stream.truncate(end + tail.rfind(b"\n") + 1)
