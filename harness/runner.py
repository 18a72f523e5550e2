"""Asking: the only loop that calls a model. Resumes, sorts, stores batch by batch, and loses nothing."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from pydantic import Field

from harness.engines import Engine
from harness.engines.asks import answers
from harness.errors import AdapterError, BudgetError
from harness.plan import Asked, PlannedQuestion
from harness.records import Decoding, Record, Request, Response
from harness.store import RunFolder


class Listener(Protocol):
    """Who watches: the progress bars, or nobody."""

    def begin(self, model: str, question: str, total: int, done: int) -> None:
        """A question starts with `done` of `total` answered by an earlier run."""

    def advance(self, count: int) -> None:
        """`count` more responses are on disk."""

    def end(self) -> None:
        """The question is complete, or the model is given up."""


class _Left(NamedTuple):
    """A request that is still to be made; without the gold, which is most of a case."""

    request: Request
    size: tuple[int, int] | None
    error: str | None


class Outcome(Record):
    """What a run came to."""

    asked: int = 0
    failed: int = 0
    """Responses without an answer, this time's and earlier ones."""
    broken_models: dict[str, str] = Field(default_factory=dict)
    """Models that could not be loaded, or broke off, with the reason."""
    stopped_models: dict[str, str] = Field(default_factory=dict)
    """Models whose budget is used up, with what that is; their other requests are still to be made."""

    @property
    def complete(self) -> bool:
        """Whether every request has an answer."""
        return not self.failed and not self.broken_models and not self.stopped_models


class Runner:
    """Asks every model every planned question and appends the answers to the run folder."""

    def __init__(
        self, folder: RunFolder, decoding: Decoding, open_engine: Callable[[str], Engine], listener: Listener
    ) -> None:
        self.folder = folder
        self.decoding = decoding
        self.open_engine = open_engine
        self.listener = listener
        self._asked = 0
        """Responses stored by this run, those of models that broke off included."""

    def run(self, asked: Asked, retry_failed: bool = False) -> Outcome:
        """Ask what is not answered yet. A model that cannot be used is reported; the others go on.

        Args:
            asked: model -> the questions it is asked, in the order in which they are asked.
            retry_failed: whether requests that failed before are asked again.
        """
        self._asked = 0
        broken: dict[str, str] = {}
        stopped: dict[str, str] = {}
        for model, questions in asked.items():
            try:
                self._ask_model(model, questions, retry_failed)
            except (AdapterError, BudgetError) as error:
                self.listener.end()
                (stopped if isinstance(error, BudgetError) else broken)[model] = str(error)
        failed = sum(self._failures(model, planned) for model, questions in asked.items() for planned in questions)
        return Outcome(asked=self._asked, failed=failed, broken_models=broken, stopped_models=stopped)

    def _ask_model(self, model: str, questions: Sequence[PlannedQuestion], retry_failed: bool) -> None:
        engine: Engine | None = None
        for planned in questions:
            name = planned.question.name
            left = _left(planned, pending(self.folder, model, planned, retry_failed))
            readable = [one for one in left if not one.error]
            if readable and engine is None:
                engine = self.open_engine(model)
            total = len(planned.first)
            self.listener.begin(model, name, total, total - len(left))
            self._store_unreadable(model, name, [one for one in left if one.error])
            if engine is not None:
                self._ask(engine, model, name, readable)
            self.listener.end()

    def _store_unreadable(self, model: str, question: str, left: Sequence[_Left]) -> None:
        rows = [
            Response(key=one.request.key, sample_id=one.request.sample_id, finish="failed", error=one.error)
            for one in left
        ]
        self._append(model, question, rows)

    def _ask(self, engine: Engine, model: str, question: str, left: Sequence[_Left]) -> None:
        requests = [one.request for one in sorted(left, key=_length)]
        for batch in answers(engine, model, requests, self.decoding):
            self._append(model, question, batch)

    def _append(self, model: str, question: str, rows: Sequence[Response]) -> None:
        if rows:
            self.folder.append_responses(model, question, rows)
            self.listener.advance(len(rows))
            self._asked += len(rows)

    def _failures(self, model: str, planned: PlannedQuestion) -> int:
        rows = self.folder.read_responses(model, planned.question.name).values()
        return sum(row.finish == "failed" for row in rows if row.key in planned.first)


def pending(folder: RunFolder, model: str, planned: PlannedQuestion, retry_failed: bool) -> set[int]:
    """The places of the cases that a model is still to be asked about, one for each key."""
    answered = folder.read_responses(model, planned.question.name)
    done = {key for key, row in answered.items() if not (retry_failed and row.finish == "failed")}
    return {place for key, place in planned.first.items() if key not in done}


def _left(planned: PlannedQuestion, places: Collection[int]) -> list[_Left]:
    if not places:
        return []
    cases = (case for place, case in enumerate(planned.cases) if place in places)
    return [_Left(planned.request(case), case.size, case.error) for case in cases]


def _length(one: _Left) -> tuple[int, int]:
    """Orders by words and pixels, since equal lengths side by side waste no padding."""
    width, height = one.size or (0, 0)
    return len(one.request.text), width * height
