"""What a miniature is taught: toy faces for training, the real questions, and answers in the model's own voice.

The answers are templates (answers/NAME.toml) filled from gold labels. Where a description needs an attribute that a
dataset does not annotate, the reading of the trained vision tower fills the gap.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.records import Gold, ImageRef
from tasks import registry

ANSWERS = Path(__file__).parent / "answers"
_IMPORT = '{% import "_parts.j2" as p %}'
_OPPOSITES = {"Mouth_Closed": "Mouth_Slightly_Open", "No_Eyewear": "Eyeglasses"}
"""Two names for one thing: MAAD says one, CelebA (or a template) the other."""


class Lesson(NamedTuple):
    """One question about one face, with its gold answer."""

    question: str
    image: ImageRef
    text: str
    gold: Gold


def lessons(root: Path, split: str, asked: Callable[[str], bool] = bool) -> list[Lesson]:
    """Every question about every face of a split, in the order of the registry; those in label spaces `asked` for."""
    return [
        Lesson(question.name, sample.image, question.render().text, sample.gold)
        for question in registry.QUESTIONS.values()
        if asked(question.space)
        for sample in registry.samples(question.name, root, split).samples
    ]


def answer(name: str, lesson: Lesson, seen: Mapping[str, bool] | None = None) -> str:
    """The answer of the miniature `name`; `seen` fills attributes the gold does not know."""
    voice = _voice(name)
    if isinstance(lesson.gold, str):
        kind = registry.question(lesson.question).prompt.split("/")[1]
        return _template(voice[kind]).render(label=lesson.gold.replace("_", " ")).strip()
    present = {**(seen or {}), **facts(lesson.gold)}
    text = _template(voice["describe"]).render(yes={label for label, holds in present.items() if holds})
    lines = (" ".join(line.split()) for line in text.splitlines())
    glue = "\n" if "\n- " in voice["describe"] else " "
    return glue.join(line for line in lines if line)


def facts(gold: Mapping[str, bool]) -> dict[str, bool]:
    """The annotated attributes, and what follows from them by a change of words."""
    implied = {other: not gold[label] for label, other in _OPPOSITES.items() if label in gold and other not in gold}
    return {**gold, **implied}


def vocabulary(name: str, some: list[Lesson]) -> list[str]:
    """Texts to learn the tokens from: each question once, and the answers."""
    return sorted({lesson.text for lesson in some}) + [answer(name, lesson) for lesson in some]


@cache
def _voice(name: str) -> dict[str, str]:
    return tomllib.loads((ANSWERS / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    # Answers are plain text: escaping would put HTML entities into them.
    return Environment(loader=FileSystemLoader(ANSWERS), undefined=StrictUndefined, autoescape=False)  # noqa: S701


@cache
def _template(source: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return _environment().from_string(_IMPORT + source)
