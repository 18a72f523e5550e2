"""Questions with their answers: the evaluation's own words, about faces of the training split. No torch here.

The prompt is what a run asks, to the letter, and the answer is written in the label space's own words, so that the
parser reads just the gold out of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from faceinsight.faces import luckiest
from faceinsight.sampling import held_out
from harness.errors import ConfigError
from harness.finetune.recipe import Data
from harness.records import Gold, Sample
from tasks.datasets import SOURCES, DataOptions, require
from tasks.labels import LabelSpace, label_space
from tasks.parse import parse
from tasks.registry import Question, Samples, samples
from tasks.words import answer


class Lesson(NamedTuple):
    """One question about one face."""

    question: Question
    sample: Sample
    text: str
    """The question in words, as a run asks it."""

    @property
    def answer(self) -> str:
        """What is to be said."""
        return target(label_space(self.question.space), self.sample.gold)


class Lessons(Sequence[Lesson]):
    """The lessons of some questions, one question after the other; each is made when it is asked for."""

    def __init__(self, parts: Sequence[tuple[Question, Samples]]) -> None:
        self.parts = parts
        self._texts = [asked.render().text for asked, _ in parts]
        self._ends = np.cumsum([len(found) for _, found in parts])

    def __len__(self) -> int:
        """Their number."""
        return int(self._ends[-1])

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204 - a place, or a draw of it
        """A lesson by its place; a draw (faceinsight/lessons.py) is a place and a number."""
        place = index[0] if isinstance(index, tuple) else index
        part = int(np.searchsorted(self._ends, place, side="right"))
        asked, found = self.parts[part]
        return Lesson(asked, found[place - int(self._ends[part]) + len(found)], self._texts[part])

    def sizes(self) -> dict[str, int]:
        """Question -> how many lessons there are of it."""
        return {asked.name: len(found) for asked, found in self.parts}

    def weights(self, shares: str) -> npt.NDArray[np.float64]:
        """How often each is drawn: [N], summing to 1."""
        sizes = self.sizes().values()
        each = [1 / len(sizes) / size if shares == "equal" else 1 / len(self) for size in sizes]
        return np.repeat(each, list(sizes))


def lessons(
    questions: Sequence[Question], root: Path, data: Data, seed: int = 0, options: DataOptions | None = None
) -> tuple[Lessons, Lessons]:
    """What is learnt from, and what training stops at.

    A set with a validation split of its own (CelebA) gives that; of the others a share of the training faces is held
    out, the same that FaceInsight holds out, whatever the limit and the seed.

    Args:
        questions: of one task.
        root: the folder that holds the datasets' folders.
        data: which faces, and how many.
        seed: chooses the subset that a limit leaves.
        options: what was chosen about the datasets.

    Raises:
        HarnessError: datasets are missing or malformed, or nothing is left on one of the sides.
    """
    require(root, dict.fromkeys(asked.dataset for asked in questions), lambda here: _go_on(questions, here))
    both = [_sides(asked, root, data, seed, options or DataOptions()) for asked in questions]
    return Lessons([train for train, _ in both]), Lessons([held for _, held in both])


def target(space: LabelSpace, gold: Gold) -> str:
    """The answer out of which the parser reads just this gold; what is not annotated is not named."""
    if isinstance(gold, str):
        return answer(space.name, (gold,))
    present = tuple(label for label in space.labels if gold.get(label))
    if present:
        return answer(space.name, present)
    denied = {label: f"{words}: no" for label, words in zip(space.labels, space.display, strict=True) if label in gold}
    # To deny eyeglasses is to claim MAAD's "No Eyewear", which then is false here, or not annotated.
    plain = [line for line in denied.values() if not parse(line, space, "stop").yes]
    return "\n".join(plain or denied.values())


Side = tuple[Question, Samples]


def _sides(asked: Question, root: Path, data: Data, seed: int, options: DataOptions) -> tuple[Side, Side]:
    own = "val" in SOURCES[asked.dataset].splits
    train = _annotated(samples(asked, root, "train", data.limit, seed, options).samples)
    if own:
        held = _annotated(samples(asked, root, "val", None, seed, options).samples)
    else:
        apart = held_out(asked.dataset, list(train.faces.strings("id")), data.validation)
        train, held = _where(train, ~apart), _where(train, apart)
    few = luckiest(list(held.faces.strings("id")), data.validation_limit, f"few 0 {asked.dataset}")
    if not len(train) or not len(few):
        raise ConfigError(
            f"{asked.name} has {len(train)} faces to learn from and {len(few)} to stop at: raise `limit`, or change "
            "`validation`, under [data] in the config."
        )
    return (asked, train), (asked, Samples(held.faces.take(few), held.space))


def _annotated(found: Samples) -> Samples:
    """Those about which anything is known: MAAD leaves attributes undefined, of a face perhaps all."""
    if label_space(found.space).kind != "attributes":
        return found
    return _where(found, (found.faces.codes(found.space) != 0).any(axis=1))


def _where(found: Samples, mask: npt.NDArray[np.bool_]) -> Samples:
    return Samples(found.faces.take(np.flatnonzero(mask)), found.space)


def _go_on(questions: Sequence[Question], here: Sequence[str]) -> str:
    names = ",".join(asked.name for asked in questions if asked.dataset in here)
    return f"`--task {names}` goes on with what is there."
