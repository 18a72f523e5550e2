"""Settings: flag > environment > harness.toml > default, whence each value came, and one sentence per mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from typer.testing import CliRunner

from harness import keys
from harness.cli import app
from harness.errors import ConfigError, HarnessError, UnknownNameError
from harness.places import cache_folder
from harness.settings import DEFAULT, FILE_VARIABLE, PREFIX, Settings, resolve

VALUES: dict[str, tuple[Any, Any, Any]] = {
    "data": ("/from/file", "/from/environment", "/from/flag"),
    "cache": ("/c/file", "/c/environment", "/c/flag"),
    "profile": ("paper", "tiny", "paper"),
    "engine": ("hf", "auto", "hf"),
    "device": ("cuda", "cuda:1", "cpu"),
    "dtype": ("float32", "bfloat16", "float16"),
    "batch_size": (1, 2, 3),
    "executor": ("ray", "local", "ray"),
    "ray.address": ("file:1", "environment:1", "flag:1"),
    "ray.shards": (1, 2, 3),
    "ray.cards": (1, 2, 4),
    "maps": ("/m/file", "/m/environment", "/m/flag"),
    "endpoint.concurrency": (1, 2, 3),
    "endpoint.timeout": (10.0, 20.0, 30.5),
    "endpoint.max_retries": (0, 1, 2),
    "endpoint.max_requests": (100, 200, 300),
    "endpoint.max_cost": (1.5, 2.5, 3.5),
    "endpoint.price_in": (0.1, 0.2, 0.3),
    "endpoint.price_out": (0.4, 0.5, 0.6),
    "endpoint.api_key_env": ("FILE_KEY", "OTHER_KEY", "FLAG_KEY"),
    "datasets.celeba.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.maad.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.maad.undefined": ("negative", "dropped", "negative"),
    "datasets.fairface.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.fairface.padding": ("1.25", "0.25", "1.25"),
    "datasets.fairface.ages": ("decades", "nine", "decades"),
    "datasets.fairface.races": ("five", "seven", "five"),
    "datasets.utkface.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.utkface.images": ("wild", "cropped", "wild"),
    "datasets.utkface.ages": ("fairface", "decades", "fairface"),
    "datasets.expw.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.expw.margin": (0.1, 0.2, 0.3),
    "datasets.raf-db.split": ("/s/file", "/s/environment", "/s/flag"),
    "datasets.raf-db.classes": ("compound", "basic", "compound"),
    "datasets.raf-db.images": ("original", "aligned", "original"),
}
"""Key -> a value in the file, in the environment, in a flag."""
Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine that runs the tests, and none that a test leaves behind."""
    monkeypatch.chdir(tmp_path)
    for key in keys.leaves(Settings):
        # Setting before deleting makes monkeypatch undo what the code under test exports.
        monkeypatch.setenv(variable(key), "x")
        monkeypatch.delenv(variable(key))
    monkeypatch.delenv(FILE_VARIABLE, raising=False)


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "harness.toml"
        file.write_text(text)
        return file

    return write


def variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__").replace("-", "_")


