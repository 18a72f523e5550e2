"""From samples to cases: render the question, read each image once, and give every request its key."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

from adapters.spec import ModelSpec
from harness.digests import Seen, look
from harness.errors import ImageError
from harness.records import Answers, Ask, Case, Decoding, ImageRef, Prompt, Request, Sample, request_key
from tasks.asks import offer
from tasks.datasets import DataOptions
from tasks.datasets.base import Tally
from tasks.registry import Question, samples

T = TypeVar("T")


class Picture(NamedTuple):
    """What is kept of an image once its pixels are hashed."""

    identity: str
    """A hash of the pixels; of the bytes where they cannot be read, so that a repaired file is a new request."""
    size: tuple[int, int] | None
    error: str | None = None


class Cases(Sequence[Case]):
    """The cases of a question in dataset order, each made when it is asked for: gold and paths stay in the index.

    Args:
        samples: of the question.
        pictures: what was found of the image of each.
        keys: of their requests.
        text: the rendered question.
    """

    def __init__(self, samples: Sequence[Sample], pictures: Sequence[Picture], keys: Sequence[str], text: str) -> None:
        self._samples = samples
        self._pictures = pictures
        self._keys = keys
        self._text = text

    def __len__(self) -> int:
        """Their number."""
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> "Cases": ...
    def __getitem__(self, index: int | slice) -> "Case | Cases":
        """One case, or those of a slice."""
        if isinstance(index, slice):
            return Cases(self._samples[index], self._pictures[index], self._keys[index], self._text)
        return self._case(self._samples[index], self._pictures[index], self._keys[index])

    def __iter__(self) -> Iterator[Case]:
        """The cases, some thousands of samples in memory at a time."""
        return map(self._case, self._samples, self._pictures, self._keys)

    def _case(self, sample: Sample, picture: Picture, key: str) -> Case:
        return Case(
            key=key,
            sample_id=sample.id,
            image=sample.image,
            gold=sample.gold,
            group=sample.group,
            text=self._text,
            size=picture.size,
            error=picture.error,
        )


@dataclass(frozen=True)
class PlannedQuestion:
    """A question with its rendered prompt and one case per sample."""

    question: Question
    prompt: Prompt
    cases: Sequence[Case]
    keys: Sequence[str]
    """Of the cases."""
    tally: Tally
    """What the dataset's loader kept, left out and mended."""
    text: str
    """The question as it is put where text is asked for; the prompt, where options are, is another."""
    asks: tuple[Ask, ...] = ()
    """Where options are asked for."""

    @cached_property
    def first(self) -> dict[str, int]:
        """Key -> place of its first case, in order: equal pixels under equal words are asked once."""
        places: dict[str, int] = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key, place)
        return places

    @property
    def kind(self) -> str:
        """What requests of about one length have in common: the task, and whether it asks for options."""
        return f"{self.question.task} (choice)" if self.asks else self.question.task

    def request(self, case: Case) -> Request:
        """What a model gets to see of a case, with the label space of its question."""
        return Request(
            key=case.key,
            sample_id=case.sample_id,
            image=case.image,
            text=self.text,
            space=self.question.space,
            asks=self.asks,
        )


Asked = Mapping[str, Sequence[PlannedQuestion]]
"""Model -> the questions that it is asked."""


def answerable(specs: Mapping[str, ModelSpec], planned: Sequence[PlannedQuestion]) -> Asked:
    """Model -> those of the questions that it has the labels for."""
    return {name: [item for item in planned if spec.answers_in(item.question.space)] for name, spec in specs.items()}


class Planner:
    """Plans questions on one data root; an image that several questions about a dataset share is read once."""

    def __init__(
        self,
        root: Path,
        decoding: Decoding,
        limit: int | None,
        seed: int,
        options: DataOptions | None = None,
        answers: Answers = "text",
    ) -> None:
        self.root = root
        self.options = options or DataOptions()
        self.decoding = decoding
        self.limit = limit
        self.seed = seed
        self.answers = answers
        self._dataset = ""
        self._seen: dict[ImageRef, Picture] = {}

    def plan(self, question: Question) -> PlannedQuestion:
        """Read the question's samples and images.

        Raises:
            DataError: the dataset is absent or malformed.
        """
        loaded = samples(question, self.root, "test", self.limit, self.seed, self.options)
        if question.dataset != self._dataset:
            self._dataset, self._seen = question.dataset, {}
        asked = offer(question) if self.answers == "choice" else None
        plain = question.render()
        prompt, asks = (asked.prompt, asked.asks) if asked else (plain, ())
        pictures = self.look(list(loaded.samples.faces.images()))
        names = loaded.samples.faces.strings("id")
        keys = [self.key(name, picture, plain.text, asks) for name, picture in zip(names, pictures, strict=True)]
        cases = Cases(loaded.samples, pictures, keys, prompt.text)
        return PlannedQuestion(question, prompt, cases, keys, loaded.tally, plain.text, asks)

    def look(self, images: Sequence[ImageRef]) -> list[Picture]:
        """What is to be known of each image; each is read once."""
        new = [image for image in dict.fromkeys(images) if image not in self._seen]
        self._seen.update(zip(new, map(_picture, new, look(new)), strict=True))
        return [self._seen[image] for image in images]

    def key(self, sample_id: str, picture: Picture, text: str, asks: Sequence[Ask] = ()) -> str:
        """The key of a sample's request; unreadable images are told apart by their samples too."""
        pixels = picture.identity if picture.error is None else f"unreadable:{sample_id}:{picture.identity}"
        return request_key(pixels, text, self.decoding, asks)


def first_of_each(items: Iterable[T], key: Callable[[T], str]) -> list[T]:
    """The first item of each key, in order."""
    first: dict[str, T] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def _picture(ref: ImageRef, found: Seen | ImageError) -> Picture:
    if isinstance(found, ImageError):
        return Picture(_bytes_of(ref.path), None, str(found))
    return Picture(found.digest, found.size)


def _bytes_of(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return hashlib.sha256().hexdigest()
