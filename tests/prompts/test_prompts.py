"""Prompts: rendered words are pinned, so that a changed question is seen in a diff; a missing value raises."""

import pytest

import prompts
from harness.errors import PromptError, UnknownNameError
from tasks.labels import label_space
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


@pytest.mark.parametrize("template", [name for name in prompts.names() if not name.startswith("attr/describe")])
def test_a_missing_value_raises(template: str):
    with pytest.raises(PromptError, match=VALUES.get(template.partition(".")[0], "labels")):
        prompts.render(template)


TEMPLATES = sorted({asked.prompt for asked in QUESTIONS.values()})


@pytest.mark.parametrize("template", [*TEMPLATES, "choice/yes-no"])
def test_every_question_has_the_papers_words_and_three_others(template: str):
    assert prompts.variants(template) == ("paper", "polite", "strict", "terse")
    given = {"labels": ("one", "two"), "attribute": "a hat"}
    texts = {prompts.render(prompts.worded(template, variant), **given).text for variant in prompts.variants(template)}
    assert len(texts) == 4


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "attr/describe"])
def test_every_wording_offers_the_same_labels_in_the_same_order(template: str):
    labels = ("a first one", "a second", "and a third")
    for variant in prompts.variants(template):
        name = prompts.worded(template, variant)
        assert prompts.render(name, labels=labels).text.count(", ".join(labels)) == 1
        options = tuple(zip("ABC", labels, strict=True))
        first, *rest = prompts.render("choice/letter", question=name, options=options).text.splitlines()
        assert rest == ["A. a first one", "B. a second", "C. and a third", "Answer with the letter of one of them."]
        assert prompts.render(name, labels=labels).text.startswith(first)
        assert not any(label in first for label in labels)


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_wording_says_more_than_the_papers_about_what_is_seen(template: str):
    """A wording that names a label of its own would put it into the answer."""
    named = {asked.space for asked in QUESTIONS.values() if asked.prompt == template}
    for variant in prompts.variants(template):
        text = prompts.render(prompts.worded(template, variant), labels=("...",)).text.casefold()
        for space in map(label_space, named):
            assert not [label for label in space.display if f" {label.casefold()} " in f" {text} "]


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
