"""The data of the sample browser: every picture once, every text once, small enough for one page.

The page holds one JSON object: names in the clear, thumbnails, and `packed`, the rows, deflated and in base64, for ten
models say much the same. `templates/browse-data.js` reads it; what each array holds is written at `_case` and `_reply`.
"""

import base64
import json
import zlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from markupsafe import Markup

from harness.errors import ImageError
from harness.records import STATUSES, Case, ImageRef, Prediction
from reports import gallery, style
from reports.gallery import Asked, Reply, short
from reports.load import Run

FACES = 2500
"""Pictures of a run, shared out evenly among its datasets."""
SIDE = 96
"""Pixels of the longer side of a thumbnail."""
CUT = 20_000
"""Characters of an answer; what is longer is cut, and the page says so."""
ALL_STATUSES = (*STATUSES, "not scored", "not asked")
_VERDICTS = {None: 0, "right": 1, "wrong": 2, "undefined": 3, "none": 0}

T = TypeVar("T", bound=Hashable)


class Distinct(Generic[T]):
    """A list without repetitions: `place` puts a value in and says where it is."""

    def __init__(self) -> None:
        self._places: dict[T, int] = {}

    def place(self, value: T) -> int:
        """Where the value is; at the end if it is new."""
        return self._places.setdefault(value, len(self._places))

    def values(self) -> list[T]:
        """All values, each at its place."""
        return list(self._places)


class Browser:
    """Collects the samples question by question."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.total = 0
        """Samples of the run, of which `shown` are in."""
        self._questions: list[tuple[str, str, str]] = []
        """Name, title and dataset."""
        self._labels, self._strings = Distinct[str](), Distinct[str]()
        self._replies = Distinct[tuple[Any, ...]]()
        self._faces: dict[ImageRef, int | str] = {}
        self._thumbs: list[str] = []
        self._cases: list[list[Any]] = []

    @property
    def most(self) -> int:
        """How many samples of a question are wanted."""
        datasets = {question.dataset or question.name for question in self.run.questions()}
        return FACES // max(1, len(datasets))

    @property
    def shown(self) -> int:
        """Samples that can be browsed."""
        return len(self._cases)

    @property
    def pictures(self) -> int:
        """Different pictures of these samples."""
        return len(self._faces)

    @property
    def choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What the filters of the page offer: value and text."""
        datasets = dict.fromkeys(dataset for *_, dataset in self._questions)
        titled = {
            "question": [(name, title) for name, title, _ in self._questions],
            "dataset": [(name, style.title("datasets", name)) for name in datasets],
        }
        plain = {
            "model": map(short, self.run.models),
            "status": ALL_STATUSES,
            "label": sorted(self._labels.values(), key=str.casefold),
        }
        return titled | {kind: [(name, name) for name in names] for kind, names in plain.items()}

    def add(self, title: str, asked: Asked) -> None:
        """Take in the samples of a question that `gallery.read` kept."""
        self.total += asked.rows
        if asked.browsed:
            question = asked.question
            self._questions.append((short(question.name), title, short(question.dataset or question.name)))
            self._cases += [self._case(case, asked) for case in asked.browsed]

    def block(self) -> Markup:
        """The JSON object, escaped so that no text in it can end the element it stands in."""
        rows = {"strings": self._strings.values(), "replies": self._replies.values(), "cases": self._cases}
        return escaped(
            {
                "models": [[short(name), colour] for name, colour in style.model_colours(self.run.models).items()],
                "questions": self._questions,
                "statuses": ALL_STATUSES,
                "labels": self._labels.values(),
                "thumbs": self._thumbs,
                "packed": packed(rows),
            }
        )

    def _case(self, case: Case, asked: Asked) -> list[Any]:
        """Question, id, thumbnail or why there is none, gold labels, absent ones, words asked, group, answers."""
        gold = [case.gold] if isinstance(case.gold, str) else [label for label, there in case.gold.items() if there]
        absent = 0 if isinstance(case.gold, str) else len(case.gold) - len(gold)
        group = " · ".join(f"{short(name)}: {short(value)}" for name, value in case.group.items())
        return [
            len(self._questions) - 1,
            short(case.sample_id),
            self._face(case.image),
            [self._label(label) for label in gold],
            absent,
            self._strings.place(short(case.text, CUT)),
            self._strings.place(group),
            [self._answer(model, case, asked) for model in self.run.models],
        ]

    def _answer(self, model: str, case: Case, asked: Asked) -> list[Any] | None:
        """Status, verdict, labels said to hold, reply, all of them places in lists; None of who was not to be asked."""
        if not self.run.asks(model, asked.question.name):
            return None
        prediction = asked.predictions[model].get(case.key)
        reply = gallery.reply(model, "", asked.answers[model].kept.get(case.key), prediction, case, CUT)
        said = [self._label(label) for label in _said(prediction)]
        denied = [self._label(label) for label in prediction.no] if prediction else []
        return [
            ALL_STATUSES.index(reply.status),
            _VERDICTS[reply.verdict],
            said,
            self._replies.place(self._reply(reply, denied)),
        ]

    def _reply(self, reply: Reply, denied: Sequence[int]) -> tuple[Any, ...]:
        """Pieces (text, verdict, reading), right and wrong of many labels, denied labels, then what is said beneath."""
        place = self._strings.place
        pieces = tuple((place(piece.text), _VERDICTS[piece.verdict], place(piece.says)) for piece in reply.pieces)
        beneath = (reply.cut, reply.error, "; ".join(reply.contradictions), ", ".join(reply.missed))
        tally = (reply.right, reply.wrong) if reply.is_right is None else (0, 0)
        return (pieces, *tally, tuple(denied), *map(place, beneath))

    def _label(self, label: str) -> int:
        return self._labels.place(short(label))

    def _face(self, image: ImageRef) -> int | str:
        """The place of the thumbnail, or why there is none; a picture is read once, however many questions ask it."""
        if image not in self._faces:
            try:
                address = gallery.thumbnail(image, SIDE)
            except ImageError as error:
                self._faces[image] = short(str(error))
            else:
                self._faces[image] = len(self._thumbs)
                self._thumbs.append(address)
        return self._faces[image]


def escaped(value: Any) -> Markup:
    """JSON for a <script> element: ASCII, and without the characters that mean something to HTML."""
    text = json.dumps(value, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 nothing in it can end the element


def packed(value: Any) -> str:
    """JSON, deflated and in base64, as the browser's DecompressionStream("deflate") reads it."""
    return base64.b64encode(zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)).decode()


def _said(prediction: Prediction | None) -> tuple[str, ...]:
    if prediction is None:
        return ()
    return (prediction.label,) if prediction.label else prediction.yes