def toml(values: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def found(pairs: tuple[str, ...] = ()) -> dict[str, tuple[Any, str]]:
    return {key: (value, origin) for key, value, origin in resolve(pairs=pairs).rows()}


def test_the_table_above_has_every_key():
    assert list(VALUES) == keys.leaves(Settings) == list(found())


@pytest.mark.parametrize("key", VALUES)
def test_a_flag_is_before_the_environment_before_the_file_before_the_default(
    key: str, written: Write, monkeypatch: pytest.MonkeyPatch
):
    in_file, in_environment, in_flag = VALUES[key]
    assert found()[key][1] == DEFAULT
    written(toml({key: in_file}))
    assert found()[key] == (in_file, "harness.toml")
    monkeypatch.setenv(variable(key), str(in_environment))
    assert found()[key] == (in_environment, f"environment {variable(key)}")
    assert found((f"{key}={in_flag}",))[key] == (in_flag, f"--set {key}")


SOURCES = strategies.lists(strategies.sampled_from(sorted(VALUES)), unique=True)


@settings(max_examples=40, deadline=None)
@given(SOURCES, SOURCES, SOURCES)
def test_sources_mix_key_by_key(in_file: list[str], in_environment: list[str], in_flags: list[str]):
    with pytest.MonkeyPatch.context() as patch:
        Path("harness.toml").write_text(toml({key: VALUES[key][0] for key in in_file}))
        for key in in_environment:
            patch.setenv(variable(key), str(VALUES[key][1]))
        rows = found(tuple(f"{key}={VALUES[key][2]}" for key in in_flags))
    for key, (value, origin) in rows.items():
        places = [key in place for place in (in_file, in_environment, in_flags)]
        if not any(places):
            assert origin == DEFAULT
            continue
        last = max(place for place, given_there in enumerate(places) if given_there)
        assert value == VALUES[key][last]
        assert origin == ("harness.toml", f"environment {variable(key)}", f"--set {key}")[last]


def test_tables_may_be_json_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_HARNESS_DATASETS", '{"expw": {"margin": 0.5}, "raf-db": {"images": "original"}}')
    monkeypatch.setenv("FACE_HARNESS_DATASETS__EXPW__MARGIN", "0.25")
    rows = found()
    assert rows["datasets.expw.margin"] == (0.25, "environment FACE_HARNESS_DATASETS__EXPW__MARGIN")
    assert rows["datasets.raf-db.images"] == ("original", "environment FACE_HARNESS_DATASETS")


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_HARNESS_PROFILE", "")
    assert found()["profile"] == ("tiny", DEFAULT)


def test_paths_of_the_file_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "own.toml").write_text('data = "faces"\nmaps = "~/maps"\n[datasets.expw]\nsplit = "../lists/expw.txt"\n')
    monkeypatch.setenv(FILE_VARIABLE, str(folder / "own.toml"))
    read = resolve().settings
    assert read.data == folder / "faces"
    assert read.maps == Path.home() / "maps"
    assert read.datasets.expw.split == folder / "../lists/expw.txt"
    assert resolve({"data": Path("faces")}).settings.data == Path("faces")


def test_the_users_own_folder_is_found_from_everywhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_HARNESS_MAPS", "~/maps")
    read = resolve(pairs=["data=~/faces"]).settings
    assert (read.maps, read.data) == (Path.home() / "maps", Path.home() / "faces")


def test_the_named_file_is_read_and_the_one_at_hand_is_not(written: Write, monkeypatch: pytest.MonkeyPatch):
    written('device = "cuda"')
    Path("own.toml").write_text('dtype = "float16"')
    monkeypatch.setenv(FILE_VARIABLE, "own.toml")
    assert found()["device"] == ("auto", DEFAULT)
    assert found()["dtype"] == ("float16", "own.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dtyp = 'float16'", ["harness.toml", "dtyp = 'float16'", "Did you mean 'dtype'?", "config"]),
        ("[datasets.expw]\nmargn = 0.1", ["datasets.expw.margn = 0.1", "Did you mean 'datasets.expw.margin'?"]),
        ("[datasets.rafdb]\nclasses = 'basic'", ["Did you mean 'datasets.raf-db.classes'?"]),
        ("[datasets.expw]\nmargin = 7", ["harness.toml: datasets.expw.margin = 7", "less than or equal to 1"]),
        ("executor = 'rays'", ["executor = 'rays'", "it must be 'local' or 'ray'"]),
        ("batch_size = 0", ["batch_size = 0", "greater than or equal to 1"]),
        ("[datasets.raf-db]\nclasses = 'all'", ["'all'", "it must be 'basic' or 'compound'"]),
        ("datasets = 3", ["datasets = 3", "it must be a table"]),
        ("data = 3", ["data = 3", "it must be a path"]),
        ("data = /faces", ["harness.toml cannot be read as TOML", "line 1"]),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(text: str, words: list[str], written: Write):
    written(text)
    with pytest.raises(ConfigError) as caught:
        resolve()
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FACE_HARNESS_DAT", "x", ["environment FACE_HARNESS_DAT", "Did you mean 'data'?"]),
        ("FACE_HARNESS_DATA__X", "x", ["FACE_HARNESS_DATA__X", "Did you mean 'data'?"]),
        ("FACE_HARNESS_DATASETS__EXPW__MARGN", "1", ["Did you mean 'datasets.expw.margin'?"]),
        ("FACE_HARNESS_DATASETS__EXPW__MARGIN", "7", ["datasets.expw.margin = '7'", "less than or equal to 1"]),
        ("FACE_HARNESS_DATASETS", "{", ["FACE_HARNESS_DATASETS", "JSON"]),
        ("FACE_HARNESS_BATCH_SIZE", "many", ["batch_size = 'many'", "valid integer"]),
        ("FACE_HARNESS_CONFIG", "none.toml", ["FACE_HARNESS_CONFIG", "none.toml", "no file"]),
    ],
)
def test_a_mistake_in_the_environment_is_one_sentence(
    name: str, value: str, words: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        resolve()
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("flags", "pairs", "words"),
    [
        ({}, ["margin"], "has no '='"),
        ({}, ["datasets.expw.margn=1"], "Did you mean 'datasets.expw.margin'?"),
        ({}, ["datasets.raf_db.classes=all"], "it must be 'basic' or 'compound'"),
        ({}, ["datasets=1", "datasets.expw.margin=0.1"], "it must be a table"),
        ({}, ["data.x=1", "data=2"], "Did you mean 'data'?"),
        ({}, ["data=1", "data=2"], "data is given twice"),
        ({"data": Path("1")}, ["data=2"], "by --data and by --set data=2"),
    ],
)
def test_a_mistake_in_a_flag_is_one_sentence(flags: dict[str, Any], pairs: list[str], words: str):
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        resolve(flags, pairs)


