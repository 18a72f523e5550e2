"""Law: the labels that a loader reads from the toy sets are those that were drawn, and every picture is there."""

import pytest

from harness.images import read
from tasks.datasets import LOADERS, load
from tasks.registry import QUESTIONS, samples
from tasks.toy import gold, write_toy
from tasks.toy.layouts import FAIRFACE_AGES, utk_stamp
from tasks.toy.traits import sample

SEED, SIZES = 3, {"test": 12, "train": 9}
CASES = [(dataset, split) for dataset in LOADERS for split in SIZES]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), test=SIZES["test"], train=SIZES["train"], seed=SEED)


def drawn(dataset, split, index):
    """Space -> label, read off the traits and not off the files."""
    traits = sample(SEED, dataset, split, index)
    if dataset == "celeba":
        return {"celeba": gold.celeba(traits)}
    if dataset == "maad":
        return {"maad": gold.maad(traits, SEED, split, index)}
    if dataset in ("expw", "raf-db"):
        return {dataset: traits.expression}
    age, race = (FAIRFACE_AGES[traits.age_bin], traits.race)
    if dataset == "utkface":
        age, race = gold.decade(traits.age), gold.UTK_RACES[traits.race]
    return {f"{dataset}.age": age, f"{dataset}.gender": traits.gender, f"{dataset}.race": race}


def in_drawn_order(dataset, split, faces):
    if dataset != "utkface":  # whose files are read in the order of their names, which begin with the age
        return faces
    return sorted(faces, key=lambda face: [utk_stamp(split, index) in face.id for index in range(len(faces))][::-1])


@pytest.mark.parametrize(("dataset", "split"), CASES)
def test_labels_read_are_labels_drawn(toy, dataset, split):
    loaded = load(dataset, toy / dataset, split)
    faces = in_drawn_order(dataset, split, loaded)
    assert [face.labels for face in faces] == [drawn(dataset, split, index) for index in range(SIZES[split])]
    assert (loaded.tally.kept, loaded.tally.dropped) == (SIZES[split], {})
    assert len({face.id for face in faces}) == SIZES[split]


@pytest.mark.parametrize("dataset", LOADERS)
def test_every_picture_is_there(toy, dataset):
    faces = load(dataset, toy / dataset, "test")
    sizes = [read(face.image).size for face in faces]
    assert all(min(size) > 40 for size in sizes)
    if dataset == "expw":
        assert all(face.image.box is not None for face in faces)
        assert all(width == height for width, height in sizes), "the detector's boxes are square"


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_samples(toy, name):
    loaded = samples(name, toy)
    assert len(loaded.samples) == loaded.tally.kept == SIZES["test"]
    assert len(samples(name, toy, limit=5).samples) == 5
