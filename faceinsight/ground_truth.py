"""How often the ground truth itself breaks the rules: counted and printed before rules are trained. No torch here.

A rule that the labels break teaches the logical module one thing and the labels another, so a training can leave out
the rules that are broken too often.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from faceinsight.faces import LabelledFaces
from faceinsight.rules import AtLeastOne, Broken, Exclusion, Rules, Tally, tally
from harness.errors import ConfigError

THRESHOLDS = (0.02, 0.05, 0.10, 0.25)
"""For which the table says what they would leave out."""
ROWS = 1 << 18
"""So many faces are counted at once: their intermediate tables take 100 MB."""


def tallies(faces: LabelledFaces, rules: Rules) -> dict[str, Tally]:
    """Dataset -> how often its faces break each rule.

    Raises:
        ConfigError: a rule speaks of a label that the label space lacks.
    """
    names = faces.joint.names
    return {
        dataset: add([tally(rules, names, part.labels_NK, part.mask_NK) for part in _parts(faces, place)])
        for place, dataset in enumerate(faces.datasets)
    }


def add(parts: Sequence[Tally]) -> Tally:
    """The tally of all these faces together, of at least one tally; all of them are of the same rules."""
    rules = [
        Broken(
            rule=same[0].rule,
            checked=sum(one.checked for one in same),
            applied=sum(one.applied for one in same),
            broken=sum(one.broken for one in same),
        )
        for same in zip(*(part.rules for part in parts), strict=True)
    ]
    return Tally(
        faces=sum(part.faces for part in parts),
        rules=tuple(rules),
        impossible=sum(part.impossible for part in parts),
        incomplete=sum(part.incomplete for part in parts),
    )


def kept(rules: Rules, counted: Tally, threshold: float | None = None) -> Rules:
    """The rules without those broken on more than this share of the faces they apply to; None keeps all.

    Soft groups stay: they are never trained. A rule that never applied stays as well.

    Raises:
        ConfigError: the threshold is not in [0, 1].
    """
    if threshold is None:
        return rules
    if not 0 <= threshold <= 1:
        raise ConfigError(f"a rule threshold of {threshold} is a share of faces: give a number between 0 and 1.")
    out = {one.rule for one in counted.rules if (one.rate_applied or 0) > threshold}
    return Rules(
        exclusions=tuple(rule for rule in rules.exclusions if rule.name not in out),
        at_least_one=tuple(rule for rule in rules.at_least_one if rule.soft or rule.name not in out),
    )


def table(rules: Rules, counted: Mapping[str, Tally], threshold: float | None = None) -> str:
    """The violation rates as plain text, a line per rule, the soft groups marked.

    Args:
        rules: those that were counted.
        counted: dataset -> tally, as `tallies` gives it. Where several datasets can be checked, each has a column with
            its own rate of applied.
        threshold: of the training, whose victims are marked.
    """
    whole = add(list(counted.values()))
    several = {name: one for name, one in counted.items() if any(rule.checked for rule in one.rules)}
    beside = several if len(several) > 1 else {}
    head = ["rule", "checked", "applied", "broken", "% checked", "% applied", *beside, "", "in words"]
    trained = kept(rules, whole, threshold).names
    rows = [
        _row(rule, number, [one.rules[place] for one in beside.values()], rule.name in trained)
        for place, (rule, number) in enumerate(zip(_each(rules), whole.rules, strict=True))
    ]
    return "\n".join([*_aligned([head, *rows]), "", *_summary(rules, whole)])


def _row(rule: Exclusion | AtLeastOne, number: Broken, beside: Sequence[Broken], trained: bool) -> list[str]:
    counts = [str(number.checked), str(number.applied), str(number.broken)]
    rates = [_percent(rate) for rate in (number.rate, number.rate_applied, *(one.rate_applied for one in beside))]
    soft = isinstance(rule, AtLeastOne) and rule.soft
    return [rule.name, *counts, *rates, "soft" if soft else "" if trained else "out", rule.words]


def _summary(rules: Rules, whole: Tally) -> Iterator[str]:
    share = {"impossible": whole.impossible, "incomplete": whole.incomplete}
    said = ", ".join(f"{_percent(count / max(whole.faces, 1))} % {word}" for word, count in share.items())
    yield f"{whole.faces} faces: {said} (they break an exclusion, a group). Soft groups are counted, never trained."
    for threshold in THRESHOLDS:
        stay = kept(rules, whole, threshold).names
        out = [name for name in rules.names if name not in stay]
        yield f"A threshold of {threshold:.0%} of applied would leave out {', '.join(out) or 'none'}."


def _each(rules: Rules) -> Iterator[Exclusion | AtLeastOne]:
    yield from rules.exclusions
    yield from rules.at_least_one


def _parts(faces: LabelledFaces, place: int) -> Iterator[LabelledFaces]:
    """The faces of one dataset, at least one part, so many at once."""
    own = (faces.dataset_N == place).nonzero()[0]
    for start in range(0, max(len(own), 1), ROWS):
        yield faces.subset(own[start : start + ROWS])


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2%}".removesuffix("%")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines of columns: the first and the last two begin together, the numbers end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0], cells[-2], cells[-1] = row[0].ljust(widths[0]), row[-2].ljust(widths[-2]), row[-1]
        yield "  ".join(cells).rstrip()
