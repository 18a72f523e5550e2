"""The gallery of answers (figure 7): a picture, what was asked, what each model said, and what of it is right."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

from PIL import Image

from harness import images
from harness.errors import ImageError
from harness.records import Case, Gold, ImageRef, Prediction, Response
from reports import marks, style
from reports.load import Answers, Question, Run
from reports.picks import Pick, first, pick
from reports.tables import colours_of

CUT = 1500
"""Characters of an answer that are shown; what is longer is cut, and the page says so."""
SHORT = 160
"""Characters of a label or of an error that are shown."""
THUMB = 128


@dataclass(frozen=True)
class Reply:
    """What one model said about one sample."""

    model: str
    colour: str
    status: str
    """One of the statuses, or "not scored", or "not asked"."""
    pieces: tuple[marks.Piece, ...] = ()
    cut: str = ""
    """Says the true length where the text is cut."""
    error: str = ""
    read_as: str = ""
    is_right: bool | None = None
    """One-label spaces only."""
    right: int = 0
    wrong: int = 0
    missed: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """For the filter of the page: right, wrong or none."""
        right = (
            self.is_right if self.is_right is not None else None if not (self.right or self.wrong) else not self.wrong
        )
        return "none" if right is None else "right" if right else "wrong"


@dataclass(frozen=True)
class Card:
    """One sample with the answers of all models."""

    sample_id: str
    reasons: tuple[str, ...]
    thumb: str
    """A data address, empty where the image cannot be read."""
    trouble: str
    gold: tuple[str, ...]
    absent: int
    """Attributes that are annotated as absent."""
    group: tuple[tuple[str, str], ...]
    text: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Asked:
    """All that is read of one question: the cards, and how far each model got."""

    question: Question
    rows: int
    """Samples."""
    total: int
    """Different requests: pictures that are alike to the pixel are asked once."""
    cards: tuple[Card, ...]
    answers: Mapping[str, Answers]
    parsed: Mapping[str, int]
    browsed: tuple[Case, ...] = ()
    """Samples for the browser of the page, those of the cards first."""
    predictions: Mapping[str, Mapping[str, Prediction]] = field(default_factory=dict)
    """Model -> key -> prediction, of the samples for the browser."""

    @property
    def text(self) -> str:
        """What was asked about most of the pictures: the cards show a text only where it differs."""
        return Counter(card.text for card in self.cards).most_common(1)[0][0] if self.cards else ""


def read(run: Run, question: Question, most: int = 0) -> Asked:
    """Pick samples of a question and put their cards together.

    Args:
        run: the run.
        question: one of its questions.
        most: how many samples are wanted for the browser; their answers are kept.
    """
    cases = run.cases(question.name)
    predictions = {model: run.predictions(model, question.name) for model in run.models}
    picks = pick(cases, predictions)
    browsed = first(cases, picks, most)
    keep = {case.key for case in (*browsed, *(chosen.case for chosen in picks))}
    answers = {model: run.responses(model, question.name, keep) for model in run.models}
    colours = colours_of(run, question.name)
    cards = tuple(_card(colours, chosen, predictions, answers) for chosen in picks)
    parsed = {model: len(found) for model, found in predictions.items()}
    predictions = {model: {key: found[key] for key in keep if key in found} for model, found in predictions.items()}
    return Asked(question, len(cases), len({case.key for case in cases}), cards, answers, parsed, browsed, predictions)


def thumbnail(ref: ImageRef, side: int = THUMB) -> str:
    """The image as a small JPEG in a data address.

    Raises:
        ImageError: the image cannot be read.
    """
    image = images.read(ref)
    image.thumbnail((side, side))
    return address(image, "JPEG", quality=82)


def address(image: Image.Image, form: Literal["JPEG", "PNG"], **options: int) -> str:
    """The image as a file in a data address."""
    out = BytesIO()
    image.save(out, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def _card(
    colours: Mapping[str, str],
    chosen: Pick,
    predictions: Mapping[str, Mapping[str, Prediction]],
    answers: Mapping[str, Answers],
) -> Card:
    case = chosen.case
    try:
        thumb, trouble = thumbnail(case.image), ""
    except ImageError as error:
        thumb, trouble = "", short(str(error))
    replies = tuple(
        reply(model, colour, answers[model].kept.get(case.key), predictions[model].get(case.key), case)
        for model, colour in colours.items()
    )
    gold, absent = _gold(case.gold)
    group = tuple((short(name), short(value)) for name, value in case.group.items())
    return Card(
        short(case.sample_id), chosen.reasons, thumb, trouble, gold, absent, group, short(case.text, CUT), replies
    )


def reply(
    model: str, colour: str, response: Response | None, prediction: Prediction | None, case: Case, most: int = CUT
) -> Reply:
    """An answer with its right and wrong phrases told apart, cut after `most` characters."""
    if response is None:
        return Reply(model, colour, prediction.status if prediction else "not asked")
    mentions = prediction.mentions if prediction else ()
    shown = response.text[:most]
    said = marks.tally(mentions, case.gold)
    return Reply(
        model=model,
        colour=colour,
        status=prediction.status if prediction else "failed" if response.finish == "failed" else "not scored",
        pieces=tuple(marks.pieces(shown, mentions, case.gold)),
        cut=f"{most:,} of {len(response.text):,} characters shown" if len(response.text) > most else "",
        error=short(response.error or ""),
        read_as=short(prediction.label or "") if prediction else "",
        is_right=_is_right(prediction, case.gold),
        right=said["right"],
        wrong=said["wrong"],
        missed=_missed(prediction, case.gold),
        contradictions=_contradictions(prediction),
    )


def _is_right(prediction: Prediction | None, gold: Gold) -> bool | None:
    if not isinstance(gold, str) or prediction is None or prediction.status == "failed":
        return None
    return prediction.label == gold


def _missed(prediction: Prediction | None, gold: Gold) -> tuple[str, ...]:
    """Of an answer that says something; a refusal misses everything, which its status says already."""
    if prediction is None or not (prediction.mentions or prediction.status == "parsed"):
        return ()
    return tuple(map(short, marks.missed(prediction, gold)))


def _contradictions(prediction: Prediction | None) -> tuple[str, ...]:
    pairs: Sequence[tuple[str, str]] = prediction.contradictions if prediction else ()
    return tuple(short(f"{one} against {other}") for one, other in pairs)


def _gold(gold: Gold) -> tuple[tuple[str, ...], int]:
    if isinstance(gold, str):
        return (short(gold),), 0
    present = tuple(short(label) for label, there in gold.items() if there)
    return present, len(gold) - len(present)


def short(text: str, most: int = SHORT) -> str:
    """The text made visible, and cut with its true length stated."""
    tail = f" … (cut: {len(text):,} characters)" if len(text) > most else ""
    return style.visible(text[:most]) + tail
