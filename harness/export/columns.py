"""The columns of the exported tables: name, type and meaning. docs/results.md shows them, and a test keeps it in step.

A type never depends on what a run holds: a column without any value has the type it has with values.
"""

from typing import NamedTuple

import pyarrow as pa

from harness.records import METRICS, STATUSES


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: pa.DataType
    words: str


def _named(value: pa.DataType, name: str = "label", word: str = "value") -> pa.DataType:
    """A mapping as a list of pairs: `datasets` knows no Arrow map, and pandas would make tuples of one."""
    return pa.list_(pa.struct([(name, pa.string()), (word, value)]))


RESPONSES = (
    Column("run", pa.string(), "Name of the run folder."),
    Column("model", pa.string(), "Who was asked."),
    Column("question", pa.string(), "What was asked, such as fairface.age; under a paraphrase fairface.age+terse."),
    Column("plain_question", pa.string(), "The same without the variant."),
    Column("variant", pa.string(), "Whose words it was asked in: paper, terse ..."),
    Column("task", pa.string(), "attr, agr or expr."),
    Column("dataset", pa.string(), "Where the picture comes from."),
    Column("space", pa.string(), "The label space of gold and answer."),
    Column("sample_id", pa.string(), "The sample's name within its dataset."),
    Column("key", pa.string(), "Hash of pixels, words and decoding; samples with equal pictures share it."),
    Column(
        "image_path", pa.string(), "Where the picture was, under the data root where it was there. Not in this folder."
    ),
    Column(
        "image_box", pa.list_(pa.int32()), "left, top, right, bottom of the part that was shown; null for all of it."
    ),
    Column("image_width", pa.int32(), "Of that part, in pixels; null where the picture cannot be read."),
    Column("image_height", pa.int32(), "The same."),
    Column("image_digest", pa.string(), "Hash of its pixels (harness/images.py); null where it cannot be read today."),
    Column("group", _named(pa.string(), "column"), "Columns to compare scores by, such as gender or race."),
    Column("prompt", pa.string(), "The words that were asked."),
    Column("prompt_template", pa.string(), "The template they came from."),
    Column("prompt_hash", pa.string(), "Hash of the template."),
    Column("answer", pa.string(), "What came back, verbatim; null where the model was not asked yet."),
    Column("finish", pa.string(), "stop, length (cut off at the token limit) or failed; null where not asked."),
    Column("error", pa.string(), "Why there is no answer, where finish is failed."),
    Column("status", pa.string(), f"What became of it: {', '.join(STATUSES)}; null where not asked."),
    Column("label", pa.string(), "The label said, in spaces of one label; null where none could be read."),
    Column("labels_yes", pa.list_(pa.string()), "Attributes said to be present; null in spaces of one label."),
    Column("labels_no", pa.list_(pa.string()), "Attributes said to be absent; null in spaces of one label."),
    Column(
        "contradictions",
        pa.list_(pa.struct([("one", pa.string()), ("other", pa.string())])),
        "Pairs of statements of the answer that cannot both hold.",
    ),
    Column("gold", pa.string(), "The dataset's label, in spaces of one label."),
    Column(
        "gold_attributes",
        _named(pa.bool_(), "label", "present"),
        "The dataset's attributes; what is not annotated is not listed. Null in spaces of one label.",
    ),
    Column("cells", pa.int32(), "What can be right of this sample: its annotated attributes, or 1."),
    Column(
        "right",
        pa.int32(),
        "How many of them are; null where failed or not asked. Over the other rows, its sum divided "
        "by that of `cells` is the accuracy.",
    ),
    Column("evidence", _named(pa.float64(), "label", "score"), "How strongly the model holds each label to be true."),
    Column(
        "option_mass", pa.float64(), "Under --answers choice: probability that the first token was an option at all."
    ),
    Column("seconds", pa.float64(), "Wall time of the batch divided by its size."),
    Column("prompt_tokens", pa.int64(), "Tokens of the prompt."),
    Column("new_tokens", pa.int64(), "Tokens of the answer."),
    Column("image_tokens", pa.int64(), "Places of the prompt that held what the network made of the picture."),
)


def _metrics(before: str, words: str) -> list[Column]:
    return [Column(f"{before}{name}", pa.float64(), words.format(name)) for name in METRICS]


SCORES = (
    *(column for column in RESPONSES[:8]),
    Column("n", pa.int64(), "Requests with an answer or a failure."),
    Column("scored", pa.int64(), "n less the failed ones."),
    *(Column(f"count_{status}", pa.int64(), f"Answers with status {status}; the six sum to n.") for status in STATUSES),
    *_metrics("", "{} over all scored samples, in [0, 1]; what is not answered is wrong."),
    *_metrics("low_", "Lower end of the 95 % bootstrap interval of {}."),
    *_metrics("high_", "Upper end of the same interval of {}."),
    *_metrics("answered_", "{} over the answered samples alone."),
    *_metrics("baseline_", "{} of the constant answer."),
    Column("baseline_name", pa.string(), "Which constant answer that is."),
    Column("coverage", pa.float64(), "Fraction of (image, attribute) cells that are annotated."),
    Column("contradiction_rate", pa.float64(), "Fraction of answered replies that contradict themselves."),
    Column("gold_contradiction_rate", pa.float64(), "The same rate for the annotations."),
    Column("option_mass", pa.float64(), "Mean of the responses' option_mass."),
    Column("ranked", pa.int64(), "Scored samples with evidence."),
    Column("mean_average_precision", pa.float64(), "mAP over the labels that can be ranked."),
    Column("low_mean_average_precision", pa.float64(), "Lower end of its interval."),
    Column("high_mean_average_precision", pa.float64(), "Upper end of its interval."),
    Column("mean_base_rate", pa.float64(), "The floor of mAP, which constant evidence has."),
    Column("average_precision", _named(pa.float64()), "Average precision of each label."),
    Column("base_rates", _named(pa.float64()), "Fraction of positives of each label among the ranked samples."),
)


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema; the meaning of each column is in its metadata."""
    return pa.schema([pa.field(one.name, one.type, metadata={"description": one.words}) for one in columns])
