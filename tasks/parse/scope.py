"""What holds over each word of a reply: denied, doubted, asked, a first or a second choice.

One pass from left to right over the few words that can change anything. A cue ("without", "whether", "possibly") opens
a scope, and the end of the clause closes it; denial spreads over lists ("no glasses, hat or earrings") and stops before
a new statement ("no hat, and smiles").
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import Literal, NamedTuple

from tasks.parse.english import cues, word_set
from tasks.parse.text import BREAKS, SENTENCE_ENDS

LIST_REACH = 14
"""How many words ahead an "or" is looked for that makes a denied list of what commas separate."""
CLAUSE_REACH = 3
"""So many words of a denied clause its verb may stand after: "I don't think the woman is"."""
BULLETS = frozenset({"-", "•", "+", "·"})


HEADING_AFTER = BULLETS | {"", "\n", ",", "{", ";", "."}
"""What stands before a heading such as "Absent:", which denies all that follows it."""
ASIDE_AFTER = SENTENCE_ENDS | {"", ",", "and", "while"}
"""What stands before an aside such as "in the background"."""
LIST_ENDS = SENTENCE_ENDS | {"", "and"}
CLOSING = SENTENCE_ENDS | {"]", "}"}
"""What closes every scope but a heading's."""
CLOSING_DENIAL = frozenset({")", "on", "|", "<", "•"})


Force = Literal["said", "denied", "denied after and", "doubted"]
"""What is claimed of a word; after "and" it is denied only if that joins a list: "no beard and moustache"."""


class Rank(IntEnum):
    """Which choice a word belongs to."""

    MAYBE = 0
    FIRM = 1
    TOP = 2


class Mark(NamedTuple):
    """What holds where a word begins."""

    force: Force
    rank: Rank


class Scopes(NamedTuple):
    """The marks of a reply."""

    marks: list[Mark]
    refusals: list[int]
    """Places of the words that decline to answer."""
    opens_denied: frozenset[int]
    """Places where a cue of denial begins: a label such as "no beard" that begins there keeps its own sense."""


@cache
def _turns() -> frozenset[str]:
    """Every word that `_open` or `_close` asks for, but for contractions: the others leave what holds as it is."""
    return word_set("verbs") | cues().openings | CLOSING | CLOSING_DENIAL | {"-", ":", ",", "and", "while"}


