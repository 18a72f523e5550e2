"""The small words of English, read from english.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tasks.parse.text import Lexicon, words


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("english.toml").read_text(encoding="utf-8"))


@cache
def word_set(name: str) -> frozenset[str]:
    """A list of single words."""
    return frozenset(_data()["words"][name])


@cache
def cues() -> Lexicon[frozenset[str]]:
    """Phrase -> the kinds of cue it is: "cannot determine" both doubts and refuses."""
    kinds: dict[tuple[str, ...], set[str]] = {}
    for kind, phrases in _data()["cues"].items():
        for phrase in phrases:
            kinds.setdefault(words(phrase), set()).add(kind)
    return Lexicon({phrase: frozenset(found) for phrase, found in kinds.items()})


@cache
def markers(name: str) -> Lexicon[bool]:
    """What introduces an answer: "answers" or "finals"."""
    return Lexicon({words(phrase): True for phrase in _data()["words"][name]})


@cache
def number_words(name: str) -> dict[str, int]:
    """The value of each word: "numbers" or "decades"."""
    values: dict[str, int] = _data()[name]
    return values


@cache
def age_words(name: str) -> frozenset[str]:
    """A list of words or phrases around ages."""
    return frozenset(_data()["age"][name])
