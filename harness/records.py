"""The nouns of the project: frozen records, no input or output, no torch.

tasks ─Sample▶ prompts ─Request▶ engine ─Response▶ store ▶ parse ─Prediction▶ score ─Score▶ reports
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

Finish = Literal["stop", "length", "failed"]
Status = Literal["parsed", "ambiguous", "unparsed", "refused", "truncated", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)

Gold = str | dict[str, bool]
"""One label, or attribute -> present; an attribute that is not annotated is absent from the mapping."""


def _within_bounds(scores: dict[str, float], info: ValidationInfo) -> dict[str, float]:
    for label, score in scores.items():
        if not 0 <= score <= 1:  # NaN too
            where = f"sample {info.data['sample_id']}: " if "sample_id" in info.data else ""
            raise ValueError(f"{where}the evidence for '{label}' is {score}; label_scores must be in [0, 1].")
    return scores


Evidence = Annotated[dict[str, float], AfterValidator(_within_bounds)]
"""Label -> how strongly a model holds it to be true, in [0, 1]; beside its text, and read instead of it for mAP."""


class Record(BaseModel):
    """The base of all records: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageRef(Record):
    """Where an image is, and which part of it is meant."""

    path: Path
    box: tuple[int, int, int, int] | None = None
    """left, top, right, bottom in pixels of the upright image; None is the whole image."""


class Sample(Record):
    """One image of a dataset with what is known about it."""

    id: str
    image: ImageRef
    gold: Gold
    group: dict[str, str] = Field(default_factory=dict)
    """Columns to group scores by, such as {"gender": "Female", "race": "Indian"}."""


class Prompt(Record):
    """A rendered question and the template it came from."""

    template: str
    template_hash: str
    text: str


class Ask(Record):
    """A question that the first token of an answer settles."""

    text: str
    options: tuple[str, ...]
    """What an answer may begin with, such as "A", "B", "C", or "Yes", "No"."""
    labels: tuple[str | None, ...]
    """The label that holds where an answer begins with that option; None where it says that none of them does."""


class Request(Record):
    """What a model is asked: it holds no gold label."""

    key: str
    """Hash of pixels, words and decoding; never of a path."""
    sample_id: str
    image: ImageRef
    text: str
    space: str = ""
    """Name of the label space the question asks in: a model that decides between labels needs to know which."""
    asks: tuple[Ask, ...] = ()
    """Asked instead of `text`, for evidence; a model with evidence of its own answers to `text` all the same."""


class Case(Record):
    """A row of a run's question: the sample, what it is asked, and under which key the answer is kept."""

    key: str
    sample_id: str
    image: ImageRef
    gold: Gold
    group: dict[str, str] = Field(default_factory=dict)
    text: str
    size: tuple[int, int] | None = None
    """Width and height of the (cropped) image in pixels."""
    error: str | None = None
    """Why the image cannot be read; then no model is asked."""

    def sample(self) -> Sample:
        """What it was made from."""
        return Sample(id=self.sample_id, image=self.image, gold=self.gold, group=self.group)


Answers = Literal["text", "choice"]
"""What is asked of a model: free text, or which of the options it holds to be true (tasks/asks.py)."""


class Decoding(Record, use_attribute_docstrings=True):
    """How every answer of a run is generated: one per run, never one per row."""

    max_new_tokens: int = Field(default=256, ge=1)
    """Where a longer answer is cut off."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0 is greedy decoding."""
    stop: tuple[str, ...] = ()
    """Extra strings that end an answer, beside the model's own stop tokens."""
    seed: int = 0
    """Of sampling, where the temperature is above 0."""


def request_key(pixels: str, text: str, decoding: Decoding, asks: Sequence[Ask] = ()) -> str:
    """The identity of a request: a hash of pixels, words (options too) and decoding, never of a path."""
    parts = (pixels, text, *(ask.model_dump_json() for ask in asks), decoding.model_dump_json())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Response(Record):
    """What came back, verbatim."""

    key: str
    sample_id: str
    text: str = ""
    finish: Finish
    error: str | None = None
    """A sentence, only where finish is "failed"."""
    seconds: float | None = None
    """Wall time of the batch divided by its size."""
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    image_tokens: int | None = None
    """Places of the prompt that held what the network made of the picture; None where it is not known."""
    label_scores: Evidence | None = None
    """For labels of the question's space, from a model that has it."""
    option_mass: float | None = Field(default=None, ge=0, le=1)
    """Where options were asked for: the probability that the first token is one of any of them, before it was shared
    out among them; the mean over the asks of a request."""


