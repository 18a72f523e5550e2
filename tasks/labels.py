"""Label spaces: which labels a reply may name, and the words that name them. The words are data, in tasks/spaces/."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.errors import UnknownNameError
from harness.records import Record

FOLDER = Path(__file__).parent / "spaces"
SPACE_NAMES: tuple[str, ...] = (
    "maad",
    "celeba",
    "fairface.age",
    "fairface.gender",
    "fairface.race",
    "utkface.age",
    "utkface.gender",
    "utkface.race",
    "expw",
    "raf-db",
    "raf-db.compound",
)

BY_LABEL = frozenset(
    (
        *("words", "weak", "short", "denials", "counterparts"),
        *("opposites", "hints", "hints_against", "pronouns", "pronouns_against"),
    )
)
"""The tables of a file whose keys are labels."""
POSSESSIVES = ("the", "his", "her", "their")
"""What "{the}" stands for in a phrase of the data."""

Phrases = dict[str, tuple[str, ...]]
"""Label -> the phrases that name it."""


class Head(Record):
    """A head noun whose adjectives are attributes: "short, wavy, dark brown hair", "the hair is black"."""

    nouns: tuple[str, ...]
    yes: Phrases = Field(default_factory=dict)
    no: Phrases = Field(default_factory=dict)
    against: Phrases = Field(default_factory=dict)
    """Adjectives that deny the label and whose denial says nothing: eyes that are not blue need not be brown."""


class Guard(Record):
    """Words that name a label only beside certain words: "black" is a race in "a black man", not in "black hair"."""

    words: tuple[str, ...]
    before: tuple[str, ...]
    """The word counts where the next word is one of these, or where its clause ends."""
    through: tuple[str, ...]
    """Words that may stand between: "a black young woman"."""
    never_after: tuple[str, ...]
    """The word does not count after one of these: "dressed in black"."""
    colours: tuple[str, ...]
    """Beside one of these, over "and" or a comma, the word is a colour too: "black and silver"."""
    things: tuple[str, ...]
    """Said of one of these the word is a colour: "her shirt is black"."""
    hues: tuple[str, ...] = ()
    """As colours, but behind a word that begins its clause they are said of another thing: "Black, brown eyes"."""
    told_by: tuple[str, ...] = ()
    """A heading of one of these asks for the label: "Race: White, hair: black"."""
    evidence: frozenset[str] = frozenset()
    """Joined to another thing in a heading, one of these is a reason: "dark skin and curly hair: Black"."""
    modifying: tuple[str, ...]
    """Before the thing, one of these makes it part of somebody: "the man with the beard is black"."""


class LabelSpace(Record):
    """The labels of one question and the words for them; "_" and "-" in phrases are the same as a space."""

    name: str
    kind: Literal["attributes", "choice", "ages"]
    labels: tuple[str, ...]
    words: Phrases = Field(default_factory=dict)
    """Phrases that name a label; the label's own name is always one of them. Attributes: negated, they deny it."""
    weak: Phrases = Field(default_factory=dict)
    """Phrases that name a label only where nothing else does."""
    short: Phrases = Field(default_factory=dict)
    """Abbreviations that count only where they are the whole answer: "F"."""
    vague: tuple[str, ...] = ()
    """Phrases that name several labels at once: bare "Asian" among East and Southeast Asian."""
    elsewhere: tuple[str, ...] = ()
    """Phrases in which a label's word has another sense: "a surprise party"."""
    keys: tuple[str, ...] = ()
    """What the question is about: in "Gender: female" the rest of the line is the answer."""
    guards: tuple[Guard, ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()
    """Ages: first and last year of each label, in the order of the labels."""
    denials: Phrases = Field(default_factory=dict)
    """Attributes: phrases that deny the label; negated, they name it ("beard" and No_Beard)."""
    counterparts: Phrases = Field(default_factory=dict)
    """Attributes: as denials, but an own statement about the label outweighs them ("glasses" and No_Eyewear)."""
    opposites: Phrases = Field(default_factory=dict)
    """Attributes: phrases that deny the label; negated, they say nothing ("woman" and Male)."""
    hints: Phrases = Field(default_factory=dict)
    """Attributes: phrases that suggest the label where nothing is stated; negated, they say nothing."""
    hints_against: Phrases = Field(default_factory=dict)
    """Attributes: phrases that suggest its absence where nothing is stated."""
    pronouns: Phrases = Field(default_factory=dict)
    """Attributes: as hints, and denied too they hold: "without his hat", "I don't think he is bald"."""
    pronouns_against: Phrases = Field(default_factory=dict)
    """Attributes: as hints_against, and denied too they hold."""
    heads: tuple[Head, ...] = ()
    exclusive: tuple[tuple[str, str], ...] = ()
    """Pairs of labels that cannot both hold, each in the order of the labels."""

    def __hash__(self) -> int:
        """Hash by name, so that compiled spaces can be cached; equality still compares everything."""
        return hash(self.name)

    @property
    def display(self) -> tuple[str, ...]:
        """The labels as a prompt shows them."""
        return tuple(label.replace("_", " ") for label in self.labels)

    @model_validator(mode="after")
    def _known_labels(self) -> "LabelSpace":
        stated = [*self.words, *self.weak, *self.short, *self.denials, *self.opposites]
        implied = [*self.counterparts, *self.hints, *self.hints_against, *self.pronouns, *self.pronouns_against]
        named = {*stated, *implied} | {label for pair in self.exclusive for label in pair}
        if unknown := sorted(named - set(self.labels)):
            raise ValueError(f"space '{self.name}' has words for labels it does not list: {unknown}")
        if self.kind == "ages" and len(self.bounds) != len(self.labels):
            raise ValueError(f"space '{self.name}' needs one pair of bounds for each of its {len(self.labels)} labels")
        return self


@cache
def label_space(name: str) -> LabelSpace:
    """The label space of this name.

    Raises:
        UnknownNameError: there is no such space.
    """
    if name not in SPACE_NAMES:
        raise UnknownNameError.of("label space", name, SPACE_NAMES, "`python -m harness tasks`")
    table = _table(name)
    labels: list[str] = table["labels"]
    rank = {label: index for index, label in enumerate(labels)}
    pairs = [sorted(pair, key=rank.__getitem__) for pair in table.pop("exclusive", []) if set(pair) <= set(labels)]
    pairs.sort(key=lambda pair: [rank[label] for label in pair])
    return LabelSpace.model_validate({**_only(table, rank), "name": name, "exclusive": pairs})


def _table(name: str) -> dict[str, Any]:
    """Read a file of words; `like` names the files it builds on, and its own entries come on top."""
    own = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    merged: dict[str, Any] = {}
    for base in own.pop("like", []):
        merged |= _table(base)
    return {key: _spelt_out(value) for key, value in (merged | own).items()}


def _spelt_out(value: Any) -> Any:
    """A table with "{the}" in its phrases replaced by each of the words that may stand there."""
    if isinstance(value, dict):
        return {key: _spelt_out(inner) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    spelt = [_spelt_out(inner) for inner in value]
    return [form for inner in spelt for form in _forms(inner)]


def _forms(phrase: Any) -> list[Any]:
    if not isinstance(phrase, str) or "{the}" not in phrase:
        return [phrase]
    return [phrase.replace("{the}", word) for word in POSSESSIVES]


def _only(table: dict[str, Any], labels: dict[str, int]) -> dict[str, Any]:
    """Leave out the words of labels that this space lacks: MAAD and CelebA share one file."""
    kept = {key: _known(value, labels) if key in BY_LABEL else value for key, value in table.items()}
    kept["heads"] = [
        {"nouns": head["nouns"], **{key: _known(head.get(key, {}), labels) for key in ("yes", "no", "against")}}
        for head in table.get("heads", [])
    ]
    return kept


def _known(phrases: Phrases, labels: dict[str, int]) -> Phrases:
    return {label: words for label, words in phrases.items() if label in labels}
