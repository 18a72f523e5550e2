"""Evidence instead of free text: a question as asks, each settled by the first token of an answer.

A question of one label is one ask, its labels behind letters: "A. angry\\nB. disgust\\n...". A question of K attributes
is K asks, yes or no each. The prompts are prompts/choice/.
"""

from string import ascii_uppercase

import prompts
from harness.records import Ask, Prompt, Record
from tasks.labels import label_space
from tasks.registry import Question

YES_NO = ("Yes", "No")
LETTER, ATTRIBUTE = "choice/letter", "choice/yes-no"
_ANY = "..."


class Offer(Record):
    """How a question is put where options are asked for."""

    prompt: Prompt
    """Its words; of attributes, with dots for the name of each."""
    asks: tuple[Ask, ...]
    """One, or one for each attribute, in the order of the space."""


def offer(question: Question) -> Offer:
    """A question as asks, with the options it offers."""
    space = label_space(question.space)
    if space.kind != "attributes":
        letters = tuple(ascii_uppercase[: len(space.labels)])
        options = tuple(zip(letters, space.display, strict=True))
        prompt = prompts.render(LETTER, question=question.prompt, options=options)
        return Offer(prompt=prompt, asks=(Ask(text=prompt.text, options=letters, labels=space.labels),))
    named = [prompts.render(ATTRIBUTE, attribute=name).text for name in space.display]
    asks = [
        Ask(text=text, options=YES_NO, labels=(label, None)) for text, label in zip(named, space.labels, strict=True)
    ]
    return Offer(prompt=prompts.render(ATTRIBUTE, attribute=_ANY), asks=tuple(asks))
