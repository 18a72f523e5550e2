"""The cache folder: one variable moves it."""

from pathlib import Path

import pytest

from harness.places import cache_folder


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("FACE_HARNESS_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg" / "face-harness"
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
