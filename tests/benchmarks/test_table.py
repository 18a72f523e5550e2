"""The table: medians, goals, and nothing that could break a line of Markdown."""

import pytest

from benchmarks.table import HEAD, Result, Row, at_least, at_most, figure, markdown


def line(**fields):
    result = Result(part="p", command="c", rows=(Row(**{"what": "w", **fields}),))
    return markdown([result]).splitlines()[-1]


def test_a_row_is_its_median_with_the_extremes():
    assert line(values=(3, 1, 2), unit="s") == "| w | 2 (1 to 3) s |  |  |"
    assert line(values=(1, 2)) == "| w | 1.5 (1 to 2) |  |  |"
    assert line(values=(7,), unit="s", note="n") == "| w | 7 s |  | n |"


def test_the_median_is_held_against_the_goal():
    assert line(values=(0.5, 2, 3), goal=at_least(2)) == "| w | 2 (0.5 to 3) | at least 2 | met |"
    assert line(values=(1, 2, 9), goal=at_most(1), note="n") == "| w | 2 (1 to 9) | at most 1 | **missed**: n |"


def test_a_bar_or_a_line_break_stays_within_its_cell():
    assert line(what="a|b\nc", values=(1,), unit="|", note="x\n|") == "| a\\|b c | 1 \\| |  | x \\| |"


def test_a_part_says_its_command_or_why_it_has_no_rows():
    assert markdown([Result(part="p", command="c")]) == f"{HEAD}\n| **p**: `c` |  |  |  |"
    assert "| not run: a | b" not in markdown([Result(part="p", command="c", lacks="a | b")])
    assert "not run: no gpu" in markdown([Result(part="p", command="c", lacks="no gpu")])
    assert "broke off: bug" in markdown([Result(part="p", command="c", broke="bug")])


def test_every_line_has_the_four_cells_of_the_head():
    rows = (Row(what="a", values=(1, 2)), Row(what="b", values=(3,), goal=at_most(3)))
    lines = markdown([Result(part="p", command="c", rows=rows), Result(part="q", command="d", lacks="x")]).splitlines()
    assert {one.count("|") for one in lines} == {5}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"), (0.95, "0.95"), (0.9467, "0.947"), (12.34, "12.3"), (999.4, "999"), (1234.5, "1,234"),
        (200_000, "200,000"), (-3.218, "-3.22"), (0.00012, "0.00012"), (60, "60"),
    ],
)  # fmt: skip
def test_figures_have_three_digits(value, written):
    assert figure(value) == written
