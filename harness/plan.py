"""From samples to cases: render the question, read each image once, and give every request its key."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from harness.errors import ImageError
from harness.images import digest, read
from harness.records import Case, Decoding, ImageRef, Prompt, Record, Sample
from tasks.datasets import DataOptions
from tasks.datasets.base import Tally
from tasks.registry import Question, samples

T = TypeVar("T")
READERS = 4  # PIL decodes outside the interpreter lock


class Picture(NamedTuple):
    """What is kept of an image once its pixels are hashed."""

    digest: str
    size: tuple[int, int]


class PlannedQuestion(Record):
    """A question with its rendered prompt and one case per sample."""

    question: Question
    prompt: Prompt
    cases: tuple[Case, ...]
    tally: Tally
    """What the dataset's loader kept, left out and mended."""


class Planner:
    """Plans questions on one data root; an image that several questions share is read once."""

    def __init__(
        self, root: Path, decoding: Decoding, limit: int | None, seed: int, options: DataOptions | None = None
    ) -> None:
        self.root = root
        self.options = options or DataOptions()
        self.decoding = decoding
        self.limit = limit
        self.seed = seed
        self._pictures: dict[ImageRef, Picture | ImageError] = {}

    def plan(self, question: Question) -> PlannedQuestion:
        """Read the question's samples and images.

        Raises:
            DataError: the dataset is absent or malformed.
        """
        loaded = samples(question, self.root, "test", self.limit, self.seed, self.options)
        prompt = question.render()
        self._read_all(sample.image for sample in loaded.samples)
        cases = tuple(self._case(sample, prompt) for sample in loaded.samples)
        return PlannedQuestion(question=question, prompt=prompt, cases=cases, tally=loaded.tally)

    def _read_all(self, images: Iterable[ImageRef]) -> None:
        new = [image for image in dict.fromkeys(images) if image not in self._pictures]
        with ThreadPoolExecutor(READERS) as pool:
            self._pictures.update(zip(new, pool.map(_picture, new), strict=True))

    def _case(self, sample: Sample, prompt: Prompt) -> Case:
        found = self._pictures[sample.image]
        pixels, size, error = (
            (_stand_in(sample), None, str(found)) if isinstance(found, ImageError) else (found.digest, found.size, None)
        )
        return Case(
            key=request_key(pixels, prompt.text, self.decoding),
            sample_id=sample.id,
            image=sample.image,
            gold=sample.gold,
            group=sample.group,
            text=prompt.text,
            size=size,
            error=error,
        )


def request_key(pixels: str, text: str, decoding: Decoding) -> str:
    """The identity of a request: a hash of pixels, words and decoding, never of a path."""
    parts = (pixels, text, decoding.model_dump_json())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def unique(cases: Sequence[Case]) -> list[Case]:
    """The first case of each key: equal pixels under equal words are asked once."""
    return first_of_each(cases, lambda case: case.key)


def first_of_each(items: Iterable[T], key: Callable[[T], str]) -> list[T]:
    """The first item of each key, in order."""
    first: dict[str, T] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def _picture(ref: ImageRef) -> Picture | ImageError:
    try:
        image = read(ref)
    except ImageError as error:
        return error
    return Picture(digest(image), image.size)


def _stand_in(sample: Sample) -> str:
    """What stands for the pixels of an unreadable image: its bytes, so that a repaired file is a new request."""
    try:
        content = sample.image.path.read_bytes()
    except OSError:
        content = b""
    return f"unreadable:{sample.id}:{hashlib.sha256(content).hexdigest()}"
