"""Decisions in words: what a model answers that decides between labels and writes no text of its own.

FaceInsight is one (the paper trains no language-model loss and freezes the language model, so its free text stays that
of the frozen model), and so are the specialists. What their probabilities decide is put into the words of the task: the
label as the prompt writes it, or the attributes that are present.
"""

from collections.abc import Mapping

from tasks.labels import label_space


def decide(space: str, evidence: Mapping[str, float], present: float = 0.0) -> tuple[str, ...]:
    """The labels that hold: the likeliest one, or of attributes all that are likelier present than absent.

    Args:
        space: a label space such as "fairface.age".
        evidence: label -> log-odds, or probability, for every label of the space.
        present: above which evidence an attribute is present: 0 for log-odds, 0.5 for probabilities.

    Raises:
        UnknownNameError: there is no such space.
    """
    if label_space(space).kind != "attributes":
        return (max(evidence, key=evidence.__getitem__),)
    return tuple(label for label, value in evidence.items() if value > present)


def answer(space: str, present: tuple[str, ...]) -> str:
    """A reply out of which the parser reads just these labels.

    Raises:
        UnknownNameError: there is no such space.
    """
    words = [label.replace("_", " ") for label in present]
    if label_space(space).kind != "attributes":
        return f"{words[0]}."
    if words:
        return f"Attributes: {', '.join(words)}."
    return "\n".join(f"{word}: no" for word in label_space(space).display)  # an empty list would be no answer
