"""Laws of the parser, for any text."""

import json
from itertools import chain
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.records import Parsed
from tasks.labels import SPACE_NAMES, LabelSpace, label_space
from tasks.parse import parse, scope
from tasks.parse.text import _TOKEN, _levelled, cut, words

SPACES = st.sampled_from(SPACE_NAMES).map(label_space)
FINISHES = st.sampled_from(["stop", "length", "failed"])
CHOICES = [name for name in SPACE_NAMES if label_space(name).kind != "attributes"]
ATTRIBUTES = [name for name in SPACE_NAMES if label_space(name).kind == "attributes"]
TABLE = Path(__file__).parents[1] / "tasks" / "replies.jsonl"
REPLIES = [json.loads(line)["reply"] for line in TABLE.read_text(encoding="utf-8").splitlines()]

_SMALL_WORDS = [
    "\n", "not", "no", "without", "either", "or", "and", "but", ",", ".", ":", "?",
    "-", "(", ")", "|", "{", "}", "\"", "'", "*", "answer", "Answer:", "the",
    "is", "are", "she", "he", "man", "woman", "possibly", "likely", "whether", "neither", "nor", "hair",
    "black", "white", "eyes", "years", "old", "25", "20-29", "over", "70", "yes", "no", "true",
    "false", "İ", "ß", "–", "’", "i'm", "sorry", "can't",
]  # fmt: skip


def phrases(space: LabelSpace) -> list[str]:
    tables = (space.words, space.weak, space.denials, space.opposites, space.hints, space.hints_against)
    tables += (space.pronouns, space.pronouns_against)
    return [*space.labels, *space.elsewhere, *chain.from_iterable(chain(*table.values()) for table in tables)]


WORDS = sorted({*_SMALL_WORDS, *chain.from_iterable(phrases(label_space(name)) for name in SPACE_NAMES)})


def consistent(space: LabelSpace) -> st.SearchStrategy[list[str]]:
    """Labels in any order, no two of them exclusive."""

    def without_exclusive(labels: list[str]) -> list[str]:
        kept: list[str] = []
        for label in labels:
            if not any({label, other} == set(pair) for other in kept for pair in space.exclusive):
                kept.append(label)
        return kept

    return st.lists(st.sampled_from(space.labels), min_size=1, unique=True).map(without_exclusive)


SENTENCES = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
TEXTS = st.one_of(st.text(max_size=200), SENTENCES, st.sampled_from(REPLIES))


def known_words(space: LabelSpace) -> set[str]:
    """Every word of the data that may name something in this space."""
    tables = (space.words, space.weak, space.short, space.denials, space.counterparts, space.opposites)
    named = [*space.labels, *chain.from_iterable(chain(*table.values()) for table in tables)]
    hints = (space.hints, space.hints_against, space.pronouns, space.pronouns_against)
    named += chain(*chain(*(table.values() for table in hints)))
    for head in space.heads:
        named += chain(head.nouns, *chain(*(table.values() for table in (head.yes, head.no, head.against))))
    return {word for phrase in named for word in words(phrase)}


WORDS_OF = {name: known_words(label_space(name)) for name in SPACE_NAMES}


def check(parsed: Parsed, space: LabelSpace, reply: str) -> None:
    """What holds of every result."""
    assert all(0 <= mention.start < mention.end <= len(reply) for mention in parsed.mentions)
    assert {mention.label for mention in parsed.mentions} <= set(space.labels)
    assert not set(parsed.yes) & set(parsed.no)
    if space.kind == "attributes":
        said = {(mention.label, mention.value) for mention in parsed.mentions}
        assert parsed.label is None
        assert {(label, True) for label in parsed.yes} | {(label, False) for label in parsed.no} <= said
        assert [*parsed.yes] == sorted(parsed.yes, key=space.labels.index)
        assert parsed.status != "parsed" or parsed.yes or parsed.no
        assert parsed.status not in ("unparsed", "refused", "ambiguous") or not (parsed.yes or parsed.no)
    else:
        assert (parsed.label is not None) == (parsed.status == "parsed")
        assert parsed.label is None or parsed.label in {mention.label for mention in parsed.mentions}
        assert (parsed.yes, parsed.no, parsed.contradictions) == ((), (), ())


@given(TEXTS, SPACES, FINISHES)
@settings(max_examples=600, deadline=None)
def test_any_text_gives_a_consistent_result(reply: str, space: LabelSpace, finish: str) -> None:
    parsed = parse(reply, space, finish)
    check(parsed, space, reply)
    assert parsed == parse(reply, space, finish)
    if finish == "failed":
        assert parsed == Parsed(status="failed")


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_words_that_the_scopes_pass_over_change_nothing(reply: str) -> None:
    texts = cut(reply).texts
    with mock.patch.object(scope, "_turns", return_value=frozenset(texts)):
        every = scope.scopes(texts)
    assert scope.scopes(texts) == every


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_word_stands_where_it_was_cut(reply: str) -> None:
    found = cut(reply)
    places = [match.span() for match in _TOKEN.finditer(_levelled(reply))]
    assert [found.span(place, place + 1) for place in range(len(found.texts))] == places


@given(TEXTS, SPACES)
@settings(max_examples=400, deadline=None)
def test_a_named_label_is_named_by_words_of_the_text(reply: str, space: LabelSpace) -> None:
    for mention in parse(reply, space).mentions:
        said = set(words(reply[mention.start : mention.end]))
        numbers = space.kind == "ages"
        assert numbers or said & WORDS_OF[space.name]


