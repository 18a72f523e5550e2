"""Tasks and their questions (data: questions.toml), and the samples of a question."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

import prompts
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.records import Prompt, Record, Sample
from tasks import datasets
from tasks.datasets.base import Face, Faces, Tally
from tasks.labels import label_space


class Question(Record):
    """The finest unit of a run: one question asked about every face of one dataset."""

    name: str
    task: str
    dataset: str
    """Also the name of the dataset's folder under the data root."""
    space: str
    """The label space of the gold labels and of the answers."""
    prompt: str
    """A template such as "agr/age"."""

    def labels(self) -> tuple[str, ...]:
        """The labels as words to be put into a prompt."""
        return label_space(self.space).display

    def render(self) -> Prompt:
        """The question in words; the same for every face."""
        return prompts.render(self.prompt, labels=self.labels())


class Loaded(Record):
    """The samples of a question, and what its dataset dropped."""

    samples: list[Sample]
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
    """Look up a question by name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in QUESTIONS:
        raise UnknownNameError.of("question", name, QUESTIONS, _CURE)
    return QUESTIONS[name]


def questions_of(tasks: Sequence[str]) -> tuple[Question, ...]:
    """The questions of these tasks, in the order given and without repeats; a single question may stand for a task.

    Raises:
        UnknownNameError: a name is neither a task nor a question.
    """
    names: dict[str, None] = {}
    for task in tasks:
        if task not in TASKS and task not in QUESTIONS:
            raise UnknownNameError.of("task", task, [*TASKS, *QUESTIONS], _CURE)
        names |= dict.fromkeys(TASKS.get(task, (task,)))
    return tuple(QUESTIONS[name] for name in names)


def samples(question_name: str, root: Path, split: str = "test", limit: int | None = None, seed: int = 0) -> Loaded:
    """The samples of a question, in dataset order.

    Args:
        question_name: such as "fairface.age".
        root: the folder that holds the datasets' folders: celeba, maad, fairface, utkface, expw, raf-db.
        split: "test" is what papers evaluate on; "train" and, where the set has it, "val".
        limit: at most so many samples: a seeded subset, stratified by gold label in one-label spaces. It is the same
            for every model, and a larger limit contains a smaller one.
        seed: chooses the subset.

    Raises:
        UnknownNameError: there is no such question or split.
        DataError: the dataset is absent, incomplete or holds an impossible value.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no sample; give a number of at least 1, or none for all samples.")
    asked = question(question_name)
    faces = _faces(asked.dataset, root.resolve(), split)
    if not faces.faces:
        raise DataError(f"{root / asked.dataset} holds no face of split '{split}'. Dropped: {faces.tally.dropped}.")
    found = [_sample(face, asked.space) for face in faces.faces]
    return Loaded(samples=found if limit is None else _subset(found, limit, seed), tally=faces.tally)


@lru_cache(maxsize=2)
def _faces(dataset: str, root: Path, split: str) -> Faces:
    # The three questions about a dataset follow one another: it is read once for all of them.
    return datasets.LOADERS[dataset](root / dataset, split)


def _sample(face: Face, space: str) -> Sample:
    return Sample(id=face.id, image=face.image, gold=face.labels[space], group=face.group)


def _subset(found: list[Sample], limit: int, seed: int) -> list[Sample]:
    """Take the samples that come first when each stratum, in random order, is spread evenly over the unit interval."""
    luck = Random(seed)
    order = sorted(range(len(found)), key=[luck.random() for _ in found].__getitem__)
    size = Counter(map(_stratum, found))
    seen: Counter[str] = Counter()
    position: dict[int, float] = {}
    for index in order:
        stratum = _stratum(found[index])
        position[index] = (seen[stratum] + 0.5) / size[stratum]
        seen[stratum] += 1
    # Sorting keeps the random order where positions are equal.
    return [found[index] for index in sorted(sorted(order, key=position.__getitem__)[:limit])]


def _stratum(sample: Sample) -> str:
    return sample.gold if isinstance(sample.gold, str) else ""
