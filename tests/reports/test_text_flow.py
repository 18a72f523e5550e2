"""Setting coloured text: nothing is lost, nothing is wider than its line, and what is cut says so."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.marks import Piece
from reports.text_flow import advance, drawable, flow

WIDTH, SIZE = 120.0, 7.0
VERDICTS = st.sampled_from([None, "right", "wrong", "undefined"])
PIECES = st.lists(
    st.builds(Piece, st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), VERDICTS), max_size=8
)


def bare(text):
    return "".join(text.split())


def said(found):
    return "".join(bare(span.text) for line in found.lines for span in line)


@given(PIECES)
@settings(max_examples=150, deadline=None)
def test_every_letter_is_set_once_and_in_order(pieces):
    found = flow(pieces, WIDTH, SIZE, most=10_000)
    assert not found.cut
    assert said(found).replace("✗", "").replace("?", "") == bare("".join(p.text for p in pieces)).replace("?", "")


@given(PIECES)
@settings(max_examples=150, deadline=None)
def test_no_line_is_wider_than_the_column_and_no_span_covers_the_next(pieces):
    for line in flow(pieces, WIDTH, SIZE, most=10_000).lines:
        ends = [(span.x, span.x + advance(span.text, SIZE, span.verdict == "right")) for span in line]
        assert ends[-1][1] <= WIDTH + 1e-6
        assert all(left[1] <= right[0] + 1e-6 for left, right in pairwise(ends))


@given(PIECES, st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_a_text_is_cut_after_so_many_lines_and_says_so(pieces, most):
    found, whole = flow(pieces, WIDTH, SIZE, most), flow(pieces, WIDTH, SIZE, 10_000)
    assert found.lines == whole.lines[:most]
    assert found.cut == (len(whole.lines) > most)


def test_a_wrong_phrase_ends_in_a_cross_and_the_comma_after_it_stays_on_its_line():
    pieces = [Piece("He has "), Piece("a goatee", "wrong"), Piece(", and "), Piece("a hat", "right"), Piece(".")]
    (line,) = flow(pieces, 400, SIZE, 5).lines
    assert [(span.text, span.verdict) for span in line] == [
        ("He has", None),
        ("a goatee✗", "wrong"),
        (", and", None),
        ("a hat", "right"),
        (".", None),
    ]


def test_a_word_that_is_wider_than_the_line_is_broken():
    found = flow([Piece("x" * 400)], WIDTH, SIZE, 100)
    assert said(found) == "x" * 400
    assert len(found.lines) > 10


def test_characters_that_the_font_lacks_are_spelt_out():
    assert drawable("naïve ✗ 漢") == "naïve ✗ ⟨U+6F22⟩"


def test_measured_widths_are_those_that_matplotlib_draws():
    from matplotlib.textpath import TextPath

    text = "Arched eyebrows, no beard"
    drawn = TextPath((0, 0), text + "|", size=10, prop={"family": "DejaVu Sans"}).get_extents().x1
    assert abs(advance(text + "|", 10) - drawn) < 2