@given(
    SENTENCES.filter(str.isascii),
    SPACES,
    st.sampled_from(["", " ", "\n", "  \n\t"]),
    st.sampled_from(["", ".", " .", "!"]),
)
@settings(max_examples=400, deadline=None)
def test_case_and_surroundings_change_nothing(text: str, space: LabelSpace, margin: str, end: str) -> None:
    plain = parse(text, space)
    # Capitals tell a list of names from prose ("White, Wavy Hair"), so of attributes only the two plain cases agree.
    if space.kind == "attributes":
        text = text.lower()
        plain = parse(text, space)
    for other in (text.upper(), text.lower(), margin + text + margin):
        changed = parse(other, space)
        assert (changed.status, changed.label, changed.yes, changed.no) == (
            plain.status,
            plain.label,
            plain.yes,
            plain.no,
        )
    if plain.status == "parsed" and text.strip()[-1:].isalnum() and space.kind != "attributes":
        assert parse(text.strip() + end, space).label == plain.label


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize(
    "frame", ["{}", " {}. ", "**{}**", "Answer: {}", "The answer is {}.", '"{}"', "({})", "- {}\n"]
)
def test_every_label_names_itself(name: str, frame: str) -> None:
    space = label_space(name)
    for label, shown in zip(space.labels, space.display, strict=True):
        for text in {label, shown, label.upper(), label.lower()}:
            assert parse(frame.format(text), space).label == label, frame.format(text)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_names_itself_and_can_be_denied(name: str) -> None:
    space = label_space(name)
    for label in space.labels:
        assert label in parse(label, space).yes
        assert parse(f"{label}: Yes", space).yes[:] == parse(label, space).yes
        assert label in parse(f"- **{label.replace('_', ' ')}**: No", space).no
        assert label in parse(json.dumps({label: False}), space).no


SUBSETS = (
    st.sampled_from(ATTRIBUTES).map(label_space).flatmap(lambda space: st.tuples(st.just(space), consistent(space)))
)
LISTS = {
    "spaces": lambda labels: ", ".join(label.replace("_", " ") for label in labels),
    "underscores": ", ".join,
    "lower case with underscores": lambda labels: ", ".join(labels).lower(),
    "sentence": lambda labels: f"The attributes are: {', '.join(label.replace('_', ' ') for label in labels)}.",
    "and": lambda labels: " and ".join(", ".join(label.replace("_", " ") for label in labels).rsplit(", ", 1)),
    "semicolons": lambda labels: "; ".join(label.replace("_", " ") for label in labels),
    "JSON": lambda labels: json.dumps({"attributes": labels}),
    "lines": lambda labels: "\n".join(f"- {label.replace('_', ' ')}" for label in labels),
}


@given(SUBSETS, st.sampled_from(sorted(LISTS)))
@settings(max_examples=150, deadline=None)
def test_a_list_of_attributes_says_exactly_these(chosen: tuple[LabelSpace, list[str]], style: str) -> None:
    space, labels = chosen
    parsed = parse(LISTS[style](labels), space)
    assert (set(parsed.yes), parsed.contradictions) == (set(labels), ()), LISTS[style](labels)


TABLES = {
    "bullets": lambda label, there: f"- {label.replace('_', ' ')}: {'Yes' if there else 'No'}",
    "bold": lambda label, there: f"* **{label}**: {'Yes' if there else 'No'}",
    "rows": lambda label, there: f"| {label.replace('_', ' ')} | {'yes' if there else 'no'} |",
    "boxes": lambda label, there: f"- [{'x' if there else ' '}] {label.replace('_', ' ')}",
}


@given(SUBSETS, st.sampled_from([*sorted(TABLES), "JSON", "indented JSON"]))
@settings(max_examples=150, deadline=None)
def test_a_table_of_attributes_says_exactly_this(chosen: tuple[LabelSpace, list[str]], style: str) -> None:
    space, labels = chosen
    gold = {label: label in labels for label in space.labels}
    if style in TABLES:
        reply = "\n".join(TABLES[style](label, there) for label, there in gold.items())
    else:
        reply = json.dumps(gold, indent=2 if style == "indented JSON" else None)
    parsed = parse(reply, space)
    assert {**dict.fromkeys(parsed.yes, True), **dict.fromkeys(parsed.no, False)} == gold
    assert parsed.contradictions == ()


FRAMES = [
    "The person appears to be {}.",
    "**{}**",
    "{}.",
    "Answer: {}",
    "Answer: **{}**",
    "I would say {}",
    "I would say {}.",
    '{{"answer": "{}"}}',
    "The correct answer is {}.",
    "Final answer: {}",
    "Most likely {}.",
    "I believe the answer is {}.",
    "It is {}.",
    "\u201c{}\u201d",
    "{}\n\nThe picture was taken outdoors, with trees and a car in the background.",
    "{}</s>",
    "### Answer\n{}",
    "The most fitting category for the face is: {}.",
]


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("frame", FRAMES)
def test_every_label_is_read_in_a_sentence(name: str, frame: str) -> None:
    space = label_space(name)
    for shown in {*space.labels, *space.display}:
        assert parse(frame.format(shown), space).label == shown.replace(" ", "_" if shown == "Latino Hispanic" else " ")


@pytest.mark.parametrize("name", CHOICES)
def test_every_phrase_of_a_label_names_it(name: str) -> None:
    space = label_space(name)
    for table in (space.words, space.weak):
        for label, found in table.items():
            assert {phrase: parse(phrase, space).label for phrase in found} == dict.fromkeys(found, label)


@pytest.mark.parametrize("name", CHOICES)
def test_a_denied_label_is_never_returned(name: str) -> None:
    space = label_space(name)
    for label in space.display:
        assert parse(f"It is not {label}.", space).label is None
