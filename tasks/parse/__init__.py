"""Free text to labels: pure, no model, no judge; it never raises and never names what the text does not name."""

from harness.records import Finish, Parsed
from tasks.labels import LabelSpace
from tasks.parse.attributes import parse_attributes
from tasks.parse.choice import parse_choice
from tasks.parse.text import cut

__all__ = ["parse"]


def parse(reply: str, space: LabelSpace, finish: Finish = "stop") -> Parsed:
    """Read a reply in the words of a label space.

    Linear in the length of the reply; of one longer than 60,000 characters both ends are read.
    """
    if finish == "failed":
        return Parsed(status="failed")
    words = cut(reply)
    if not words.texts:
        return Parsed(status="truncated" if finish == "length" else "unparsed")
    if space.kind == "attributes":
        return parse_attributes(words, space, finish)
    return parse_choice(words, space, finish)
