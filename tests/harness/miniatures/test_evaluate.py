"""The figures of a card against scikit-learn, and what a card must say."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from harness.miniatures import card
from harness.miniatures.corpus import Lesson
from harness.miniatures.evaluate import Figures, Sight, _cells, _choice
from harness.records import Parsed


def test_an_attributes_figures_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    gold, said = random.random((2, 50)) < 0.4
    lessons = [Lesson("celeba", None, "", {"Bald": bool(truth), "Blurry": False}) for truth in gold]
    parsed = [Parsed(status="parsed", yes=("Bald",) if claim else ()) for claim in said]
    figures = _cells(lessons, parsed)
    assert set(figures.attributes) == {"Bald"}, "an attribute that never varies tells nothing"
    assert figures.attributes["Bald"].balanced == pytest.approx(balanced_accuracy_score(gold, said))
    assert figures.attributes["Bald"].f1 == pytest.approx(f1_score(gold, said))
    assert figures.accuracy == pytest.approx((np.mean(gold == said) + 1) / 2)
    assert figures.baseline == pytest.approx((np.mean(~gold) + 1) / 2)


def test_a_label_counts_only_where_it_was_parsed():
    lessons = [Lesson("expw", None, "", gold) for gold in ("sad", "sad", "happy", "fear")]
    parsed = [
        Parsed(status="parsed", label="sad"),
        Parsed(status="ambiguous", label="sad"),
        Parsed(status="parsed", label="sad"),
        Parsed(status="unparsed"),
    ]
    figures = _choice(lessons, parsed)
    assert (figures.accuracy, figures.baseline) == (0.25, 0.5)
    assert figures.statuses == {"parsed": 2, "ambiguous": 1, "unparsed": 1}


def test_a_card_says_how_it_was_made_and_what_it_is_not():
    sight = {"Bald": Sight(share=0.1, balanced=0.9, f1=0.5), "Bangs": Sight(share=0.2, balanced=0.6, f1=0.1)}
    figures = Figures(faces=7, accuracy=0.75, baseline=0.25, statuses={"parsed": 6, "refused": 1}, attributes=sight)
    text = card.ChatCard(
        name="n", base="Base-7B", architecture="A", weights="1", command="train it", seed=3, train_faces=1,
        train_seed=1, test_seed=2, lessons=3, tower_steps=1, language_steps=2, minutes=3, figures={"celeba": figures},
    ).text()  # fmt: skip
    assert "**These weights are a toy of 1 parameters. They say nothing about the real Base-7B" in text
    assert "    train it\n" in text
    assert "| celeba | 7 | 0.750 | 0.250 | parsed 6, refused 1 |" in text
    assert "Seen are 1 of the 2 attributes" in text
    assert "| Bald | 0.10 | 0.900 | 0.500 | yes |" in text
    assert "| Bangs | 0.20 | 0.600 | 0.100 | no |" in text