@pytest.mark.parametrize(
    ("key", "value", "near"),
    [("profile", "papr", "paper"), ("engine", "hff", "hf"), ("dtype", "fp16", "float16")],
)
def test_a_name_that_does_not_exist(key: str, value: str, near: str, written: Write):
    written(f"{key} = '{value}'")
    with pytest.raises(UnknownNameError, match=rf"harness.toml: unknown {key} '{value}'. Did you mean '{near}'\?"):
        resolve()
    Path("harness.toml").unlink()
    with pytest.raises(UnknownNameError, match=rf"--{key}: unknown {key}"):
        resolve({key: value})


def test_what_is_settled_for_engines():
    options = resolve({"device": "cpu", "batch_size": 4, "maps": Path("m")}).settings.engine_options()
    assert (options.profile, options.device, options.batch_size, options.maps) == ("tiny", "cpu", 4, Path("m"))


def test_the_resolved_cache_is_what_everything_uses(written: Write, tmp_path: Path):
    written('cache = "own"')
    assert cache_folder() != tmp_path / "own"
    resolve().export()
    assert cache_folder() == tmp_path / "own"


def printed(*words: str) -> str:
    done = CliRunner().invoke(app, ["config", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_config_prints_value_and_origin(written: Write, monkeypatch: pytest.MonkeyPatch):
    written("[datasets.expw]\nmargin = 0.1")
    monkeypatch.setenv("FACE_HARNESS_DATA", "/data/faces")
    lines = {" ".join(line.split()) for line in printed("--set", "dtype=float16").splitlines()}
    assert "data = /data/faces (environment FACE_HARNESS_DATA)" in lines
    assert "datasets.expw.margin = 0.1 (harness.toml)" in lines
    assert "dtype = float16 (--set dtype)" in lines
    assert "batch_size = (not set) (default)" in lines
    assert len(lines) == len(VALUES)


def test_config_as_json():
    rows = json.loads(printed("--json", "--set", "datasets.raf_db.classes=compound"))
    assert rows["datasets.raf-db.classes"] == {"value": "compound", "origin": "--set datasets.raf-db.classes"}
    assert list(rows) == list(VALUES)


def test_a_mistake_is_a_known_error():
    assert issubclass(ConfigError, HarnessError)
    with pytest.raises(ConfigError):
        CliRunner().invoke(app, ["config", "--set", "x=1"], catch_exceptions=False)
