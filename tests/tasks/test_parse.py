"""The parser's specification is a table, replies.jsonl: each row is a test."""

import json
from pathlib import Path

import pytest

from tasks.labels import SPACE_NAMES, label_space
from tasks.parse import parse

ROWS = [json.loads(line) for line in Path(__file__).with_name("replies.jsonl").read_text(encoding="utf-8").splitlines()]


def name_of(number: int, row: dict) -> str:
    words = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in row["reply"][:32])
    return f"{number}-{row['space']}-{words.strip('-') or 'blank'}"


@pytest.mark.parametrize("row", [pytest.param(row, id=name_of(number, row)) for number, row in enumerate(ROWS, 1)])
def test_a_reply_says_what_a_careful_reader_would_say(row: dict) -> None:
    parsed = parse(row["reply"], label_space(row["space"]), row.get("finish", "stop"))
    expected = (row["status"], row.get("label"), row.get("yes", []), row.get("no", []))
    assert (parsed.status, parsed.label, list(parsed.yes), list(parsed.no)) == expected, row.get("note", "")
    if "contradictions" in row:
        assert [list(pair) for pair in parsed.contradictions] == row["contradictions"]


def test_the_table_is_large_and_covers_every_space_and_status() -> None:
    assert len(ROWS) >= 330
    assert {row["space"] for row in ROWS} == set(SPACE_NAMES)
    assert len({row["status"] for row in ROWS}) == 6
    assert len({(row["space"], row["reply"], row.get("finish")) for row in ROWS}) == len(ROWS)


def test_mentions_point_at_the_words() -> None:
    reply = "İ said: she’s smiling — no “beard”, dark\u00a0brown hair."
    parsed = parse(reply, label_space("celeba"))
    phrases = {(mention.label, mention.value): reply[mention.start : mention.end] for mention in parsed.mentions}
    assert phrases["Smiling", True] == "smiling"
    assert phrases["Brown_Hair", True] == "brown hair"
    assert phrases["Male", False] == "she"
    assert reply[reply.index("beard") :].startswith(phrases["No_Beard", True].removeprefix("no “"))


def test_a_contradiction_is_counted_once_and_settles_nothing() -> None:
    parsed = parse("He is smiling. He is not smiling. He is young.", label_space("celeba"))
    assert parsed.contradictions == (("Smiling", "Smiling"),)
    assert "Smiling" not in parsed.yes + parsed.no
    assert "Young" in parsed.yes


def test_exclusive_attributes_stay_named_and_are_counted() -> None:
    parsed = parse("Black hair, blond hair, a goatee and no beard.", label_space("celeba"))
    assert parsed.contradictions == (("Black_Hair", "Blond_Hair"), ("Goatee", "No_Beard"))
    assert set(parsed.yes) == {"Black_Hair", "Blond_Hair", "Goatee", "No_Beard"}


def test_an_overruled_hint_is_no_mention():
    reply = "- Facial hair: no beard"
    found = parse(reply, label_space("maad"))
    assert found.yes == ("No_Beard",)
    assert [(reply[one.start : one.end], one.value) for one in found.mentions] == [("no beard", True)]


def test_a_far_adjective_is_shown_without_its_noun():
    reply = "Her hair, which falls down to the shoulders, is blond."
    shown = [reply[one.start : one.end] for one in parse(reply, label_space("celeba")).mentions]
    assert "blond" in shown
    assert not any("shoulders" in phrase for phrase in shown)
