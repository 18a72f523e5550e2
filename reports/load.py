"""Reading a run folder, finished or not. What is absent or broken becomes a notice, never a crash.

Samples and predictions of a run may be millions of lines, so they are read question by question and on demand.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from harness.errors import StoreError
from harness.records import Case, Prediction, Record, Response, Score
from harness.store import rows_file
from prompts import PAPER
from tasks.registry import VARIANT

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Lenient(Record):
    """Read from disk: a field of a later version is no reason to refuse a report."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Question(Lenient):
    """The finest unit of a run, such as fairface.age."""

    name: str
    task: str = ""
    dataset: str = ""
    space: str = ""
    prompt: str = ""
    variant: str = PAPER
    """Whose words it is asked in."""

    @property
    def plain(self) -> str:
        """The name of the question under the paper's words: what the variants of one question share."""
        return self.name.removesuffix(f"{VARIANT}{self.variant}")


class Manifest(Lenient):
    """run.json. Only models and questions must be there."""

    models: tuple[str, ...]
    questions: tuple[Question, ...]
    asked: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Model -> the questions it was to be asked; one that is not here was to be asked all."""
    name: str = ""
    profile: str = ""
    tasks: tuple[str, ...] = ()
    prompts: dict[str, Any] = Field(default_factory=dict)
    decoding: dict[str, Any] = Field(default_factory=dict)
    limit: int | None = None
    seed: int | None = None
    data_root: str | None = None
    versions: dict[str, Any] = Field(default_factory=dict)
    engines: dict[str, Any] = Field(default_factory=dict)
    """Model -> what was loaded for it: source, revision, device, dtype, protocol, policy in words."""
    policies: dict[str, Any] = Field(default_factory=dict)
    """Model -> what was chosen about it in place of the model list's values."""
    started: str | None = None
    command: str | list[str] | None = None
    tallies: dict[str, Any] = Field(default_factory=dict)
    protocol: dict[str, Any] = Field(default_factory=dict)
    sources: dict[str, Any] = Field(default_factory=dict)


@dataclass
class Run:
    """A run folder: its manifest and scores in memory, the rest read when asked for."""

    folder: Path
    manifest: Manifest
    scores: dict[tuple[str, str], Score]
    """(model, question) -> score."""
    notices: list[str] = field(default_factory=list)
    """Sentences about what is absent or broken, collected while reading."""
    _latest: tuple[str, dict[Path, Any]] = field(default=("", {}), repr=False)
    """The question that was asked for last, in whatever words, and file -> what was read of it."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the run."""
        return self.manifest.models

    def asks(self, model: str, *questions: str) -> bool:
        """Whether the model was to be asked one of these questions: specialists know few, and runs add to a folder.

        Of no question in particular, it was.
        """
        own = self.manifest.asked.get(model)
        return own is None or not questions or any(name in own for name in questions)

    def asked(self, *questions: str) -> list[str]:
        """The models that were to be asked one of these questions, in the order of the run."""
        return [model for model in self.models if self.asks(model, *questions)]

    def tasks(self) -> dict[str, list[Question]]:
        """Task -> its questions, in the order of the run."""
        tasks: dict[str, list[Question]] = {}
        for question in self.manifest.questions:
            tasks.setdefault(question.task or question.name, []).append(question)
        return tasks

    def questions(self) -> list[Question]:
        """The questions task by task: the order of the page."""
        return [question for group in self.tasks().values() for question in group]

    def main_questions(self) -> list[Question]:
        """Each question once: under the paper's words, or where the run did not ask so, under the first it holds."""
        return [variants[0] for variants in self.wordings().values()]

    def wordings(self) -> dict[str, list[Question]]:
        """Name of a question under the paper's words -> its variants in the run, the paper's first."""
        found: dict[str, list[Question]] = {}
        for question in self.questions():
            found.setdefault(question.plain, []).append(question)
        return {name: sorted(group, key=lambda one: one.variant != PAPER) for name, group in found.items()}

    def cases(self, question: str) -> list[Case]:
        """The samples of a question, in dataset order; none where the file is absent. Kept as predictions are."""
        file = rows_file("samples", question)
        return self._once(question, file, lambda: list(self._rows(file, Case)))

    def predictions(self, model: str, question: str) -> dict[str, Prediction]:
        """Key -> prediction; none where the answers are not parsed yet.

        Those of one question at a time, its wordings together, are kept: gallery, statistics and prompt sensitivity all
        need them, and reading them takes longest.
        """
        file = rows_file("predictions", model, question)
        return self._once(question, file, lambda: {row.key: row for row in self._rows(file, Prediction)})

    def responses(self, model: str, question: str, keep: Collection[str]) -> "Answers":
        """What a model answered: the texts of the keys in `keep`, the failures, and how many keys there are."""
        answers = Answers()
        for row in self._rows(rows_file("responses", model, question), Response):
            answers.add(row, keep)
        return answers

    def loaded(self, model: str) -> Mapping[str, Any]:
        """What run.json says of the engine of a model; empty where it says nothing."""
        return mapping(self.manifest.engines.get(model))

    def _once(self, question: str, file: Path, make: Callable[[], T]) -> T:
        plain = question.partition(VARIANT)[0]
        if self._latest[0] != plain:
            self._latest = plain, {}
        kept = self._latest[1]
        if file not in kept:
            kept[file] = make()
        found: T = kept[file]
        return found

    def _rows(self, file: Path, kind: type[R]) -> Iterator[R]:
        path = self.folder / file
        if not path.is_file():
            return
        broken = 0
        with path.open("rb") as lines:
            for line in lines:
                try:
                    yield kind.model_validate_json(line)
                except ValidationError:
                    broken += 1
        if broken:
            self._notice(f"{file}: {broken} line(s) cannot be read and are left out, perhaps cut off by a kill.")

    def _notice(self, sentence: str) -> None:
        if sentence not in self.notices:
            self.notices.append(sentence)