class _Reader:
    """The state of the one pass."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.force: Force = "said"
        self.rank = Rank.FIRM
        self.opened = 0
        self.sticky = self.aside = False
        self.marks: list[Mark] = []
        self.refusals: list[int] = []
        self.opens_denied: set[int] = set()

    def read(self) -> Scopes:
        turns, known = _turns(), cues()
        last = 0
        for place in [place for place, text in enumerate(self.texts) if text in turns or "'" in text]:
            if place < last:  # inside a cue
                continue
            found = known.at(self.texts, place)
            last = found.last if found else place + 1
            kinds = found.meaning if found else self._contraction(place)
            if kinds:
                self._mark(last)
                self._open(kinds, place, last)
            elif self._is_open():
                self._mark(place)
                self._close(place)
        self._mark(len(self.texts))
        self._ask()
        return Scopes(self.marks, self.refusals, frozenset(self.opens_denied))

    def _is_open(self) -> bool:
        return self.force != "said" or self.rank != Rank.FIRM or self.sticky or self.aside

    def _mark(self, last: int) -> None:
        """What holds now holds of every word up to texts[last] that has no mark yet."""
        self.marks.extend([Mark(self.force, self.rank)] * (last - len(self.marks)))

    def _contraction(self, place: int) -> frozenset[str]:
        return frozenset({"deny"}) if self.texts[place].endswith("n't") else frozenset()

    def _open(self, kinds: frozenset[str], place: int, last: int) -> None:
        if "refuse" in kinds:
            self.refusals.append(place)
        if "border" in kinds:
            self._reset()
        elif "soft_border" in kinds and self.force in ("denied", "denied after and"):
            self.force = "said"
        self._claim(kinds, place, last)
        if "demote" in kinds:
            self._demote(place)
        if kinds & {"top", "decide"}:
            self.rank = Rank.TOP
        elif "maybe" in kinds:
            self.rank = Rank.MAYBE

    def _claim(self, kinds: frozenset[str], place: int, last: int) -> None:
        """Deny, doubt or assert what follows."""
        if kinds & {"refuse", "doubt"}:
            self.force, self.opened = "doubted", last
        elif kinds & {"deny", "deny_clause"} and self.force != "doubted":
            self.opens_denied.add(place)
            self.force, self.opened = "denied", last + (CLAUSE_REACH if "deny_clause" in kinds else 0)
            self.sticky = ":" in (self._at(last - 1), self._at(last)) and self._at(place - 1) in HEADING_AFTER
        if "decide" in kinds:
            self.force = "said"
        if "aside" in kinds and self._at(place - 1) in ASIDE_AFTER:
            self.force, self.aside, self.opened = "doubted", True, last

    def _demote(self, place: int) -> None:
        """Make a second choice of what stands just before: "Indian is also possible"."""
        for back in range(place - 1, max(place - LIST_REACH, -1), -1):
            if self.texts[back] in BREAKS or "border" in self._kinds(back):
                return
            self.marks[back] = self.marks[back]._replace(rank=Rank.MAYBE)

    def _kinds(self, place: int) -> frozenset[str]:
        found = cues().at(self.texts, place)
        return found.meaning if found else frozenset()

    def _close(self, place: int) -> None:
        text = self.texts[place]
        if self.aside and text not in SENTENCE_ENDS:
            if text in (",", "and", "while") and place > self.opened and self._at(place + 1) in word_set("persons"):
                self._reset()
            return
        if self.sticky and text != "]" and (text != "\n" or self._bullet_follows(place)):
            return
        answers = text == ":" and self._at(place - 1) == "answer"
        if answers or text in CLOSING:
            self._reset()
        elif self.force in ("denied", "denied after and"):
            self._close_denial(place)
        elif self.force == "doubted" and text == "," and self._at(place + 1) in word_set("subjects"):
            self.force = "said"

    def _close_denial(self, place: int) -> None:
        text, following = self.texts[place], self._at(place + 1)
        finite_verb = text in word_set("verbs") and place - self.opened >= 2
        ranges = text == "-" and self._at(place - 1).isdigit() and following.isdigit()
        ends = (text in ("-", ":") and not ranges) or (text in CLOSING_DENIAL and place > self.opened)
        if ends or finite_verb or (text == "," and not self._list_goes_on(place)):
            self.force = "said"
        elif text == "and":
            self.force = "said" if self._begins_statement(following) else "denied after and"

    def _list_goes_on(self, place: int) -> bool:
        following = self._at(place + 1)
        subject = following in word_set("subjects") and following not in word_set("articles")
        if subject or following in word_set("verbs"):
            return False
        if self._bare_things(place):
            return True
        if following == "and":
            return not self._begins_statement(self._at(place + 2))
        for text in self.texts[place + 1 : place + 1 + LIST_REACH]:
            if text in SENTENCE_ENDS or text in word_set("verbs") or text in ("but", "with"):
                return False
            if text in ("or", "nor"):
                return True
        return False

    def _bare_things(self, place: int) -> bool:
        """Whether nothing but things follow: "He has no glasses, hat, earrings." """
        if self.opened >= 2 and self._at(self.opened - 2) == ",":
            return False
        end = place
        while self._at(end) == "," and self._at(end + 1) in word_set("things") and end < place + 2 * LIST_REACH:
            end += 2
        return end > place and self._at(end) in LIST_ENDS

    def _begins_statement(self, text: str) -> bool:
        return text in word_set("verbs") or text in word_set("subjects") or text in word_set("articles")

    def _bullet_follows(self, place: int) -> bool:
        return self._at(place - 1) in (":", "\n") or self._at(place + 1) in BULLETS

    def _at(self, place: int) -> str:
        return self.texts[place] if 0 <= place < len(self.texts) else ""

    def _reset(self) -> None:
        self.force, self.rank, self.sticky = "said", Rank.FIRM, False
        self.aside = False

    def _ask(self) -> None:
        """A question claims nothing: doubt every word of a sentence that ends with a question mark."""
        if "?" not in self.texts:
            return
        asked = False
        for place in range(len(self.texts) - 1, -1, -1):
            if self.texts[place] in SENTENCE_ENDS:
                asked = self.texts[place] == "?"
            elif asked:
                self.marks[place] = Mark("doubted", self.marks[place].rank)


def scopes(texts: Sequence[str]) -> Scopes:
    """The marks of every word."""
    return _Reader(texts).read()
