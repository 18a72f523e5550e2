"""The floors that look at no picture, against the scorer's baseline, scikit-learn and the chi-square test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import chisquare
from sklearn.dummy import DummyClassifier

from adapters.fitted import Fitted, Head, reach
from adapters.rates import Majority, Prior
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request
from tasks.labels import label_space
from tasks.metrics import Attributes, Labels, baseline, metrics
from tasks.parse import parse

RACES = label_space("fairface.race").labels
CELEBA = label_space("celeba").labels


def folder(path, heads):
    found = Fitted(
        model_type="majority", what="", command="", answers_in=reach(tuple(heads)), heads=heads, sources={}, seed=0,
        versions={},
    )  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(found.model_dump_json())
    return str(path)


def of_labels(space, gold):
    labels = label_space(space).labels
    present = np.bincount(gold, minlength=len(labels))
    return Head(labels=labels, present=tuple(present.tolist()), annotated=(len(gold),) * len(labels))


def replies(model, space, keys):
    asked = [Request(key=key, sample_id=key, image=ImageRef(path="x"), text="?", space=space) for key in keys]
    blank = model.image(Image.new("RGB", (4, 4)))
    return model.answer(model.inputs([blank] * len(keys), asked), Decoding())


@settings(max_examples=30, deadline=None)
@given(gold=st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_majority_is_the_scorers_baseline_where_training_is_the_test(tmp_path_factory, gold):
    gold = np.array(gold)
    source = folder(tmp_path_factory.mktemp("m"), {"fairface.race": of_labels("fairface.race", gold)})
    (reply,) = replies(Majority(source, "cpu"), "fairface.race", ["k"])
    said = RACES.index(parse(reply.text, label_space("fairface.race")).label)
    answers = Labels(gold, np.full_like(gold, said), len(RACES))
    assert metrics(answers) == baseline(answers)
    assert reply.label_scores == pytest.approx({label: np.mean(gold == place) for place, label in enumerate(RACES)})


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), faces=st.integers(1, 30))
def test_majority_of_attributes_is_scikit_learns_and_no_worse_than_silence(tmp_path_factory, seed, faces):
    luck = np.random.default_rng(seed)
    truth, mask = luck.random((faces, 40)) < luck.random(40), luck.random((faces, 40)) < 0.8
    head = Head(labels=CELEBA, present=tuple((truth & mask).sum(0).tolist()), annotated=tuple(mask.sum(0).tolist()))
    (reply,) = replies(Majority(folder(tmp_path_factory.mktemp("m"), {"celeba": head}), "cpu"), "celeba", ["k"])
    yes = set(parse(reply.text, label_space("celeba")).yes)
    wanted = set()
    for place, label in enumerate(CELEBA):
        known = truth[mask[:, place], place]
        # scikit-learn takes the first class in a tie, which is False, and knows nothing of a column nobody annotated.
        if len(known) and DummyClassifier(strategy="most_frequent").fit(known[:, None], known).predict([[0]])[0]:
            wanted.add(label)
        assert reply.label_scores[label] == pytest.approx(known.mean() if len(known) else 0)
    assert yes == wanted
    predicted = np.tile([label in yes for label in CELEBA], (faces, 1))
    answers = Attributes(truth, mask, predicted, np.ones(faces, dtype=bool))
    if mask.any():
        assert metrics(answers)["accuracy"] >= baseline(answers)["accuracy"]


def test_the_draws_have_the_frequencies_of_the_training_split(tmp_path):
    counts = np.array([50, 20, 10, 10, 5, 5, 0])
    gold = np.repeat(np.arange(7), counts)
    model = Prior(folder(tmp_path, {"fairface.race": of_labels("fairface.race", gold)}), "cpu")
    found = replies(model, "fairface.race", [f"key {number}" for number in range(4000)])
    said = [parse(reply.text, label_space("fairface.race")).label for reply in found]
    drawn = np.array([said.count(label) for label in RACES])
    assert drawn[-1] == 0
    assert chisquare(drawn[:-1], 40 * counts[:-1]).pvalue > 0.001


def test_attributes_are_drawn_each_by_its_rate_and_by_itself(tmp_path):
    present = tuple(int(100 * share) for share in np.linspace(0, 1, 40))
    head = Head(labels=CELEBA, present=present, annotated=(100,) * 40)
    found = replies(Prior(folder(tmp_path, {"celeba": head}), "cpu"), "celeba", [f"{number}" for number in range(2000)])
    named = [set(parse(reply.text, label_space("celeba")).yes) for reply in found]
    said = np.array([[label in yes for label in CELEBA] for yes in named])
    rates = np.array(present) / 100
    assert np.abs(said.mean(0) - rates).max() < 0.05
    assert (said[:, 0].any(), said[:, -1].all()) == (False, True)
    between = np.corrcoef(said[:, 1:-1].T) - np.eye(38)
    assert np.abs(between).max() < 0.12


def test_the_same_key_says_the_same_and_another_draws_anew(tmp_path):
    model = Prior(folder(tmp_path, {"fairface.race": of_labels("fairface.race", np.arange(7))}), "cpu")
    keys = [f"{number}" for number in range(50)]
    first = replies(model, "fairface.race", keys)
    assert replies(Prior(str(tmp_path), "cpu"), "fairface.race", keys[::-1]) == first[::-1]
    assert [replies(model, "fairface.race", [key])[0] for key in keys] == first
    assert len({reply.text for reply in first}) == 7


def test_coarser_questions_are_answered_by_name(tmp_path):
    gold = np.repeat(np.arange(7), [4, 0, 3, 0, 0, 0, 3])
    source = folder(tmp_path, {"fairface.race": of_labels("fairface.race", gold)})
    (fine,), (coarse,) = (replies(Majority(source, "cpu"), space, ["k"]) for space in ("fairface.race", "utkface.race"))
    assert (fine.text, coarse.text) == ("White.", "Others.")
    assert coarse.label_scores["Others"] == pytest.approx(0.6)
    assert reach(("fairface.race",)) == ("fairface.race", "utkface.race")


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("{}", "not the config.json"), ("[", "not the config.json")]
)
def test_a_folder_that_is_none_is_one_sentence(tmp_path, text, words):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(AdapterError, match=rf"{words}.*python -m harness train majority"):
        Majority(str(tmp_path), "cpu")