class Mention(Record):
    """A phrase of the reply that names a label: text[start:end] says label is value."""

    start: int
    end: int
    label: str
    value: bool


class Parsed(Record):
    """What a reply says in the words of a label space."""

    status: Status
    label: str | None = None
    """The one label, in one-label spaces."""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    contradictions: tuple[tuple[str, str], ...] = ()
    """Pairs of statements that cannot both hold, such as ("No_Beard", "Goatee")."""
    mentions: tuple[Mention, ...] = ()


class Prediction(Parsed):
    """A parsed reply with the request it answers."""

    key: str
    sample_id: str
    label_scores: Evidence | None = None
    """As in the response; none where that failed."""
    option_mass: float | None = Field(default=None, ge=0, le=1)
    """As in the response: then labels are read from the evidence, and not from text."""


class Estimate(Record, use_attribute_docstrings=True):
    """A number with its bootstrap interval (95 %)."""

    value: float
    """Over all samples."""
    low: float
    """Lower end of the interval."""
    high: float
    """Its upper end."""


class Bin(Record, use_attribute_docstrings=True):
    """Decisions of about the same evidence."""

    count: int
    """How many there are."""
    evidence: float
    """Their mean evidence, in [0, 1]."""
    rate: float
    """How many of them hold, in [0, 1]."""


class Calibration(Record, use_attribute_docstrings=True):
    """Whether evidence can be read as a probability; see tasks/calibration.py."""

    decisions: int
    """One for each sample, or for each annotated attribute of one."""
    expected_error: float
    """ECE: the mean distance of evidence and rate over the bins, weighted by their decisions."""
    brier: float
    """The mean squared distance of a decision's evidence and outcome."""
    bins: tuple[Bin, ...]
    """The reliability curve: the bins that hold anything, by rising evidence."""


METRICS = ("accuracy", "precision", "recall", "f1")


class Score(Record, use_attribute_docstrings=True):
    """The scores of one model on one question."""

    model: str
    """Who was asked."""
    question: str
    """What was asked."""
    n: int
    """Samples with a response, be it a failure."""
    scored: int
    """n less the failed ones: a failure is no answer, neither right nor wrong."""
    counts: dict[Status, int]
    """Responses by status; the six sum to n."""
    metrics: dict[str, Estimate]
    """accuracy, precision, recall, f1 over all scored samples; what is not answered is wrong."""
    answered: dict[str, float]
    """The same four over the answered samples only."""
    baseline: dict[str, float]
    """The same four for the constant answer: majority label, or all attributes negative."""
    baseline_name: str
    """Which constant answer that is."""
    coverage: float | None = None
    """Fraction of (image, attribute) cells that are annotated and so scored."""
    contradiction_rate: float | None = None
    """Fraction of answered replies that contradict themselves."""
    gold_contradiction_rate: float | None = None
    """The same rate for the annotations themselves."""
    option_mass: float | None = Field(default=None, ge=0, le=1)
    """Where options were asked for: the mean probability that the first token was one of them at all. What is far below
    1 was forced: the model wanted to say something else."""
    ranked: int = 0
    """Scored samples whose response carries evidence, whatever its text says: only they are ranked."""
    mean_average_precision: Estimate | None = None
    """mAP: the mean of `average_precision`; None where nothing can be ranked."""
    mean_base_rate: float | None = None
    """Its floor, which any constant evidence has on the same samples: the mean of `base_rates`."""
    average_precision: dict[str, float] = Field(default_factory=dict)
    """Label -> average precision, for labels with a positive and a negative among their ranked samples."""
    base_rates: dict[str, float] = Field(default_factory=dict)
    """Label -> fraction of positives among its ranked samples, for the same labels."""
    calibration: Calibration | None = None
    """Of the likeliest label's evidence, or of each annotated attribute's; None where no response carries any."""
