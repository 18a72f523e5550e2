"""The parser reads a megabyte of anything in linear time."""

import time

import pytest

from tasks.labels import label_space
from tasks.parse import parse

HOSTILE = {
    "one word": "a" * 1_000_000,
    "signs": ".:,(" * 250_000,
    "lines": "\n" * 1_000_000,
    "numbers": "20-" * 333_333,
    "negations": "no not without " * 66_666,
    "answers": "Answer: Male or Female " * 45_000,
    "keys": "gender: age: race: hair: expression: " * 27_000,
    "hair": "black hair " * 90_000,
    "adjectives": "black " * 160_000 + "hair",
    "things": "no glasses" + ", hat" * 200_000,
    "second choices": "happy is possible " * 55_000,
    "asides": "hair, unlike his beard, is " * 37_000,
    "names": "White, Wavy Hair and " * 47_000,
    "headings": "\nhair\n- color: " * 60_000,
    "labels": "male female white black asian happy sad smiling " * 20_000,
    "apostrophes": "n't'" * 250_000,
    "hyphens": "-a" * 500_000,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_a_megabyte_of_anything_is_read_quickly(text: str) -> None:
    for name in ("celeba", "fairface.age", "fairface.gender"):
        space = label_space(name)
        parse("warm", space)
        start = time.process_time()
        parse(text, space)
        assert time.process_time() - start < 2.0


def test_a_long_reply_is_read_at_both_ends() -> None:
    space = label_space("fairface.gender")
    assert parse("blah " * 200_000 + "Answer: Female", space).label == "Female"
    assert parse("Answer: Female. " + "blah " * 200_000, space).label == "Female"
