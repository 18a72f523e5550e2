"""Structure of figure 7: the phrases, their colours and their numbers, recounted from the files of the run."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from reports import gallery, load, paper_answers, style
from reports.gallery import Reply
from reports.marks import Piece, verdict

MARK = "TINY PROFILE · SUBSET of 20"


@pytest.fixture(scope="module")
def run(run_folder):
    return load.read(run_folder)


def asked(run, name):
    return gallery.read(run, next(question for question in run.questions() if question.name == name))


@pytest.fixture(scope="module")
def card(run):
    return paper_answers.chosen(asked(run, "maad"))


@pytest.fixture(scope="module")
def figure(card):
    return paper_answers.answers(card, "MAAD", MARK)


def texts(figure, gid):
    return [text for text in figure.axes[0].texts if (text.get_gid() or "").startswith(gid)]


def block(figure, place, kind):
    return texts(figure, f"answer-{place}-{kind}")


def test_the_sample_is_the_first_that_the_rules_pick_and_whose_picture_is_there(run, card):
    cards = asked(run, "maad").cards
    assert card == next(one for one in cards if one.thumb)
    empty = replace(asked(run, "maad"), cards=())
    gone = replace(asked(run, "maad"), cards=(replace(card, thumb=""), card))
    assert paper_answers.chosen(gone) == card
    assert paper_answers.chosen(empty) is None


def test_every_model_has_a_block_in_the_order_of_the_run(run, figure):
    assert [text.get_text() for text in texts(figure, "model-")] == list(run.models)
    bars = [line.get_color() for line in figure.axes[0].lines]
    assert bars == [style.model_colours(run.models)[model] for model in run.models]


def test_phrases_are_coloured_as_a_recount_from_the_files_says(run, card, figure):
    case = next(case for case in run.cases("maad") if case.sample_id == card.sample_id)
    checked = Counter()
    for place, model in enumerate(run.models):
        prediction = run.predictions(model, "maad")[case.key]
        text = run.responses(model, "maad", {case.key}).kept[case.key].text
        for kind in ("right", "wrong", "undefined"):
            said = [text[m.start : m.end] for m in prediction.mentions if verdict(m, case.gold) == kind]
            drawn = "".join(re.sub(r"[\s✗?]", "", one.get_text()) for one in block(figure, place, kind))
            assert drawn == "".join("".join(said).split())
            checked[kind] += len(said)
        numbers = [texts(figure, f"{kind}-{place}") for kind in ("right", "wrong")]
        if prediction.mentions:
            counted = Counter(verdict(m, case.gold) for m in prediction.mentions)
            assert [found[0].get_text() for found in numbers] == [
                f"right {counted['right']}",
                f"wrong {counted['wrong']}",
            ]
        else:
            assert numbers == [[], []]
    assert min(checked.values()) > 1


def test_right_phrases_are_bold_and_wrong_ones_bear_a_cross(figure):
    for place in range(4):
        assert all(text.get_fontweight() == "bold" for text in block(figure, place, "right"))
        assert all(text.get_color() == style.verdict_colours()["right"] for text in block(figure, place, "right"))
        assert all(text.get_color() == style.verdict_colours()["wrong"] for text in block(figure, place, "wrong"))
        assert "✗" not in "".join(text.get_text() for text in block(figure, place, "plain"))
        if wrong := block(figure, place, "wrong"):
            assert "✗" in "".join(text.get_text() for text in wrong)


def test_nothing_leaves_its_column_or_covers_another_line(figure):
    axes = figure.axes[0]
    for place in range(4):
        left = paper_answers.EDGE + (place % 2) * (paper_answers.NARROW + paper_answers.GUTTER)
        spans = [text for text in axes.texts if (text.get_gid() or "").startswith(f"answer-{place}-")]
        assert all(left < text.get_position()[0] < left + paper_answers.NARROW for text in spans)
        rows = sorted({text.get_position()[1] for text in spans})
        assert all(low + paper_answers.LINE <= high + 1e-6 for low, high in pairwise(rows))
    assert all(0 < text.get_position()[1] < axes.get_ylim()[0] for text in axes.texts)


def test_the_picture_the_question_the_annotation_and_the_mark_are_there(card, figure):
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert MARK in said
    assert f"MAAD · {card.sample_id}" in said
    assert "Asked: Analyze the facial features in this image." in said
    assert "Annotated: " in said
    (picture,) = figure.axes[0].images
    left, right, bottom, top = picture.get_extent()
    assert (right - left, bottom - top) == (paper_answers.FACE, paper_answers.FACE)


def reply(text, **more):
    return Reply("llava-v1.5-7b", "#E69F00", "parsed", (Piece(text),), **more)


def of(*replies):
    card = gallery.Card("1.jpg", (), "", "the image is gone", ("happy",), 0, (), "What is it?", replies)
    return paper_answers.answers(card, "ExpW", "")


def test_a_long_answer_is_cut_and_the_figure_says_so():
    figure = of(reply("many words " * 400), reply("few words"))
    assert [text.get_text() for text in texts(figure, "tail-")] == ["✂ cut here; the numbers count the whole answer"]
    assert len({text.get_position()[1] for text in texts(figure, "answer-0")}) == paper_answers.MOST
    assert "".join(text.get_text() for text in texts(figure, "answer-1")) == "few words"


def test_what_is_no_answer_says_why():
    failed = Reply("a", "#000000", "failed", error="image gone.jpg does not exist")
    refused = Reply("b", "#000000", "refused", (Piece("I cannot."),))
    empty = Reply("c", "#000000", "unparsed")
    figure = of(failed, refused, empty)
    assert [text.get_text() for text in texts(figure, "status-")] == ["failed", "refused", "unparsed"]
    assert [text.get_text() for text in texts(figure, "tail-")] == [
        "image gone.jpg does not exist",
        "(the answer is empty)",
    ]


def test_hostile_answers_are_text(hostile):
    figure = of(reply(style.visible(hostile["bidi"]) + hostile["script"] + "$\\frac{1}$ 漢"))
    drawn = style.svg(figure, "x", "hostile")
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    assert "⟨U+6F22⟩" in "".join(text.get_text() for text in texts(figure, "answer-0"))


def test_words_hold_the_numbers(card):
    words = paper_answers.answers_in_words(card, "MAAD")
    for one in card.replies:
        assert (
            f"{one.model}: " + (f"right {one.right} / wrong {one.wrong}" if one.right or one.wrong else one.status)
            in words
        )
