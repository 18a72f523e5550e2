"""`parse SPACE`: one line in, one JSON object out, whatever the line holds."""

import io
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, UnknownNameError
from harness.records import STATUSES
from harness.replies import parse_lines


def parsed(space: str, lines: Sequence[str]) -> list[dict[str, object]]:
    return list(parse_lines(io.StringIO("".join(f"{line}\n" for line in lines)), space))


def test_plain_lines_and_json_lines_give_the_same():
    reply = "The person is female."
    expected = {"status": "parsed", "label": "Female"}
    assert parsed("fairface.gender", [reply, json.dumps({"reply": reply, "id": 7})]) == [expected, expected]


def test_attribute_spaces_give_yes_no_and_contradictions():
    (found,) = parsed("celeba", ["She has no beard but a goatee, and wears glasses."])
    assert set(found) == {"status", "yes", "no", "contradictions"}
    assert "Eyeglasses" in found["yes"]
    assert found["contradictions"] == [["Goatee", "No_Beard"]]


def test_a_json_answer_is_a_reply_and_finish_is_read():
    answers = parsed("fairface.gender", ['{"gender": "female"}', '{"reply": "", "finish": "failed"}', "[1"])
    assert [row["status"] for row in answers] == ["parsed", "failed", "unparsed"]
    assert answers[0]["label"] == "Female"


def test_an_empty_line_is_an_empty_reply():
    assert parsed("expw", ["", "happy"]) == [
        {"status": "unparsed", "label": None},
        {"status": "parsed", "label": "happy"},
    ]


@pytest.mark.parametrize("line", ['{"reply": 3}', '{"reply": "x", "finish": "later"}', '{"reply": "x", "finish": []}'])
def test_a_malformed_row_is_named(line: str):
    with pytest.raises(DataError, match="line 2 of the input"):
        parsed("expw", ["fine", line])


def test_a_misspelt_space_gets_a_guess():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'fairface\.age'"):
        parsed("fairface.aeg", ["25"])


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5))
def test_every_line_gets_exactly_one_valid_row(lines: list[str]):
    fine = [line for line in lines if '"reply"' not in line]
    rows = parsed("utkface.race", fine)
    assert len(rows) == len(fine)
    assert all(row["status"] in STATUSES for row in rows)
