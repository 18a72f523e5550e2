"""Settings: what decides a number names the run folder, what does not leaves it alone."""

from pathlib import Path

import pytest

from harness import config
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
        {"policies": {"a": {"max_tiles": 1}}},
        {"prompts": ("paper", "terse")},
    ],
)
def test_each_setting_has_its_own_folder(changed: dict[str, object]):
    assert settings().default_folder() == settings().default_folder()
    assert settings(**changed).default_folder() != settings().default_folder()


def test_models_tasks_and_wordings_may_share_a_folder():
    assert settings(models={"b": "x"}, tasks=("expr",)).protocol() == settings().protocol()
    assert settings(prompts=("all",)).protocol() == settings().protocol()
    assert settings(limit=5).protocol() != settings().protocol()


def test_folders_from_before_there_was_a_choice_stay_valid():
    assert "datasets" not in settings().protocol()
    assert settings().default_folder() == Path("runs/tiny-71ddfc1f")


def test_a_choice_about_the_datasets_is_part_of_the_protocol(tmp_path: Path):
    chosen = settings(datasets={"expw": {"margin": 0.1}})
    assert chosen.protocol()["datasets"] == {"expw": {"margin": 0.1}}
    assert chosen.default_folder() != settings().default_folder()
    assert settings(datasets={"expw": {"margin": 0.0}}).protocol() == settings().protocol()
    lists = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file in lists:
        file.write_text("1.jpg test\n")
    one, other = (settings(datasets={"raf-db": {"split": file}}) for file in lists)
    assert one.protocol() == other.protocol()
    assert one.default_folder() == other.default_folder()
    lists[0].write_text("1.jpg train\n")
    assert one.protocol() != other.protocol()


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
