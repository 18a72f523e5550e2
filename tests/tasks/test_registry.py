from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prompts
from harness.errors import ConfigError, DataError, UnknownNameError
from tasks import datasets, registry
from tasks.labels import SPACE_NAMES, label_space
from tasks.parse import parse
from tasks.registry import QUESTIONS, TASKS, question, questions_of, samples
from tests.quirks import options


@pytest.fixture
def raf(tmp_path):
    """A data root with 40 faces of RAF-DB: 20 happy, 15 sad and 5 fear, in mixed order."""
    folder = tmp_path / "raf-db"
    (folder / "aligned").mkdir(parents=True)
    codes = [4] * 20 + [5] * 15 + [2] * 5
    rows = [f"test_{number:04}.jpg {codes[number * 7 % 40]}" for number in range(40)]
    (folder / "list_patition_label.txt").write_text("\n".join(rows))
    return tmp_path


def test_tasks_and_questions():
    assert {
        "attr": ("maad", "celeba"),
        "agr": (
            *("fairface.age", "fairface.gender", "fairface.race"),
            *("utkface.age", "utkface.gender", "utkface.race"),
        ),
        "expr": ("expw", "raf-db"),
    } == TASKS
    assert {space for asked in QUESTIONS.values() for space in (asked.space, *asked.spaces.values())} == set(
        SPACE_NAMES
    )
    assert {question.dataset for question in QUESTIONS.values()} == set(datasets.LOADERS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_can_be_rendered_and_names_its_labels(name):
    asked = question(name)
    assert asked.prompt in prompts.names()
    text = asked.render().text
    if label_space(asked.space).kind != "attributes":
        assert all(label in text for label in asked.labels())
    assert "_" not in text


@pytest.mark.parametrize("name", [name for name in QUESTIONS if label_space(name).kind != "attributes"])
def test_a_label_answered_as_the_prompt_shows_it_is_understood(name):
    space = label_space(question(name).space)
    answers = [parse(f"{shown}.", space).label for shown in question(name).labels()]
    assert answers == list(space.labels)


def test_misspelt_names():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'fairface\.age'.*harness tasks"):
        question("fairface_age")
    with pytest.raises(UnknownNameError, match="Did you mean 'expr'"):
        questions_of(["attr", "exprs"])


def test_questions_of_keeps_the_order_and_drops_repeats():
    names = [asked.name for asked in questions_of(["expr", "fairface.age", "raf-db", "expr"])]
    assert names == ["expw", "raf-db", "fairface.age"]


def test_a_variant_is_a_question_of_its_own_about_the_same_samples(raf):
    plain, other = questions_of(["raf-db"], variants=["paper", "terse"])
    assert plain == question("raf-db")
    assert other == question("raf-db+terse")
    assert (other.name, other.variant, other.prompt) == ("raf-db+terse", "terse", "expr/expression.terse")
    assert (other.space, other.dataset, other.task) == (plain.space, plain.dataset, plain.task)
    assert other.render().text != plain.render().text
    found = [[(one.id, one.gold) for one in samples(asked, raf, limit=8).samples] for asked in (plain, other)]
    assert found[0] == found[1]


def test_wordings_of_a_question_follow_one_another():
    names = [asked.name for asked in questions_of(["expr", "maad+polite"], variants=["terse", "paper"])]
    assert names == ["expw+terse", "expw", "raf-db+terse", "raf-db", "maad+polite"]
    everything = questions_of(list(TASKS), variants=["all"])
    assert len(everything) == 4 * len(QUESTIONS)
    assert {asked.name for asked in everything if asked.variant == "paper"} == set(QUESTIONS)


def test_a_variant_keeps_the_label_space_that_was_chosen():
    (asked,) = questions_of(["raf-db"], options(raf_db={"classes": "compound"}), ["terse"])
    assert asked.space == "raf-db.compound"


def test_misspelt_variants():
    with pytest.raises(UnknownNameError, match=r"prompt variant of expw 'ters'.*'terse'.*harness tasks"):
        questions_of(["expr"], variants=["ters"])
    with pytest.raises(UnknownNameError, match="Did you mean 'polite'"):
        question("maad+polit")
    with pytest.raises(UnknownNameError, match=r"task 'exp\+terse'"):
        questions_of(["exp+terse"])


def test_samples_have_the_gold_of_their_question(raf):
    loaded = samples("raf-db", raf)
    assert loaded.tally.kept == len(loaded.samples) == 40
    assert Counter(sample.gold for sample in loaded.samples) == {"happy": 20, "sad": 15, "fear": 5}


@pytest.mark.parametrize("limit", [1, 8, 20, 39, 40, 100])
def test_a_limit_keeps_shares_and_order(raf, limit):
    everything = [sample.id for sample in samples("raf-db", raf).samples]
    chosen = samples("raf-db", raf, limit=limit).samples
    assert len(chosen) == min(limit, 40)
    ids = [sample.id for sample in chosen]
    assert ids == sorted(ids, key=everything.index)
    counts = Counter(sample.gold for sample in chosen)
    for label, size in {"happy": 20, "sad": 15, "fear": 5}.items():
        assert abs(counts[label] - size * min(limit, 40) / 40) <= 1


def test_a_subset_depends_on_the_seed_alone_and_grows_with_the_limit(raf):
    ids = [{sample.id for sample in samples("raf-db", raf, limit=12, seed=seed).samples} for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] < {sample.id for sample in samples("raf-db", raf, limit=30, seed=1).samples}


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 3))
@settings(max_examples=50)
def test_strata_law(labels, limit, seed):
    strata = np.array(["abc".index(label) for label in labels], dtype=np.int8)
    chosen = registry._subset(map(str, range(len(labels))), strata, limit, seed).tolist()
    assert len(chosen) == min(limit, len(labels))
    assert chosen == sorted(set(chosen))
    for label, size in Counter(labels).items():
        share = size * len(chosen) / len(labels)
        # Each class is cut at the same height, half a place off at most; the height is three halves off in all.
        assert abs(sum(labels[place] == label for place in chosen) - share) <= 0.5 + 1.5 * size / len(labels) + 1


def test_one_reading_serves_all_questions_of_a_dataset(tmp_path, monkeypatch):
    folder = tmp_path / "fairface"
    (folder / "val").mkdir(parents=True)
    (folder / "fairface_label_val.csv").write_text("file,age,gender,race\nval/1.jpg,0-2,Male,White\n")
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    read = []
    real = datasets.LOADERS["fairface"]
    counting = replace(real, scan=lambda root, *rest: read.append(root) or real.scan(root, *rest))
    monkeypatch.setitem(datasets.LOADERS, "fairface", counting)
    golds = [samples(f"fairface.{name}", tmp_path).samples[0].gold for name in ("age", "gender", "race")]
    assert golds == ["0-2", "Male", "White"]
    assert len(read) == 1


def test_what_cannot_be_loaded(raf):
    with pytest.raises(DataError, match="there is no folder"):
        samples("expw", raf)
    with pytest.raises(DataError, match="holds no face of split 'train'"):
        samples("raf-db", raf, split="train")
    with pytest.raises(ConfigError, match="limit 0"):
        samples("raf-db", raf, limit=0)
