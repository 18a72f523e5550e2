"""Lessons: the evaluation's own words, and answers out of which the parser reads just the gold."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceinsight.sampling import split_off
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.finetune.lessons import lessons, target
from harness.finetune.recipe import Data
from harness.plan import Planner
from harness.records import Decoding
from tasks.labels import SPACE_NAMES, label_space
from tasks.parse import parse
from tasks.registry import QUESTIONS, questions_of, samples
from tests.harness.finetune.conftest import DATASETS

CHOICES = [name for name in SPACE_NAMES if label_space(name).kind != "attributes"]
ATTRIBUTES = [label_space(name) for name in SPACE_NAMES if label_space(name).kind == "attributes"]


GLASSES = {"Eyeglasses", "No_Eyewear"}
"""Of MAAD: each is the other's denial."""


@pytest.mark.parametrize(("name", "label"), [(name, label) for name in CHOICES for label in label_space(name).labels])
def test_the_parser_reads_the_label_back(name, label):
    found = parse(target(label_space(name), label), label_space(name), "stop")
    assert (found.status, found.label) == ("parsed", label)


@st.composite
def golds(draw):
    """Any annotation of any attributes in which no two that exclude one another hold."""
    space = draw(st.sampled_from(ATTRIBUTES))
    gold = draw(st.dictionaries(st.sampled_from(space.labels), st.booleans(), min_size=1))
    for one, other in space.exclusive:
        if gold.get(one) and gold.get(other):
            gold[other] = False
    return space, gold


@given(golds())
def test_the_parser_reads_back_just_the_attributes_that_hold(found):
    space, gold = found
    said = parse(target(space, gold), space, "stop")
    assert said.status == "parsed"
    if set(gold) <= GLASSES and not any(gold.values()):
        return  # no words deny one of the two and claim neither
    assert set(said.yes) == {label for label, holds in gold.items() if holds}
    assert not set(said.no) & set(said.yes)


@given(golds())
def test_what_is_not_annotated_is_not_named(found):
    space, gold = found
    words = target(space, gold)
    if any(gold.values()):
        said = words.removeprefix("Attributes: ").removesuffix(".").split(", ")
    else:
        said = [line.removesuffix(": no") for line in words.splitlines()]
        assert said
    assert set(said) <= {label.replace("_", " ") for label in gold}
    assert len(said) == len(set(said))


@pytest.mark.parametrize("space", ATTRIBUTES, ids=lambda space: space.name)
def test_a_face_without_any_attribute_is_read_so(space):
    """Every pair of annotations, and all of them."""
    pairs = [dict.fromkeys(pair, False) for pair in itertools.combinations(space.labels, 2)]
    for gold in (*pairs, dict.fromkeys(space.labels, False)):
        if set(gold) != GLASSES:
            said = parse(target(space, gold), space, "stop")
            assert (said.status, said.yes) == ("parsed", ())
            assert set(said.no) <= set(gold)


@pytest.mark.parametrize("space", ATTRIBUTES, ids=lambda space: space.name)
def test_annotations_that_contradict_themselves_are_said_as_they_are(space):
    for pair in space.exclusive:
        words = target(space, dict.fromkeys(pair, True))
        assert all(label.replace("_", " ") in words for label in pair)


@pytest.mark.parametrize("task", ["attr", "expr", "fairface.age,fairface.race"])
def test_prompts_are_those_of_a_run(root, task):
    asked = questions_of(task.split(","))
    planner = Planner(root, Decoding(), None, 0)
    for side in lessons(asked, root, Data(validation=0.25)):
        texts = {lesson.question.name: {lesson.text} for lesson in side}
        for lesson in side:
            texts[lesson.question.name].add(lesson.text)
        assert texts == {question.name: {planner.plan(question).text} for question in asked}


@pytest.mark.parametrize("name", ["maad", "celeba", "fairface.gender", "expw"])
def test_what_is_learnt_and_what_is_held_out_are_apart_and_none_is_of_the_test(root, name):
    train, held = lessons(questions_of([name]), root, Data(validation=0.25))
    sides = [{lesson.sample.id for lesson in side} for side in (train, held)]
    official = {sample.id for sample in samples(name, root, "train").samples}
    tested = {sample.id for sample in samples(name, root, "test").samples}
    assert all(sides)
    for one, other in itertools.combinations([*sides, tested], 2):
        assert not one & other
    assert sides[0] <= official
    assert (sides[1] <= official) is (name != "celeba")  # which has a validation split of its own
    if name == "expw":  # faces of one photograph do not part
        assert not {one.rpartition("#")[0] for one in sides[0]} & {one.rpartition("#")[0] for one in sides[1]}


def test_faceinsight_holds_out_the_same_faces(root):
    from faceinsight.faces import load

    _, held = lessons(questions_of(["fairface.age"]), root, Data(validation=0.25))
    faces = split_off(load(root, ["fairface"]), 0.25)[1]
    assert {lesson.sample.id for lesson in held} == {faces.id(place) for place in range(len(faces))}


def test_golds_are_those_of_the_dataset(root):
    gold = {sample.id: sample.gold for sample in samples("maad", root, "train").samples}
    train, _ = lessons(questions_of(["maad"]), root, Data(validation=0.25))
    for lesson in train:
        assert lesson.sample.gold == gold[lesson.sample.id]
        assert lesson.answer == target(label_space("maad"), gold[lesson.sample.id])


def test_questions_are_drawn_equally_often_or_as_they_are(root):
    train, _ = lessons(questions_of(["expr"]), root, Data(validation=0.25))
    ends = np.cumsum(list(train.sizes().values()))
    for shares, wanted in (("equal", [0.5, 0.5]), ("proportional", np.diff(ends, prepend=0) / ends[-1])):
        weights = train.weights(shares)
        assert weights.sum() == pytest.approx(1)
        assert [part.sum() for part in np.split(weights, ends[:-1])] == pytest.approx(wanted)


def test_limits_leave_so_many(root):
    train, held = lessons(questions_of(["raf-db"]), root, Data(limit=20, validation=0.25, validation_limit=3))
    assert len(held) <= 3
    assert len(train) < 20


def test_missing_data_and_empty_sides_are_said(root, tmp_path):
    with pytest.raises(DataError, match=r"(?s)utkface.*--task fairface.age"):
        lessons(questions_of(["fairface.age", "utkface.age"]), root, Data())
    with pytest.raises(ConfigError, match="0 to stop at"):
        lessons(questions_of(["raf-db"]), root, Data(limit=1, validation=1e-6))
    with pytest.raises(UnknownNameError):
        questions_of(["emotion"])
    assert {QUESTIONS[name].dataset for name in ("maad", "celeba", "expw", "raf-db", "fairface.age")} == set(DATASETS)
