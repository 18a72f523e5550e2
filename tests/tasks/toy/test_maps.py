"""The true maps beside the toy datasets: one for each face, and it agrees with the picture."""

import shutil

import numpy as np
import pytest

from harness import maps
from harness.errors import ConfigError
from harness.images import read
from tasks import datasets
from tasks.toy import ALL, MAKER, write_toy
from tasks.toy.segments import ID

TEST, TRAIN, SEED = 9, 4, 8


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), TEST, TRAIN, SEED)


def faces(root, dataset, split="test"):
    return datasets.load(dataset, root / dataset, split)


def map_of(root, face):
    return np.asarray(maps.read_map(root / maps.NAME, read(face.image)))


def files(root):
    return {file.name: file.read_bytes() for file in (root / maps.NAME).glob("*/*.png")}


def told(pixels, classes):
    """How much of the variance of the colours [n, 3] the classes [n] tell, 0 to 1."""
    groups = [pixels[classes == place] for place in np.unique(classes)]
    within = sum(((group - group.mean(0)) ** 2).sum() for group in groups)
    return 1 - within / ((pixels - pixels.mean(0)) ** 2).sum()


@pytest.mark.parametrize("dataset", ALL)
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_face_has_a_map_that_fits(root, dataset, split):
    for face in faces(root, dataset, split):
        there = set(np.unique(map_of(root, face)))
        assert there >= {ID[name] for name in ("face", "nose", "re", "le")}
        assert there & {ID["imouth"], ID["ulip"]}


def test_there_are_no_more_maps_than_faces(root):
    assert len(files(root)) == len(ALL) * (TEST + TRAIN) + 1  # CelebA has one face to validate
    assert maps.read_about(root / maps.NAME) == MAKER


def here_and_aside(root, face):
    """What the map tells of the colours of the avatar, and what it would tell a twentieth of the picture aside."""
    pixels, classes = np.asarray(read(face.image)).astype(float), map_of(root, face)
    avatar, step = classes > 0, max(3, classes.shape[1] // 20)
    aside = [np.roll(classes, by, axis) for by in (-step, step) for axis in (0, 1)]
    return told(pixels[avatar], classes[avatar]), max(told(pixels[avatar], other[avatar]) for other in aside)


@pytest.mark.parametrize("dataset", ALL)
def test_maps_lie_on_their_pictures(root, dataset):
    """A dark beard is face too, so that one face of the nine may tell little."""
    sharp = [face for face in faces(root, dataset) if not face.labels.get("celeba", {}).get("Blurry")]
    found = np.array([here_and_aside(root, face) for face in sharp])
    assert (found[:, 0] > found[:, 1]).sum() >= len(sharp) - 1
    assert found[:, 0].mean() > 0.55
    assert found[:, 0].mean() > found[:, 1].mean() + 0.15


def test_hats_glasses_and_hair_are_in_the_maps_the_labels_say(root):
    names = {"Wearing_Hat": "hat", "Eyeglasses": "eyeg", "Mouth_Slightly_Open": "imouth"}
    for face in [*faces(root, "celeba"), *faces(root, "celeba", "train")]:
        there = set(np.unique(map_of(root, face)))
        for label, name in names.items():
            assert face.labels["celeba"][label] == (ID[name] in there)


def test_other_numbers_keep_the_maps_of_the_faces_that_stay(tmp_path):
    write_toy(tmp_path, 3, 2, SEED, ["raf-db", "expw"])
    few = files(tmp_path)
    write_toy(tmp_path, 5, 3, SEED, ["raf-db", "expw"])
    more = files(tmp_path)
    assert len(few) == 2 * 5
    assert len(more) == 2 * 8
    assert few.items() <= more.items()


def test_maps_that_were_removed_are_drawn_again(tmp_path):
    write_toy(tmp_path, 2, 1, SEED, ["raf-db", "celeba"])
    drawn = files(tmp_path)
    shutil.rmtree(tmp_path / maps.NAME)
    write_toy(tmp_path, 2, 1, SEED, ["raf-db"])
    write_toy(tmp_path, 2, 1, SEED, ["celeba"])
    assert files(tmp_path) == drawn


def test_maps_of_others_are_left_alone(tmp_path):
    maps.write_about(tmp_path / maps.NAME, {"parser": "another"})
    with pytest.raises(ConfigError, match="another"):
        write_toy(tmp_path, 1, 1, SEED, ["raf-db"])
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [maps.NAME]
