"""The picture of the correlation map: as many cells, edges, names and bars as the numbers have."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reports import style
from reports.correlation import drawn, heat_map


@st.composite
def maps(draw) -> np.ndarray:
    """p [K, K] in which some characteristics are never present and some pairs unknown."""
    size = draw(st.integers(1, 12))
    shares = draw(arrays.arrays(float, (size, size), elements=st.floats(0, 1) | st.just(np.nan)))
    np.fill_diagonal(shares, 1)
    absent = draw(arrays.arrays(bool, size))
    shares[absent] = np.nan
    return shares


def edges_of(shares: np.ndarray, tau: float) -> np.ndarray:
    return (np.nan_to_num(shares, nan=-1) >= tau) & ~np.eye(len(shares), dtype=bool)


def parts(figure):
    bars, cells = figure.axes[:2]
    (dots,) = (mark for mark in cells.collections if mark.get_gid() == "edges")
    return bars, cells, dots


@given(maps(), st.floats(0.05, 1))
@settings(deadline=None, max_examples=30)
def test_every_cell_edge_and_bar_that_is_drawn_is_in_the_numbers_and_the_other_way_round(shares, tau):
    edges = edges_of(shares, tau)
    names = [f"name {place}" for place in range(len(shares))]
    bars, cells, dots = parts(heat_map(shares, edges, names, tau))
    places = [place for place in range(len(shares)) if shares[place, place] == 1]
    assert drawn(shares).tolist() == places
    labels = [names[place] for place in places]
    assert [text.get_text() for text in cells.get_yticklabels()] == labels
    assert [text.get_text() for text in cells.get_xticklabels()] == labels
    if places:
        shown = cells.images[0].get_array()
        expected = shares[np.ix_(places, places)]
        assert (np.ma.getmaskarray(shown) == np.isnan(expected)).all()
        assert (shown.filled(-1) == np.nan_to_num(expected, nan=-1)).all()
    marked = {(places[int(row)], places[int(column)]) for column, row in dots.get_offsets()}
    assert len(dots.get_offsets()) == len(marked)
    assert marked == {(i, j) for i in places for j in places if edges[i, j]}
    assert [bar.get_height() for bar in bars.patches] == [edges[:, place].sum() for place in places]


def test_eighty_names_do_not_overlap_and_are_written_plainly():
    shares = np.full((80, 80), 0.5)
    np.fill_diagonal(shares, 1)
    figure = heat_map(shares, edges_of(shares, 0.4), [f"A_Long_Name_{place}" for place in range(80)], 0.4)
    with style.look():
        figure.canvas.draw()
    _, cells, dots = parts(figure)
    boxes = [text.get_window_extent() for text in cells.get_yticklabels()]
    assert cells.get_yticklabels()[3].get_text() == "A Long Name 3"
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes))
    assert len(dots.get_offsets()) == 80 * 79


@pytest.mark.parametrize("size", [0, 3])
def test_a_map_of_nothing_is_still_a_picture(size, tmp_path):
    figure = heat_map(np.full((size, size), np.nan), np.zeros((size, size), dtype=bool), ["a", "b", "c"][:size], 0.4)
    with style.look():
        figure.savefig(tmp_path / "map.svg")
    assert "<svg" in (tmp_path / "map.svg").read_text()


def test_ink_can_be_read_on_every_shade():
    for share in np.linspace(0, 1, 11):
        red, green, blue, _ = style.shades()(share)
        assert 0.299 * red + 0.587 * green + 0.114 * blue > 140 / 255
    unknown = style.shades()(np.ma.masked_invalid([np.nan]))[0]
    assert min(np.abs(unknown - style.shades()(share)).max() for share in np.linspace(0, 1, 101)) > 0.05
