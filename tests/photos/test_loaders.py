"""The photographs in the official layouts, read back by the real loaders: what is known comes back, and no more."""

import pytest

from docs.portraits.layouts import PLACEHOLDERS, load, write
from docs.portraits.photos import boxes
from harness.images import digest, read
from harness.records import ImageRef
from tasks.labels import label_space


@pytest.fixture(params=list(PLACEHOLDERS))
def name(request):
    return request.param


def known_years(label):
    bounds = dict(zip(label_space("fairface.age").labels, label_space("fairface.age").bounds, strict=True))
    return bounds[label]


def by_pixels(photos):
    return {digest(read(photo.ref)): photo for photo in photos}


def test_every_photograph_comes_back_once_and_whole(name, photos, files, tmp_path):
    faces = load(name, write(name, tmp_path, photos))
    expected = len(boxes()) if name == "expw" else len(photos)
    assert len({face.id for face in faces}) == len(faces) == expected
    whole = [digest(read(face.image.model_copy(update={"box": None}))) for face in faces]
    assert len(set(whole)) == expected
    assert set(whole) <= {digest(read(photo.ref)) for photo in photos} | {digest(read(ImageRef(path=files[-1])))}


def test_maad_keeps_what_was_judged_and_leaves_the_rest_undefined(photos, tmp_path):
    owners = by_pixels(photos)
    labels = label_space("maad").labels
    for face in load("maad", write("maad", tmp_path, photos)):
        gold = owners[digest(read(face.image))].gold
        assert face.labels["maad"] == {name: value for name, value in gold.items() if name in labels}


def test_celeba_keeps_what_was_judged(photos, tmp_path):
    """It has no value for what is unknown: the others are placeholders, and are not looked at."""
    owners = by_pixels(photos)
    for face in load("celeba", write("celeba", tmp_path, photos)):
        gold = owners[digest(read(face.image))].gold
        assert gold.items() <= face.labels["celeba"].items()


def test_fairface_and_utkface_keep_gender_and_age(photos, tmp_path):
    owners = by_pixels(photos)
    for face in load("fairface", write("fairface", tmp_path, photos)):
        photo = owners[digest(read(face.image))]
        first, last = known_years(face.labels["fairface.age"])
        assert face.labels["fairface.gender"] == photo.gender
        assert first <= photo.age <= last
    for face in load("utkface", write("utkface", tmp_path, photos)):
        photo = owners[digest(read(face.image))]
        assert face.labels["utkface.gender"] == photo.gender
        assert face.labels["utkface.age"].startswith(str(min(photo.age // 10, 7)))


def test_placeholders_are_one_constant(photos, tmp_path):
    for name, space in (("fairface", "fairface.race"), ("utkface", "utkface.race"), ("expw", "expw"), ("raf-db",) * 2):
        assert len({face.labels[space] for face in load(name, write(name, tmp_path, photos))}) == 1


def test_the_boxes_of_expw_are_cut_out(photos, tmp_path):
    measured = boxes()
    for face in load("expw", write("expw", tmp_path, photos)):
        left, top, right, bottom = measured[face.image.path.stem]
        assert face.image.box == (left, top, right, bottom)
        assert read(face.image).size == (right - left, bottom - top)
