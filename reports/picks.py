"""Which samples the gallery shows: chosen by rule, the rest by a fixed hash, so that nobody chose them by taste."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from harness.records import STATUSES, Case, Prediction
from reports.marks import quality

PER_RULE = 2
LEAST = 8
MOST = 12


@dataclass(frozen=True)
class Pick:
    """A sample and why it is shown."""

    case: Case
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    case: Case
    predictions: list[Prediction]
    marks: list[float] = field(default_factory=list)

    @property
    def spread(self) -> float:
        return max(self.marks) - min(self.marks)

    @property
    def mean(self) -> float:
        return sum(self.marks) / len(self.marks)


def pick(cases: Iterable[Case], predictions: Mapping[str, Mapping[str, Prediction]]) -> list[Pick]:
    """At most 12 samples of a question, those with the most reasons to be looked at first.

    Args:
        cases: the samples of the question.
        predictions: model -> key -> prediction.
    """
    entries = sorted((_entry(case, predictions) for case in cases), key=lambda entry: _shuffle(entry.case))
    reasons: dict[str, list[str]] = {}
    for reason, chosen in _rules(entries):
        for entry in chosen:
            if entry.case.sample_id in reasons or len(reasons) < MOST:
                reasons.setdefault(entry.case.sample_id, []).append(reason)
    for entry in entries:
        if len(reasons) >= LEAST:
            break
        reasons.setdefault(entry.case.sample_id, ["drawn by hash"])
    by_id = {entry.case.sample_id: entry.case for entry in entries}
    return [Pick(by_id[name], tuple(why)) for name, why in reasons.items()]


def first(cases: Sequence[Case], picks: Iterable[Pick], most: int) -> tuple[Case, ...]:
    """At most so many samples to browse: those picked by rule, then by the same hash, so nobody chose them either."""
    ranked = [*(chosen.case for chosen in picks), *sorted(cases, key=_shuffle)]
    return tuple({case.sample_id: case for case in ranked}.values())[:most]


def _entry(case: Case, predictions: Mapping[str, Mapping[str, Prediction]]) -> _Entry:
    given = [found for of_model in predictions.values() if (found := of_model.get(case.key))]
    marks = (quality(prediction, case.gold) for prediction in given)
    return _Entry(case, given, [mark for mark in marks if mark is not None])


def _rules(entries: Sequence[_Entry]) -> Iterable[tuple[str, list[_Entry]]]:
    """Reason -> samples. `entries` are shuffled, and sorting is stable, so ties fall by hash."""
    marked = [entry for entry in entries if entry.marks]
    one_label = all(isinstance(entry.case.gold, str) for entry in marked)
    yield "models disagree", _top(marked, lambda entry: entry.spread, above=0.0)
    right = _top([entry for entry in marked if not one_label or entry.mean == 1.0], lambda entry: entry.mean)
    yield "all right" if one_label else "answered best", right
    rest = [entry for entry in marked if entry not in right and (not one_label or entry.mean == 0.0)]
    yield "all wrong" if one_label else "answered worst", _top(rest, lambda entry: -entry.mean)
    yield "contradiction", [entry for entry in entries if any(p.contradictions for p in entry.predictions)][:1]
    for status in STATUSES[1:]:
        yield status, [entry for entry in entries if any(p.status == status for p in entry.predictions)][:1]


def _top(entries: Sequence[_Entry], mark: Callable[[_Entry], float], above: float | None = None) -> list[_Entry]:
    ranked = sorted(entries, key=mark, reverse=True)[:PER_RULE]
    return [entry for entry in ranked if above is None or mark(entry) > above]


def _shuffle(case: Case) -> str:
    return sha256(case.sample_id.encode("utf-8", "backslashreplace")).hexdigest()
