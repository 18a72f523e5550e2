"""Settings: what decides a number names the run folder, what does not leaves it alone."""

from pathlib import Path

import pytest

from harness import config, places
from harness.config import RunConfig
from harness.errors import ConfigError, UnknownNameError
from harness.records import Decoding


def settings(**changed: object) -> RunConfig:
    values = {
        "profile": "tiny",
        "tasks": ("attr",),
        "models": {"a": "weights 1"},
        "decoding": Decoding(),
        "data_root": Path("d"),
    }
    return RunConfig.model_validate(values | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"profile": "paper"},
        {"tasks": ("agr",)},
        {"models": {"b": "weights 1"}},
        {"models": {"a": "weights 2"}},
        {"decoding": Decoding(seed=1)},
        {"limit": 5},
        {"seed": 3},
        {"data_root": Path("e")},
    ],
)
def test_each_setting_has_its_own_folder(changed: dict[str, object]):
    assert settings().default_folder() == settings().default_folder()
    assert settings(**changed).default_folder() != settings().default_folder()


def test_models_and_tasks_may_share_a_folder():
    assert settings(models={"b": "x"}, tasks=("expr",)).protocol() == settings().protocol()
    assert settings(limit=5).protocol() != settings().protocol()


def test_profiles():
    assert config.profile("tiny").limit
    assert config.profile("paper").limit is None
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        config.profile("tinny")


def test_real_data_must_be_named_and_exist(tmp_path: Path):
    assert config.data_root("tiny", None) is None
    assert config.data_root("paper", tmp_path) == tmp_path
    with pytest.raises(ConfigError, match="--data"):
        config.data_root("paper", None)
    with pytest.raises(ConfigError, match="not a folder"):
        config.data_root("tiny", tmp_path / "none")


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("FACE_HARNESS_CACHE", raising=False)
    assert places.cache_folder() == tmp_path / "xdg" / "face-harness"
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "own"))
    assert places.cache_folder() == tmp_path / "own"
