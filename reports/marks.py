"""Which phrases of an answer are right and which are wrong (figure 7), and how right an answer is as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from harness.records import Gold, Mention, Prediction
from reports import style

Verdict = Literal["right", "wrong", "undefined"]
SIGNS: dict[Verdict, str] = {"right": "✓", "wrong": "✗", "undefined": "?"}


@dataclass(frozen=True)
class Piece:
    """A stretch of an answer, with control characters made visible."""

    text: str
    verdict: Verdict | None = None
    """None for words that name no label."""
    says: str = ""
    """What the phrase was read as, such as "Goatee: yes"."""

    @property
    def sign(self) -> str:
        """The verdict as a sign, for those who do not see the colour."""
        return SIGNS[self.verdict] if self.verdict else ""


def verdict(mention: Mention, gold: Gold) -> Verdict:
    """Is what the phrase says true? In one-label spaces "not X" is true where the gold label is not X."""
    if isinstance(gold, str):
        return "right" if (mention.label == gold) == mention.value else "wrong"
    if mention.label not in gold:
        return "undefined"
    return "right" if gold[mention.label] == mention.value else "wrong"


def pieces(text: str, mentions: Sequence[Mention], gold: Gold) -> list[Piece]:
    """The answer cut at the ends of its phrases; joined together the pieces are the answer.

    Phrases may overlap. A stretch in several of them is wrong if one of them is.
    """
    inside = [mention for mention in mentions if 0 <= mention.start < mention.end and mention.start < len(text)]
    ends = {0, len(text), *(m.start for m in inside), *(min(m.end, len(text)) for m in inside)}
    cuts = sorted(ends)
    return [
        _piece(text[start:end], [m for m in inside if m.start < end and m.end > start], gold)
        for start, end in pairwise(cuts)
    ]


def tally(mentions: Sequence[Mention], gold: Gold) -> dict[Verdict, int]:
    """How many phrases are right, wrong and undefined."""
    verdicts = [verdict(mention, gold) for mention in mentions]
    return {kind: verdicts.count(kind) for kind in SIGNS}


def missed(prediction: Prediction, gold: Gold) -> tuple[str, ...]:
    """Attributes that are there and that the answer does not affirm; none in one-label spaces."""
    if isinstance(gold, str):
        return ()
    return tuple(label for label, present in gold.items() if present and label not in prediction.yes)


def quality(prediction: Prediction | None, gold: Gold) -> float | None:
    """How right an answer is: 1 or 0 for one label, F1 over the annotated cells for attributes, None if it failed."""
    if prediction is None or prediction.status == "failed":
        return None
    if isinstance(gold, str):
        return float(prediction.label == gold)
    said = {label for label in prediction.yes if label in gold}
    there = {label for label, present in gold.items() if present}
    return 2 * len(said & there) / (len(said) + len(there)) if said or there else 1.0


def _piece(text: str, covering: Sequence[Mention], gold: Gold) -> Piece:
    if not covering:
        return Piece(style.visible(text))
    verdicts = {verdict(mention, gold) for mention in covering}
    worst: Verdict = "wrong" if "wrong" in verdicts else "right" if "right" in verdicts else "undefined"
    says = ", ".join(f"{mention.label}: {'yes' if mention.value else 'no'}" for mention in covering)
    return Piece(style.visible(text), worst, style.visible(says))
