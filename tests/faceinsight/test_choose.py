"""Of several faces the largest is chosen, of equal ones the one nearest to the middle."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceinsight.parsing import choose

boxes = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 40)] * 2).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def aside(box):
    return (box[0] + box[2] - 100) ** 2 + (box[1] + box[3] - 80) ** 2


@given(rects=st.lists(boxes, min_size=1, max_size=6))
def test_no_other_face_is_larger_or_as_large_and_nearer_to_the_middle(rects):
    chosen = rects[choose(np.array(rects, float), (100, 80))]
    assert (area(chosen), -aside(chosen)) == max((area(box), -aside(box)) for box in rects)


@given(rects=st.lists(boxes, min_size=1, max_size=6, unique_by=lambda box: (area(box), aside(box))), data=st.data())
def test_the_order_of_the_faces_does_not_matter(rects, data):
    turned = data.draw(st.permutations(rects))
    one, other = (np.array(each, float) for each in (rects, turned))
    assert rects[choose(one, (100, 80))] == turned[choose(other, (100, 80))]


@given(rects=st.lists(boxes, min_size=1, max_size=6), more=st.integers(1, 5))
def test_a_smaller_face_more_changes_nothing(rects, more):
    chosen = choose(np.array(rects, float), (100, 80))
    left, top, right, bottom = rects[chosen]
    inner = (left + (right - left) / 4, top, right, bottom)
    assert choose(np.array([*rects, *[inner] * more], float), (100, 80)) == chosen
