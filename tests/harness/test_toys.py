"""Drawn faces are kept where they are found again, and no two uses see each other's."""

import pytest

from harness import toys
from tasks import datasets


def test_each_set_has_a_folder_of_its_own_and_is_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path))
    roots = [toys.toy_root(2, 1, seed) for seed in (toys.RUN_SEED, toys.TRAIN_SEED, toys.TEST_SEED)]
    assert len(set(roots)) == 3
    assert all(tmp_path in root.parents for root in roots)
    faces = [list(datasets.load("raf-db", root / "raf-db", "train")) for root in roots]
    pixels = [{face.image.path.read_bytes() for face in own} for own in faces]
    assert not set.intersection(*pixels)
    monkeypatch.setattr("tasks.toy._write", lambda *_: pytest.fail("drew again"))
    assert toys.toy_root(2, 1, toys.RUN_SEED) == roots[0]