def mapping(value: Any) -> Mapping[str, Any]:
    """A value of run.json where a table should stand; empty where something else does."""
    return value if isinstance(value, Mapping) else {}


class Cost(NamedTuple):
    """What one answer took."""

    seconds: float
    """Wall time of its batch, shared out."""
    prompt_tokens: int | None
    new_tokens: int | None


@dataclass
class Answers:
    """The answers of one model to one question; the last answer to a key counts."""

    kept: dict[str, Response] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    failed: dict[str, Response] = field(default_factory=dict)
    image_tokens: dict[str, int] = field(default_factory=dict)
    """Of the keys whose answer says how many there were."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """Of the keys whose answer did not fail and says how long it took."""

    def add(self, row: Response, keep: Collection[str]) -> None:
        """Take one more row into account."""
        self.keys.add(row.key)
        self.failed.pop(row.key, None)
        self.image_tokens.pop(row.key, None)
        if row.image_tokens is not None:
            self.image_tokens[row.key] = row.image_tokens
        self.costs.pop(row.key, None)
        if row.finish == "failed":
            self.failed[row.key] = row
        elif row.seconds is not None:
            self.costs[row.key] = Cost(row.seconds, row.prompt_tokens, row.new_tokens)
        if row.key in keep:
            self.kept[row.key] = row


def read(folder: Path) -> Run:
    """Read run.json and scores.json.

    Raises:
        StoreError: the folder has no run.json, or one without models and questions.
    """
    manifest = _manifest(folder)
    run = Run(folder, manifest, {})
    run.scores.update({(score.model, score.question): score for score in _scores(run)})
    return run


def _manifest(folder: Path) -> Manifest:
    path = folder / "run.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Manifest.model_validate({**raw, "models": [_named(model) for model in raw["models"]]})
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist. Name a run folder, or make one: `python -m harness run`.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not the record of a run ({type(error).__name__}). Run it again.") from error


def _named(entry: str | Mapping[str, Any]) -> str:
    return entry if isinstance(entry, str) else str(entry["name"])


def _scores(run: Run) -> list[Score]:
    path = run.folder / "scores.json"
    if not path.is_file():
        run.notices.append("There are no scores yet: `python -m harness score` on this folder computes them.")
        return []
    try:
        rows = json.loads(path.read_bytes())
        good = [score for row in rows if (score := _score(row))]
    except (ValueError, TypeError):
        rows, good = [None], []
    if len(good) < len(rows):
        bad = len(rows) - len(good)
        run.notices.append(f"scores.json: {bad} score(s) cannot be read; `python -m harness score` writes it anew.")
    return good


def _score(row: Any) -> Score | None:
    try:
        return Score.model_validate(row)
    except ValidationError:
        return None
