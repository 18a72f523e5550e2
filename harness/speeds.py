"""How fast models answered here before: requests a second by model, profile, kind of question and device.

CACHE/speeds.json holds a list of Speed rows, one of each kind: the newest, unless it saw far fewer answers.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from filelock import FileLock
from pydantic import Field, TypeAdapter, ValidationError

from harness.places import cache_folder
from harness.records import Record
from harness.runner import Listener
from harness.store import write_atomically

FILE = "speeds.json"
ENOUGH = 8
"""Fewer answers than this measure how long a start takes."""
_FEWER = 4


class Speed(Record):
    """One measurement."""

    model: str
    profile: str
    task: str
    """The kind of question: a description takes longer than one label."""
    device: str
    requests: int = Field(ge=1)
    seconds: float = Field(gt=0)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is a measurement of."""
        return self.model, self.profile, self.task, self.device


_ROWS = TypeAdapter(list[Speed])


def read_speeds(cache: Path | None = None) -> list[Speed]:
    """What was measured; a file that is absent or damaged says nothing, for it only serves to estimate."""
    try:
        return _ROWS.validate_json(((cache or cache_folder()) / FILE).read_bytes())
    except (OSError, ValidationError):
        return []


def note_speeds(speeds: Iterable[Speed], cache: Path | None = None) -> None:
    """Put these measurements in the place of older ones of the same kind; a try with a handful of faces stays out."""
    folder = cache or cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{FILE}.lock"):  # two runs may end at the same time
        rows = {row.key: row for row in read_speeds(folder)}
        for new in speeds:
            old = rows.get(new.key)
            if old is None or new.requests * _FEWER >= old.requests:
                rows[new.key] = new
        write_atomically(folder / FILE, _ROWS.dump_json(list(rows.values()), indent=1).decode() + "\n")


class Stopwatch:
    """A listener that measures what another one shows. A context manager: leaving it ends the last model.

    Args:
        inner: the listener that is told everything.
        tasks: question -> kind of question.
        profile, device: of the measurements.
        clock: seconds.
        aside: models whose speed is not written down, for they are asked otherwise than usual.
    """

    def __init__(
        self,
        inner: Listener,
        tasks: Mapping[str, str],
        profile: str,
        device: str,
        clock: Callable[[], float] = time.monotonic,
        aside: Collection[str] = (),
    ) -> None:
        self.inner = inner
        self.tasks = tasks
        self.profile = profile
        self.device = device
        self.clock = clock
        self.aside = aside
        self._model = ""
        self._task = ""
        self._began = 0.0
        self._sums: dict[str, tuple[int, float]] = {}
        """Kind of question -> answers and seconds, of the model at work."""
        self._count = 0

    def __enter__(self) -> "Stopwatch":
        return self

    def __exit__(self, *error: object) -> None:
        self._write()

    def begin(self, model: str, question: str, total: int, done: int) -> None:
        """Start; where another model was at work before, write down what it came to."""
        if model != self._model:
            self._write()
            self._model = model
        self._task, self._count, self._began = self.tasks[question], 0, self.clock()
        self.inner.begin(model, question, total, done)

    def advance(self, count: int) -> None:
        """Count."""
        self._count += count
        self.inner.advance(count)

    def end(self) -> None:
        """Stop; a second end, after a model broke off, finds nothing to count."""
        answers, seconds = self._sums.get(self._task, (0, 0.0))
        if self._count:
            self._sums[self._task] = answers + self._count, seconds + self.clock() - self._began
        self._count = 0
        self.inner.end()

    def _write(self) -> None:
        place = {"model": self._model, "profile": self.profile, "device": self.device}
        found = [
            Speed(task=task, requests=answers, seconds=seconds, **place)
            for task, (answers, seconds) in self._sums.items()
            if answers >= ENOUGH and seconds > 0
        ]
        self._sums = {}
        if found and self._model not in self.aside:
            note_speeds(found)
