"""Tasks and their questions (data: questions.toml), and the samples of a question."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from pydantic import Field

import prompts
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.records import Prompt, Record, Sample
from tasks import datasets
from tasks.datasets.base import Face, Tally
from tasks.datasets.faces import Codes, Faces, Places
from tasks.datasets.options import DataOptions
from tasks.datasets.split import luck
from tasks.labels import label_space

VARIANT = "+"
"""Stands between a question and the variant of its words, as in "expw+terse"."""
ALL_VARIANTS = "all"


class Question(Record):
    """The finest unit of a run: one question asked about every face of one dataset, in one wording."""

    name: str
    task: str
    dataset: str
    """Also the name of the dataset's folder under the data root."""
    space: str
    """The label space of the gold labels and of the answers."""
    prompt: str
    """A template such as "agr/age", or "agr/age.terse" under a variant."""
    variant: str = prompts.PAPER
    """Whose words it is asked in; under others than the paper's it is a question of its own, with a name of its own."""
    choice: str = ""
    """The choice about the dataset that decides the label space."""
    spaces: dict[str, str] = Field(default_factory=dict)
    """Its value -> the label space."""

    @property
    def plain(self) -> str:
        """Its name under the paper's words: what the variants of one question share."""
        return self.name.removesuffix(f"{VARIANT}{self.variant}")

    def under(self, options: DataOptions) -> "Question":
        """The question with the label space that the user chose."""
        if not self.choice:
            return self
        return self.model_copy(update={"space": self.spaces[getattr(options.of(self.dataset), self.choice)]})

    def worded(self, variant: str) -> "Question":
        """A question under the paper's words, asked in other words: of the same samples, under another name.

        Raises:
            UnknownNameError: its template has no such variant.
        """
        if variant == self.variant:
            return self
        known = prompts.variants(self.prompt)
        if variant not in known:
            raise UnknownNameError.of(f"prompt variant of {self.name}", variant, known, _CURE)
        own = {"name": f"{self.name}{VARIANT}{variant}", "prompt": prompts.worded(self.prompt, variant)}
        return self.model_copy(update={**own, "variant": variant})

    def labels(self) -> tuple[str, ...]:
        """The labels as words to be put into a prompt."""
        return label_space(self.space).display

    def render(self) -> Prompt:
        """The question in words; the same for every face."""
        return prompts.render(self.prompt, labels=self.labels())


class Samples(Sequence[Sample]):
    """The samples of a question, each made when it is asked for."""

    def __init__(self, faces: Faces, space: str) -> None:
        self.faces = faces
        self.space = space

    def __len__(self) -> int:
        """Their number."""
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "Samples": ...
    def __getitem__(self, index: int | slice) -> "Sample | Samples":
        """One sample, or those of a slice."""
        if isinstance(index, slice):
            return Samples(self.faces[index], self.space)
        return _sample(self.faces[index], self.space)

    def __iter__(self) -> Iterator[Sample]:
        """The samples in dataset order, some thousands in memory at a time."""
        return (_sample(face, self.space) for face in self.faces)


class Loaded(NamedTuple):
    """The samples of a question, and what its dataset dropped and mended."""

    samples: Samples
    tally: Tally


def _read_questions() -> dict[str, Question]:
    table = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))
    return {name: Question.model_validate({"name": name, "space": name, **row}) for name, row in table.items()}


QUESTIONS: dict[str, Question] = _read_questions()
TASKS: dict[str, tuple[str, ...]] = {
    task: tuple(question.name for question in QUESTIONS.values() if question.task == task)
    for task in dict.fromkeys(question.task for question in QUESTIONS.values())
}
_CURE = "`python -m harness tasks`"


def question(name: str) -> Question:
    """Look up a question by name, such as "expw", or "expw+terse" under a variant.

    Raises:
        UnknownNameError: there is none of that name.
    """
    plain, _, variant = name.partition(VARIANT)
    if plain not in QUESTIONS:
        raise UnknownNameError.of("question", name, QUESTIONS, _CURE)
    return QUESTIONS[plain].worded(variant or prompts.PAPER)


def questions_of(
    tasks: Sequence[str], options: DataOptions | None = None, variants: Sequence[str] = (prompts.PAPER,)
) -> tuple[Question, ...]:
    """The questions of these tasks, in the order given and without repeats; a single question may stand for a task.

    The variants of a question follow one another, so that a planner reads their pictures once.

    Args:
        tasks: names of tasks or questions; one with a variant, such as "expw+terse", is asked under that alone.
        options: the user's choices about the datasets, which decide some label spaces.
        variants: of the prompts; "all" are those that a question's template has.

    Raises:
        UnknownNameError: a name is neither a task nor a question, or a question has no such variant.
    """
    found: dict[str, Question] = {}
    for task in tasks:
        if task not in TASKS and task.partition(VARIANT)[0] not in QUESTIONS:
            raise UnknownNameError.of("task", task, [*TASKS, *QUESTIONS], _CURE)
        for name in TASKS.get(task, (task,)):
            found |= {one.name: one.under(options or DataOptions()) for one in _wordings(question(name), variants)}
    return tuple(found.values())


def _wordings(asked: Question, variants: Sequence[str]) -> list[Question]:
    """A question in each of these wordings; one that was named with a variant has its own."""
    if asked.variant != prompts.PAPER:
        return [asked]
    own = prompts.variants(asked.prompt)
    return [asked.worded(name) for one in variants for name in (own if one == ALL_VARIANTS else (one,))]


def samples(
    asked: Question | str,
    root: Path,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    options: DataOptions | None = None,
) -> Loaded:
    """The samples of a question, in dataset order.

    Args:
        asked: a question, or its name, such as "fairface.age".
        root: the folder that holds the datasets' folders: celeba, maad, fairface, utkface, expw, raf-db.
        split: "test" is what papers evaluate on; "train" and, where the set has it, "val".
        limit: at most so many samples: a seeded subset, stratified by gold label in one-label spaces. It is the same
            for every model, and a larger limit contains a smaller one.
        seed: chooses the subset.
        options: the user's choices about the datasets.

    Raises:
        UnknownNameError: there is no such question or split.
        DataError: the dataset is absent, incomplete or holds an impossible value.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no sample; give a number of at least 1, or none for all samples.")
    options = options or DataOptions()
    chosen = (question(asked) if isinstance(asked, str) else asked).under(options)
    faces = datasets.load(chosen.dataset, root / chosen.dataset, split, options)
    if not len(faces):
        raise DataError(f"{root / chosen.dataset} holds no face of split '{split}'. Dropped: {faces.tally.dropped}.")
    kept = (
        faces if limit is None else faces.take(_subset(faces.strings("id"), _strata(faces, chosen.space), limit, seed))
    )
    return Loaded(Samples(kept, chosen.space), faces.tally)


def _sample(face: Face, space: str) -> Sample:
    return Sample(id=face.id, image=face.image, gold=face.labels[space], group=face.group)


def _subset(ids: Iterable[str], strata: Codes, limit: int, seed: int) -> Places:
    """The faces that come first when each stratum, in random order, is spread evenly over the unit interval."""
    chance = luck(f"subset {seed} {name}" for name in ids)
    position = np.zeros(len(strata))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        rank = np.argsort(np.argsort(chance[own], kind="stable"), kind="stable")
        position[own] = (rank + 0.5) / len(own)
    return np.sort(np.lexsort((chance, position))[:limit])


def _strata(faces: Faces, space: str) -> Codes:
    return np.zeros(len(faces), dtype=np.int8) if label_space(space).kind == "attributes" else faces.codes(space)
