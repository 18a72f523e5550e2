"""Replies about the photographs, written by hand in several styles, and how far the parser reads them rightly.

A row of replies.jsonl holds the text and its author's own reading (yes, no). "touches" are labels that the words name
although a careful reader takes no answer from them; "errs" are what a reply of style "mistaken" gets wrong on purpose.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from docs.portraits.photos import Photo
from harness.records import Prediction, Record
from tasks.labels import label_space
from tasks.parse import parse

SPACE = "celeba"
STYLES = ("free", "list", "terse", "hedged", "mistaken")


class Written(Record):
    """A reply with what its author takes it to say."""

    photo: str
    style: str
    reply: str
    yes: frozenset[str]
    no: frozenset[str]
    touches: frozenset[str] = frozenset()
    errs: frozenset[str] = frozenset()

    def read(self) -> Prediction:
        """What the parser takes it to say."""
        found = parse(self.reply, label_space(SPACE))
        return Prediction(key=self.photo, sample_id=self.photo, **found.model_dump())


class Agreement(NamedTuple):
    """How the parser's reading of some replies compares with what was judged, and with their authors' reading."""

    replies: int
    right: int
    """Judged attributes of which the reading says what is true."""
    wrong: int
    silent: int
    """Judged attributes of which the reading says nothing."""
    written: int
    """Statements in the authors' own reading."""
    read: int
    """Those of them that the parser reads too."""
    added: int
    """Statements that only the parser reads."""
    whole: int
    """Replies whose two readings are the same."""


def written() -> list[Written]:
    """All replies, in the order of the file."""
    lines = Path(__file__).with_name("replies.jsonl").read_text(encoding="utf-8").splitlines()
    return [Written.model_validate(json.loads(line)) for line in lines]


def agreement(rows: Iterable[Written], photos: Mapping[str, Photo]) -> Agreement:
    """Compare the parser's reading of each reply with the labels of its photograph and with its author's reading."""
    count: Counter[str] = Counter()
    for row in rows:
        found = row.read()
        said = dict.fromkeys(found.no, False) | dict.fromkeys(found.yes, True)
        meant = dict.fromkeys(row.no, False) | dict.fromkeys(row.yes, True)
        for label, there in photos[row.photo].gold.items():
            count["silent" if label not in said else "right" if said[label] == there else "wrong"] += 1
        both = said.items() & meant.items()
        count += Counter(replies=1, whole=said == meant, written=len(meant), read=len(both))
        count["added"] += len(said) - len(both)
    return Agreement(**{name: count[name] for name in Agreement._fields})
