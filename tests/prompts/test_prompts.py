"""Prompts: rendered words are pinned, so that a changed question is seen in a diff; a missing value raises."""

import pytest

import prompts
from harness.errors import PromptError, UnknownNameError
from tasks.registry import QUESTIONS

EXPRESSIONS = "angry, disgust, fear, happy, sad, surprise, neutral"
WORDS = {
    "maad": "Analyze the facial features in this image.",
    "celeba": "Analyze the facial features in this image.",
    "fairface.age": "Which age group does the person in this image belong to? "
    "Choose one of: 0-2, 3-9, 10-19, 20-29, 30-39, 40-49, 50-59, 60-69, more than 70.",
    "fairface.gender": "What is the gender of the person in this image? Choose one of: Male, Female.",
    "fairface.race": "What is the race of the person in this image? "
    "Choose one of: White, Black, Latino Hispanic, East Asian, Southeast Asian, Indian, Middle Eastern.",
    "utkface.age": "Which age group does the person in this image belong to? "
    "Choose one of: 0-9, 10-19, 20-29, 30-39, 40-49, 50-59, 60-69, 70+.",
    "utkface.gender": "What is the gender of the person in this image? Choose one of: Male, Female.",
    "utkface.race": "What is the race of the person in this image? Choose one of: White, Black, Asian, Indian, Others.",
    "expw": f"What is the facial expression of the person in this image? Choose one of: {EXPRESSIONS}.",
    "raf-db": f"What is the facial expression of the person in this image? Choose one of: {EXPRESSIONS}.",
}


def test_every_question_is_pinned():
    assert set(WORDS) == set(QUESTIONS)


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str):
    assert QUESTIONS[name].render().text == WORDS[name]


VALUES = {"choice/letter": "question", "choice/yes-no": "attribute"}


@pytest.mark.parametrize("template", [name for name in prompts.names() if name != "attr/describe"])
def test_a_missing_value_raises(template: str):
    with pytest.raises(PromptError, match=VALUES.get(template, "labels")):
        prompts.render(template)


def test_options_stand_where_the_labels_stood():
    asked = prompts.render("choice/letter", question="agr/gender", options=(("A", "Male"), ("B", "Female")))
    assert asked.text == (
        "What is the gender of the person in this image?\nA. Male\nB. Female\nAnswer with the letter of one of them."
    )
    assert prompts.render("choice/yes-no", attribute="Big Nose").text == (
        'Is "Big Nose" true of the face in this image? Answer yes or no.'
    )


def test_a_template_with_options_is_told_apart_by_its_question_too():
    first, second = (prompts.render("choice/letter", question=name, options=()) for name in ("agr/age", "agr/race"))
    assert first.template_hash != second.template_hash


def test_a_misspelt_template_gets_a_guess():
    with pytest.raises(UnknownNameError, match="Did you mean 'agr/age'"):
        prompts.render("agr/aeg", labels=())


def test_the_hash_is_of_the_template_not_of_the_words():
    first = prompts.render("agr/gender", labels=("Male", "Female"))
    second = prompts.render("agr/gender", labels=("F", "M"))
    assert first.template_hash == second.template_hash
    assert first.text != second.text
    assert prompts.render("agr/race", labels=()).template_hash != first.template_hash


def test_a_value_is_words_and_no_template():
    assert "{{ 7 * 7 }}" in prompts.render("agr/gender", labels=("{{ 7 * 7 }}",)).text
