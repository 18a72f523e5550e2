"""The joint label space: K characteristics over the six datasets, and what a sample says about each of them.

Two datasets share a characteristic only where both would give the same face the same value, its absence included:

* attributes of MAAD and CelebA: one where the names are equal;
* gender: Male is the attribute Male, because what is not Male is Female in all four sets; only the two sets that ask
  for a gender annotate Female;
* ages: one where the bounds are equal, whatever they are called ("more than 70", "70+");
* race of FairFace and UTKFace: one where the names are equal, since UTKFace's five classes are unions of FairFace's
  seven. MAAD's attributes Asian, White and Black stay apart from them: they have no class for anybody else;
* expressions of ExpW and RAF-DB: the same seven.

docs/decisions/0006-joint-label-space.md has the reasons. No torch here.

Shapes: K characteristics.
"""

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, UnknownNameError
from harness.records import Gold, Record
from tasks.labels import LabelSpace, label_space
from tasks.registry import QUESTIONS, Question

Bools = npt.NDArray[np.bool_]

_ASPECTS = {"attr": "attribute", "expr": "expression"}
"""What a question of a task asks about, where its name does not say it."""
_SAME = {("gender", "Male"): ("attribute", "Male")}
"""The one characteristic that two aspects share."""
_CURE = "`faceinsight.labels.joint_labels()`"


class Encoded(NamedTuple):
    """What is known about one face."""

    labels: Bools
    """[K], true where the characteristic is present; false where it is absent or not annotated."""
    mask: Bools
    """[K], true where the characteristic is annotated."""


class Characteristic(Record):
    """One column of the joint space."""

    name: str
    """Unique: an attribute's own name ("Wavy_Hair"), of other aspects "age: 20-29"."""
    aspect: str
    """attribute, age, gender, race or expression."""
    label: str
    """As the first dataset that annotates it writes it."""
    spaces: dict[str, str]
    """Label space of each question that annotates it -> its label there."""

    @property
    def words(self) -> str:
        """The label as a person writes it: "Wavy Hair"."""
        return self.label.replace("_", " ")

    @property
    def phrase(self) -> str:
        """Words that say which characteristic is meant: "Wavy Hair", but "race White" beside the attribute White."""
        return self.words if self.aspect == "attribute" else f"{self.aspect} {self.words}"


class JointLabels(Record):
    """The K characteristics, in the order of the questions and of their labels."""

    characteristics: tuple[Characteristic, ...]

    def __len__(self) -> int:
        """K."""
        return len(self.characteristics)

    @property
    def names(self) -> tuple[str, ...]:
        """The unique names of the K columns."""
        return tuple(one.name for one in self.characteristics)

    @property
    def spaces(self) -> frozenset[str]:
        """The label spaces whose labels it holds."""
        return frozenset(self._columns)

    def columns(self, space: str) -> Mapping[str, int]:
        """Label -> column of a question's label space, in the order of its labels.

        Raises:
            UnknownNameError: no question with this space is in the joint space.
        """
        if space not in self._columns:
            raise UnknownNameError.of("label space of FaceInsight", space, self._columns, _CURE)
        return self._columns[space]

    def held(self, space: str, present_K: Bools) -> tuple[str, ...]:
        """The labels of a question's label space that a face holds, in the order of the space.

        Args:
            space: such as "fairface.age".
            present_K: true where the characteristic is present, such as `Encoded.labels`.

        Raises:
            UnknownNameError: no question with this space is in the joint space.
        """
        return tuple(label for label, column in self.columns(space).items() if present_K[column])

    def annotated(self, dataset: str) -> Bools:
        """Mask [K] of the characteristics that a dataset annotates, if not on each of its faces.

        Raises:
            UnknownNameError: there is no such dataset.
        """
        spaces = [asked.space for asked in QUESTIONS.values() if asked.dataset == dataset]
        if not spaces:
            raise UnknownNameError.of("dataset", dataset, {asked.dataset for asked in QUESTIONS.values()}, _CURE)
        return np.array([any(space in one.spaces for space in spaces) for one in self.characteristics])

    def encode(self, labels: Mapping[str, Gold]) -> Encoded:
        """Labels and mask of one face.

        Args:
            labels: label space -> gold, such as a face's `labels`, or `{question.space: sample.gold}` for the sample
                of one question. One label annotates every label of its own list; of attributes those it holds, so
                that MAAD's undefined ones stay masked.

        Raises:
            UnknownNameError: a label space is not in the joint space.
            DataError: the gold is not of the space's kind, or names a label that the space lacks.
        """
        encoded = Encoded(np.zeros(len(self), dtype=bool), np.zeros(len(self), dtype=bool))
        for space, gold in labels.items():
            columns = self.columns(space)
            for label, present in _cells(space, gold, columns).items():
                encoded.labels[columns[label]] = present
                encoded.mask[columns[label]] = True
        return encoded

    @cached_property
    def _columns(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for column, one in enumerate(self.characteristics):
            for space, label in one.spaces.items():
                found.setdefault(space, {})[label] = column
        return {space: {label: row[label] for label in label_space(space).labels} for space, row in found.items()}


@cache
def joint_labels() -> JointLabels:
    """The joint space of all questions."""
    return join(QUESTIONS.values())


def join(questions: Iterable[Question]) -> JointLabels:
    """The joint space of some questions: one column for each characteristic that any of them annotates."""
    found: dict[tuple[str, object], Characteristic] = {}
    for asked in questions:
        space = label_space(asked.space)
        for label in space.labels:
            key = _identity(_aspect(asked, space), space, label)
            column = found.get(key) or _column(key[0], label)
            found[key] = column.model_copy(update={"spaces": {**column.spaces, space.name: label}})
    return JointLabels(characteristics=tuple(found.values()))


def _aspect(asked: Question, space: LabelSpace) -> str:
    return space.name.partition(".")[2] or _ASPECTS[asked.task]


def _identity(aspect: str, space: LabelSpace, label: str) -> tuple[str, object]:
    """What two labels must have in common to be one characteristic."""
    if space.kind == "ages":
        return aspect, space.bounds[space.labels.index(label)]
    return _SAME.get((aspect, label), (aspect, label))


def _column(aspect: str, label: str) -> Characteristic:
    name = label if aspect == "attribute" else f"{aspect}: {label}"
    return Characteristic(name=name, aspect=aspect, label=label, spaces={})


def _cells(space: str, gold: Gold, columns: Mapping[str, int]) -> dict[str, bool]:
    """Label -> present, for every label that this gold annotates."""
    choice = label_space(space).kind != "attributes"
    if isinstance(gold, str) is not choice:
        raise DataError(f"gold {gold!r} does not fit {space}, which wants {'one label' if choice else 'attributes'}.")
    if unknown := sorted(({gold} if isinstance(gold, str) else gold.keys()) - columns.keys()):
        raise DataError(f"gold '{unknown[0]}' is no label of {space}: {', '.join(columns)}.")
    return {label: label == gold for label in columns} if isinstance(gold, str) else gold
