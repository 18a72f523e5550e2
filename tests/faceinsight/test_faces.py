"""Faces of several datasets in the joint space: what they hold, what is missing, how they are parted and drawn."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceinsight.faces import ALL, LabelledFaces, concatenate, load
from faceinsight.labels import join, joint_labels
from faceinsight.sampling import few, split_off, train_and_val, weights
from harness.errors import ConfigError, DataError, UnknownNameError
from tasks import datasets
from tasks.datasets import SOURCES
from tasks.registry import question
from tasks.toy import write_toy
from tests.faces import faces_of, sized

JOINT = joint_labels()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"), test=2, train=9, seed=4)


@pytest.fixture(scope="module")
def faces(root) -> LabelledFaces:
    return load(root)


def keys(faces: LabelledFaces) -> list[tuple[str, str]]:
    return [(faces.dataset(index), faces.id(index)) for index in range(len(faces))]


# What is loaded


@pytest.mark.parametrize("split", ["train", "test"])
def test_it_is_what_the_loaders_give_in_their_order(root, split):
    faces = load(root, split=split)
    expected = [(name, face) for name in ALL for face in datasets.load(name, root / name, split)]
    assert len(faces) == len(expected)
    for index, (name, face) in enumerate(expected):
        assert (faces.dataset(index), faces.id(index), faces.image(index)) == (name, face.id, face.image)
        labels, mask = JOINT.encode(face.labels)
        assert (faces.labels_NK[index] == labels).all()
        assert (faces.mask_NK[index] == mask).all()


def test_a_box_is_only_where_the_dataset_has_one(faces):
    boxed = {faces.dataset(index): faces.image(index).box is not None for index in range(len(faces))}
    assert boxed == {name: name == "expw" for name in ALL}


def test_a_face_annotates_columns_of_its_dataset_only_and_has_no_label_where_masked(faces):
    for place, name in enumerate(faces.datasets):
        own = faces.dataset_N == place
        annotated = JOINT.annotated(name)
        assert not faces.mask_NK[own][:, ~annotated].any()
        if name != "maad":
            assert faces.mask_NK[own][:, annotated].all()
    assert not (faces.labels_NK & ~faces.mask_NK).any()


def test_all_questions_about_a_face_are_encoded_together(faces):
    fairface = faces.mask_NK[faces.dataset_N == ALL.index("fairface")]
    assert fairface.sum(1).tolist() == [18] * 9
    assert faces.labels_NK[faces.dataset_N == ALL.index("fairface")].sum(1).tolist() == [3] * 9


def test_what_maad_leaves_undefined_is_masked(root, faces):
    golds = [face.labels["maad"] for face in datasets.load("maad", root / "maad", "train")]
    own = faces.mask_NK[faces.dataset_N == ALL.index("maad")]
    assert own.sum(1).tolist() == list(map(len, golds))
    assert min(map(len, golds)) < 47


def test_what_a_loader_dropped_is_told(tmp_path):
    write_toy(tmp_path, test=1, train=2, seed=0, datasets=["utkface", "expw"])
    (tmp_path / "utkface/UTKFace/61_1_20170109142408075.jpg.chip.jpg").write_bytes(b"")
    assert load(tmp_path, ["expw", "utkface"]).dropped == {"expw": {}, "utkface": {"malformed name": 1}}


def test_a_smaller_label_space_takes_what_it_has(root):
    small = join([question("fairface.age"), question("expw")])
    faces = load(root, ["fairface", "expw"], labels=small)
    assert faces.labels_NK.shape == (18, 16)
    assert faces.mask_NK.sum(1).tolist() == [9] * 9 + [7] * 9
    with pytest.raises(ConfigError, match="no label of celeba"):
        load(root, ["fairface", "celeba"], labels=small)


def test_a_limit_counts_per_dataset_and_a_larger_one_contains_a_smaller_one(root, faces):
    small, large = load(root, limit=3), load(root, limit=6)
    assert small.sizes() == dict.fromkeys(ALL, 3)
    assert set(keys(small)) < set(keys(large)) < set(keys(faces))
    assert [key for key in keys(faces) if key in keys(large)] == keys(large)
    assert set(keys(load(root, limit=3, seed=1))) != set(keys(small))
    assert keys(load(root, limit=1000)) == keys(faces)


# What is missing


def test_all_that_is_missing_is_named_in_one_error_with_its_cure(root, tmp_path):
    (tmp_path / "expw").mkdir()
    (tmp_path / "celeba").symlink_to(root / "celeba")
    (tmp_path / "raf-db").symlink_to(root / "raf-db")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    words = str(caught.value)
    assert words.startswith("4 of 6 datasets are missing:")
    for name in ("maad", "fairface", "utkface", "expw"):
        assert f"{tmp_path / name} ({SOURCES[name].title}) is absent or empty. {SOURCES[name].obtain}" in words
    assert SOURCES["celeba"].obtain not in words
    assert '`datasets = ["celeba", "raf-db"]` in the config goes on with what is there.' in words
    assert load(tmp_path, ["celeba", "raf-db"]).sizes() == {"celeba": 9, "raf-db": 9}


def test_with_nothing_there_no_choice_is_offered(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path / "nowhere", ["expw"])
    assert "1 of 1 datasets are missing" in str(caught.value)
    assert "datasets = " not in str(caught.value)


def test_an_incomplete_dataset_and_an_empty_split_are_errors(root, tmp_path):
    (tmp_path / "raf-db").mkdir()
    (tmp_path / "raf-db" / "readme.txt").write_text("")
    with pytest.raises(DataError, match="RAF-DB: none of"):
        load(tmp_path, ["raf-db"])
    with pytest.raises(DataError, match="holds no face of split 'train'"):
        load(write_toy(tmp_path / "toy", test=1, train=0, seed=0, datasets=["celeba"]), ["celeba"])
    with pytest.raises(UnknownNameError, match="split of MAAD-Face 'val'"):
        load(root, split="val")
    with pytest.raises(UnknownNameError, match="Did you mean 'raf-db'"):
        load(root, ["rafdb"])
    with pytest.raises(ConfigError, match="no dataset"):
        load(root, [])
    with pytest.raises(ConfigError, match="limit 0"):
        load(root, limit=0)


# Parts and wholes


@given(st.data())
@settings(deadline=None)
def test_a_subset_holds_the_faces_at_its_places(data):
    faces = faces_of({"celeba": ["a", "b", "c"], "expw": ["x#0", "x#1"]})
    chosen = data.draw(st.lists(st.integers(0, 4)))
    part = faces.subset(chosen)
    assert keys(part) == [keys(faces)[index] for index in chosen]
    assert [part.image(place) for place in range(len(part))] == [faces.image(index) for index in chosen]
    assert (part.labels_NK == faces.labels_NK[chosen if chosen else slice(0)]).all()


def test_parts_in_any_order_of_datasets_are_put_together(root, faces):
    parts = [load(root, ["expw", "celeba"]), load(root, ["celeba", "maad"])]
    both = concatenate(parts)
    assert both.datasets == ("expw", "celeba", "maad")
    assert keys(both) == keys(parts[0]) + keys(parts[1])
    with pytest.raises(ValueError, match="one data root"):
        concatenate([faces, faces_of({"celeba": ["a"]})])


IDS = st.integers(0, 60)
GROUPED = st.fixed_dictionaries(
    {
        "maad": st.lists(st.tuples(IDS, IDS), unique=True, max_size=30),
        "expw": st.lists(st.tuples(IDS, IDS), unique=True, max_size=30),
        "raf-db": st.lists(st.tuples(IDS, st.just(0)), unique=True, max_size=30),
    }
)
STYLE = {"maad": "n{:06d}/{:04d}_01.jpg", "expw": "a #{}.jpg#{}", "raf-db": "train_{:05d}.jpg"}


def grouped(pairs) -> LabelledFaces:
    return faces_of({name: [STYLE[name].format(*pair) for pair in own] for name, own in pairs.items()})


@given(GROUPED, GROUPED, st.floats(0, 0.99), st.integers(0, 3))
@settings(deadline=None)
def test_what_is_held_out_is_disjoint_complete_whole_and_stable(pairs, more, share, seed):
    faces = grouped(pairs)
    train, held = split_off(faces, share, seed)
    assert sorted(keys(train) + keys(held)) == sorted(keys(faces))
    of = {name: {STYLE[name].format(*pair): pair[0] for pair in pairs[name]} for name in pairs}
    sides = [{(name, of[name][one]) for name, one in keys(side)} for side in (train, held)]
    assert not sides[0] & sides[1]
    grown = grouped({name: [*pairs[name], *(pair for pair in more[name] if pair not in pairs[name])] for name in pairs})
    assert set(keys(train)) <= set(keys(split_off(grown, share, seed)[0]))
    assert set(keys(held)) <= set(keys(split_off(grown, share, seed)[1]))
    assert set(keys(held)) <= set(keys(split_off(faces, min(0.99, share + 0.2), seed)[1]))


def test_about_the_share_of_each_dataset_is_held_out_and_of_whole_ones_nothing():
    faces = faces_of({name: [f"{index}/0#0" for index in range(3000)] for name in ("maad", "expw", "raf-db", "celeba")})
    _, held = split_off(faces, 0.2, whole=["celeba"])
    sizes = held.sizes()
    assert sizes.pop("celeba") == 0
    assert all(abs(count - 600) < 110 for count in sizes.values()), sizes  # five standard deviations
    assert set(keys(split_off(faces, 0.2, seed=1)[1])) != set(keys(held))
    with pytest.raises(ConfigError, match="share of 1"):
        split_off(faces, 1)


def test_a_limit_does_not_decide_what_is_held_out(tmp_path):
    faces = few(faces_of({"raf-db": [f"train_{index:05d}.jpg" for index in range(4000)]}), 1000)
    assert 130 < len(split_off(faces, 0.2)[1]) < 270


def test_a_dataset_with_its_own_val_split_validates_with_it(root):
    train, val = train_and_val(root, share=0.5)
    ids = {split: [face.id for face in datasets.load("celeba", root / "celeba", split)] for split in ("train", "val")}
    assert [one for name, one in keys(train) if name == "celeba"] == ids["train"]
    assert [one for name, one in keys(val) if name == "celeba"] == ids["val"]
    others = [key for key in keys(train) + keys(val) if key[0] != "celeba"]
    assert Counter(others) == Counter(key for key in keys(load(root)) if key[0] != "celeba")
    alone = train_and_val(root, ["raf-db"], share=0.5)
    assert sum(map(len, alone)) == 9


# How often each is drawn

SIZES = st.dictionaries(st.sampled_from(ALL), st.integers(1, 40), min_size=1)


@given(SIZES, st.data())
@settings(deadline=None)
def test_each_dataset_is_drawn_with_its_share_and_its_faces_equally_often(sizes, data):
    faces = sized(sizes)
    given_shares = {name: data.draw(st.floats(0, 10), name) for name in sizes}
    given_shares[next(iter(sizes))] += 0.5
    n, total = sum(sizes.values()), sum(given_shares.values())
    expected = {
        "equal": dict.fromkeys(sizes, 1 / len(sizes)),
        "proportional": {name: count / n for name, count in sizes.items()},
        json.dumps(given_shares): {name: share / total for name, share in given_shares.items()},
    }
    for shares, wanted in expected.items():
        found = weights(faces, json.loads(shares) if shares.startswith("{") else shares)
        assert found.dtype == np.float64
        assert found.shape == (len(faces),)
        for place, name in enumerate(sizes):
            own = found[faces.dataset_N == place]
            assert own.sum() == pytest.approx(wanted[name], abs=1e-12)
            assert (own == own[0]).all()


def test_a_dataset_without_faces_takes_no_share():
    faces = sized({"celeba": 2, "maad": 2}).subset([0, 1])
    assert weights(faces).tolist() == [0.5, 0.5]
    assert weights(faces, {"celeba": 3, "maad": 0}).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"celeba": 1}, "no sampling share for maad"),
        ({"celeba": 1, "maad": -1}, "maad = -1"),
        ({"celeba": 1, "maad": float("nan")}, "maad = nan"),
        ({"celeba": 0, "maad": 0}, "nothing would be drawn"),
        ({"celeba": 1, "mad": 1}, "Did you mean 'maad'"),
        ("equals", "Did you mean 'equal'"),
    ],
)
def test_impossible_shares_are_errors(shares, words):
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        weights(sized({"celeba": 2, "maad": 2}), shares)
    assert words in str(caught.value)


def test_a_share_for_a_dataset_without_faces_is_an_error():
    with pytest.raises(ConfigError, match="no face of it"):
        weights(sized({"celeba": 2, "maad": 2}).subset([0]), {"celeba": 1, "maad": 1})


# Size


def test_storage_per_face_stays_small(tmp_path):
    """200,000 faces: well below what their labels alone would take as Python objects."""
    code = (
        "import tracemalloc\n"
        "from tests.faces import faces_of\n"
        "ids = {'maad': [f'n{i // 100:06d}/{i % 100:04d}_01.jpg' for i in range(200_000)]}\n"
        "tracemalloc.start()\n"
        "faces = faces_of(ids)\n"
        "print(tracemalloc.get_traced_memory()[0] / len(faces))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 400


def test_faces_and_sampling_start_without_torch():
    code = "import faceinsight.faces, faceinsight.sampling, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
