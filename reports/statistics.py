"""What the answers to a question say beyond its leaderboard, ready for the page."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from harness.errors import HarnessError
from harness.findings import Findings, find
from reports import calibration, confusion, groups, pairs, rules
from reports.calibration import CalibrationRow
from reports.confusion import Matrices
from reports.groups import GroupTable
from reports.load import Question, Run
from reports.pairs import PairTable
from reports.rules import RuleTable
from reports.tables import colours_of
from tasks.groups import MINIMUM
from tasks.labels import label_space

Draw = Callable[..., Markup]
"""(figure, prefix of ids, alternative text) -> markup."""


@dataclass(frozen=True)
class Statistics:
    """The parts that a question has; None or empty what it has not."""

    pairs: PairTable | None = None
    confusion: Matrices | None = None
    groups: tuple[GroupTable, ...] = ()
    dots: Markup | None = None
    rules: RuleTable | None = None
    calibration: tuple[CalibrationRow, ...] = ()
    diagram: Markup | None = None
    one_label: bool = False
    smallest: int = MINIMUM
    """Faces of a group that is compared."""

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.pairs or self.confusion or self.groups or self.rules or self.calibration)


def findings(run: Run, question: Question) -> Findings | None:
    """What the predictions say; None, and a notice, where labels are not those of the question's space."""
    predictions = {model: run.predictions(model, question.name) for model in run.models}
    try:
        return find(question.name, label_space(question.space), run.cases(question.name), predictions)
    except HarnessError as error:
        run.notices.append(f"{question.name} is shown without statistics: {error}")
        return None


def read(run: Run, question: Question, anchor: str, draw: Draw) -> Statistics:
    """Look through the predictions and scores of a question.

    Args:
        run: the run.
        question: one of its questions.
        anchor: put before the ids of its figures.
        draw: makes markup of a figure.
    """
    found = findings(run, question)
    if found is None:
        return Statistics()
    colours = colours_of(run, question.name)
    believed, by_column = calibration.found(run, question), groups.singles(found)
    return Statistics(
        pairs=pairs.table(found),
        confusion=confusion.matrices(found),
        groups=groups.tables(found),
        dots=draw(groups.dots(by_column, colours), f"{anchor}-groups", groups.dots_in_words(by_column))
        if by_column
        else None,
        rules=rules.table(found),
        calibration=calibration.rows(believed),
        one_label=found.one_label,
        diagram=draw(calibration.diagram(believed, run.models), f"{anchor}-calibration", calibration.in_words(believed))
        if believed
        else None,
    )
