"""A question as asks: every label has its option, every option its label, and the words are those of the question."""

import pytest

from tasks.asks import offer
from tasks.labels import label_space
from tasks.registry import QUESTIONS
from tests.quirks import options

ASKED = [QUESTIONS[name] for name in QUESTIONS] + [
    question.under(options(**{question.dataset: {question.choice: value}}))
    for question in QUESTIONS.values()
    for value in question.spaces
]


@pytest.mark.parametrize("question", ASKED, ids=lambda one: one.space)
def test_each_label_is_an_option_of_one_ask(question):
    asked, space = offer(question), label_space(question.space)
    named = [label for ask in asked.asks for label in ask.labels if label is not None]
    assert named == list(space.labels)
    for ask in asked.asks:
        assert len(ask.options) == len(ask.labels) == len(set(ask.options))
        shown = [name for name, label in zip(space.display, space.labels, strict=True) if label in ask.labels]
        assert all(name in ask.text for name in shown)


@pytest.mark.parametrize("question", ASKED, ids=lambda one: one.space)
def test_words(question):
    asked, plain = offer(question), question.render().text
    if label_space(question.space).kind == "attributes":
        assert {ask.options for ask in asked.asks} == {("Yes", "No")}
        assert len({ask.text for ask in asked.asks}) == len(asked.asks)
    else:
        (ask,) = asked.asks
        first, *lines, last = ask.text.splitlines()
        assert plain.startswith(first)
        wanted = zip(ask.options, label_space(question.space).display, strict=True)
        assert lines == [f"{letter}. {name}" for letter, name in wanted]
        assert last == "Answer with the letter of one of them."
