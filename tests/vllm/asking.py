"""What the tests of vLLM share: pictures with two questions each, and an engine's answers."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.images import digest
from harness.maps import CLASSES, write_map
from harness.records import Decoding, ImageRef, Request
from tests import tiny_models

QUESTIONS = (
    "What is the facial expression of the person in this image?",
    "Describe 脸 the face, 34 % - naïve.\nNext line:  two spaces",
)
SIZES = ((60, 60), (130, 70), (50, 160), (224, 224), (300, 90), (90, 260))


def requests(folder: Path) -> list[Request]:
    """Six pictures of other shapes, both questions about each; the questions about one picture stand apart.

    In the folder's `maps` lies a map of each, for FaceInsight, to which the label space speaks as well.
    """
    found = []
    for place, question in enumerate(QUESTIONS):
        for number, size in enumerate(SIZES):
            path = folder / f"{number}.png"
            picture = tiny_models.picture(*size, number)
            picture.save(path)
            classes = np.asarray(tiny_models.picture(*size, number + 50))[..., 0] % len(CLASSES)
            write_map(folder / "maps", digest(picture), classes)
            name = f"{number}-{place}"
            found.append(Request(key=name, sample_id=name, image=ImageRef(path=path), text=question, space="expw"))
    return found


def engine(name: str, which: str, **options):
    """An engine on a miniature, or on another checkpoint after @, in float32 on the CPU; FaceInsight writes."""
    found = spec(name)
    if name.startswith("faceinsight"):
        found = found.chosen("tiny", {"answers": "text"})
    return open_engine(found, EngineOptions(engine=which, device="cpu", dtype="float32", **options))


def answers(asked, found: Iterable[Request], decoding: Decoding):
    """Key -> response, without its time."""
    rows = [row for batch in asked.generate(list(found), decoding) for row in batch]
    answered = {row.key: row.model_copy(update={"seconds": None}) for row in rows}
    assert len(answered) == len(rows)
    return answered


def answers_and_tokens(asked, found: Iterable[Request], decoding: Decoding):
    """The same, and the tokens of all answers in an order of their own.

    Without the evidence beside an answer, which FaceInsight has in transformers only.
    """
    tokens = []
    plain = asked.model.reply

    def note(row, prompt_tokens, decoding):
        reply = plain(row, prompt_tokens, decoding)
        tokens.append(row[: reply.new_tokens])
        return reply

    asked.model.reply = note
    try:
        rows = answers(asked, found, decoding)
        return {key: row.model_copy(update={"label_scores": None}) for key, row in rows.items()}, sorted(tokens)
    finally:
        del asked.model.reply
