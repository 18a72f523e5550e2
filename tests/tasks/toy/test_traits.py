"""What is sampled: the same face every time, and labels that break no rule and agree with one another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labels import label_space
from tasks.toy import DRAWN, gold, traits
from tasks.toy.traits import DATASETS, SPLITS, ToyTraits, sample

ATTRIBUTE_SPACES = ("celeba", "maad")

faces = st.builds(
    sample,
    seed=st.integers(0, 2**31),
    dataset=st.sampled_from(DATASETS),
    split=st.sampled_from(SPLITS),
    index=st.integers(0, 10**6),
)


@given(seed=st.integers(0, 2**31), dataset=st.sampled_from(DATASETS), index=st.integers(0, 10**6))
def test_a_face_depends_on_its_name_alone(seed, dataset, index):
    assert sample(seed, dataset, "test", index) == sample(seed, dataset, "test", index)


@pytest.mark.parametrize("change", [{"seed": 1}, {"dataset": "maad"}, {"split": "test"}, {"index": 7}])
def test_each_argument_matters(change):
    first = {"seed": 0, "dataset": "celeba", "split": "train", "index": 0}
    assert sample(**first) != sample(**{**first, **change})


@given(face=faces)
def test_no_rule_is_broken(face):
    drawn = gold.attributes(face)
    for space in ATTRIBUTE_SPACES:
        assert label_space(space).exclusive
        for one, other in label_space(space).exclusive:
            assert not (drawn.get(one) and drawn.get(other)), (one, other)


@given(face=faces)
def test_of_each_group_one_attribute_holds(face):
    drawn = gold.attributes(face)
    assert any(drawn[name] for name in ("No_Beard", "Goatee", "Mustache", "Sideburns", "5_o_Clock_Shadow"))
    for trio in (("Young", "Middle_Aged", "Senior"), ("Eyeglasses", "No_Eyewear")):
        assert sum(drawn[name] for name in trio) == 1
    assert drawn["Mouth_Closed"] != drawn["Mouth_Slightly_Open"]


@given(face=faces)
def test_a_hat_hides_the_hair(face):
    drawn = gold.attributes(face)
    hair = {name for name in drawn if name.endswith("_Hair") or name in ("Bald", "Bangs")}
    if drawn["Wearing_Hat"]:
        assert not any(drawn[name] for name in hair)
    elif not drawn["Bald"]:
        assert sum(drawn[name] for name in hair) == 2 + drawn["Bangs"]  # one colour, one texture


@given(face=faces)
def test_the_spaces_agree(face):
    celeba = gold.celeba(face)
    drawn = gold.attributes(face)
    assert tuple(celeba) == label_space("celeba").labels
    assert all(celeba[name] == drawn.get(name, False) for name in celeba)
    assert not any(celeba[name] for name in celeba if name not in DRAWN)


@given(seed=st.integers(0, 2**31), index=st.integers(0, 10**6))
def test_what_maad_defines_is_drawn(seed, index):
    face = sample(seed, "maad", "test", index)
    known = gold.maad(face, seed, "test", index)
    assert set(known) <= DRAWN & set(label_space("maad").labels)
    assert known.items() <= gold.attributes(face).items()


def test_maad_leaves_some_of_the_drawn_undefined():
    drawable = len(DRAWN & set(label_space("maad").labels))
    counts = [len(gold.maad(sample(0, "maad", "test", i), 0, "test", i)) for i in range(500)]
    assert 0.93 < np.mean(counts) / drawable < 0.97


@given(age=st.integers(0, 116))
def test_decades_are_utkfaces_bins(age):
    space = label_space("utkface.age")
    first, last = space.bounds[space.labels.index(gold.decade(age))]
    assert first <= age <= last


@given(face=faces)
def test_the_age_lies_in_its_bin(face):
    first, last = traits.AGE_BINS[face.age_bin]
    assert first <= face.age <= last


def test_most_attributes_are_neither_rare_nor_common():
    people = [sample(0, "celeba", "train", index) for index in range(1500)]
    rates = {name: np.mean([gold.celeba(face)[name] for face in people]) for name in DRAWN & set(gold.CELEBA)}
    assert all(0.05 < rate < 0.65 for rate in rates.values()), rates
    assert np.mean([0.15 < rate < 0.6 for rate in rates.values()]) > 0.8, rates
    hair = [rates[name] for name in ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")]
    assert max(hair) < 1.3 * min(hair)


def test_markers_say_nothing_of_looks():
    """Gender, race and age are sampled apart from hair, skin, beard, glasses and clothes: correlations are noise."""
    people = [sample(0, "fairface", "train", index) for index in range(3000)]
    groups = np.array(
        [[f.gender == "Male", *(f.race == race for race in traits.RACES), f.age < 40, f.age >= 60] for f in people]
    )
    markers = ("Male", "Young", "Middle_Aged", "Senior", "Asian", "White", "Black", "Blurry")
    looks = np.array([[there for name, there in gold.attributes(f).items() if name not in markers] for f in people])
    looks = np.hstack([looks, [[f.skin == skin for skin in traits.SKINS] for f in people]])
    between = np.corrcoef(groups.T.astype(float), looks.T.astype(float))[: groups.shape[1], groups.shape[1] :]
    assert np.abs(between).max() < 5 / np.sqrt(len(people))


def test_expressions_are_balanced_where_they_are_asked():
    for dataset in ("expw", "raf-db"):
        told = [sample(0, dataset, "train", index).expression for index in range(1400)]
        assert min(told.count(name) for name in traits.EXPRESSIONS) > 150
    smiling = np.mean([gold.attributes(sample(0, "maad", "train", index))["Smiling"] for index in range(1000)])
    assert 0.35 < smiling < 0.45


def test_a_record_is_frozen():
    face = sample(0, "celeba", "train", 0)
    assert isinstance(face, ToyTraits)
    with pytest.raises(ValueError, match="frozen"):
        face.age = 3
