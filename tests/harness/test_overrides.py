"""What is chosen about models: from a flag, a file or the environment to the pictures, and never two in one folder."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness import keys
from harness.cli import app
from harness.engines import EngineOptions
from harness.errors import AdapterError, ConfigError, StoreError, UnknownNameError
from harness.main_job import Options, main_job
from harness.manifest import note_engine
from harness.overrides import of_models, typed, unused
from harness.settings import FILE_VARIABLE, PREFIX, Settings, resolve
from harness.store import RunFolder

QWEN, INTERN = "qwen2.5-vl-7b", "internvl2.5-8b"
FILE = f'[protocol."{QWEN}"]\nmax_pixels = 1003520\nmin_pixels = 4096\n'


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)
    for key in (*keys.leaves(Settings), "protocol"):
        monkeypatch.delenv(PREFIX + key.upper().replace(".", "__").replace("-", "_"), raising=False)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)


def test_file_environment_and_flags_mix_field_by_field(monkeypatch: pytest.MonkeyPatch):
    Path("harness.toml").write_text(FILE)
    monkeypatch.setenv("FACE_HARNESS_PROTOCOL", json.dumps({QWEN: {"min_pixels": 3136}, INTERN: {"max_tiles": 6}}))
    found = resolve(protocol=[f"{INTERN}.max_tiles=1"], pairs=["protocol.phi-3.5-vision.num_crops=4"])
    assert found.settings.protocol == {
        QWEN: {"max_pixels": 1003520, "min_pixels": 3136},
        INTERN: {"max_tiles": 1},
        "phi-3.5-vision": {"num_crops": 4},
    }
    rows = {key: origin for key, _, origin in found.rows() if key.startswith("protocol.")}
    assert rows == {
        f"protocol.{QWEN}.max_pixels": "harness.toml",
        f"protocol.{QWEN}.min_pixels": "environment FACE_HARNESS_PROTOCOL",
        f"protocol.{INTERN}.max_tiles": f"--protocol {INTERN}.max_tiles",
        "protocol.phi-3.5-vision.num_crops": "--set protocol.phi-3.5-vision.num_crops",
    }


def test_nothing_chosen_leaves_no_row():
    assert resolve().settings.protocol == {}
    assert not [key for key, _, _ in resolve().rows() if key.startswith("protocol")]


def test_config_shows_what_is_chosen():
    done = CliRunner().invoke(app, ["config", "--protocol", f"{QWEN}.max_pixels=50176"], catch_exceptions=False)
    assert f"protocol.{QWEN}.max_pixels = 50176" in done.stdout


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ([f"{QWEN}.max_pixels"], "has no '=': write --protocol MODEL.KEY=VALUE"),
        ([f"{QWEN}.max_pixels=1", f"{QWEN}.max_pixels=2"], "given twice"),
        (["max_pixels=1"], "unknown setting 'protocol.max_pixels'"),
    ],
)
def test_a_mistake_in_the_flag_is_a_sentence(protocol: list[str], words: str):
    with pytest.raises(ConfigError, match=words):
        resolve(protocol=protocol)


@pytest.mark.parametrize("text", ["protocol = 3", f'[protocol."{QWEN}"]\nmax_pixels = [1]', "[protocol]\nqwen = 3"])
def test_a_mistake_in_the_file_is_a_sentence(text: str):
    Path("harness.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"harness\.toml: protocol"):
        resolve()


def test_values_are_read_as_they_are_meant():
    texts = ("7", "1_003_520", "-1", "0.5", "true", "false", "decisions", "1.2.3")
    assert [typed(text) for text in texts] == [7, 1003520, -1, 0.5, True, False, "decisions", "1.2.3"]


def test_a_choice_for_a_name_holds_for_its_checkpoints_too():
    chosen = {QWEN: {"min_pixels": 1, "max_pixels": 2}, f"{QWEN}@own": {"max_pixels": 3}, INTERN: {"max_tiles": 2}}
    found = of_models(chosen, [f"{QWEN}@own", f"{QWEN}@other", "echo"], "tiny")
    assert found == {
        f"{QWEN}@own": {"min_pixels": 1, "max_pixels": 3},
        f"{QWEN}@other": {"min_pixels": 1, "max_pixels": 2},
    }
    assert unused(chosen, [f"{QWEN}@own"]) == [INTERN]


def test_what_the_profile_has_already_is_no_choice():
    assert of_models({QWEN: {"min_pixels": 200_704}}, [QWEN], "paper") == {}
    assert of_models({QWEN: {"min_pixels": 200_704}}, [QWEN], "tiny") == {QWEN: {"min_pixels": 200_704}}
    assert of_models({QWEN: {"min_pixels": 0}}, [QWEN], "tiny") == {}  # the checkpoint's, as it is anyway
    assert of_models({QWEN: {"min_pixels": 0}}, [QWEN], "paper") == {QWEN: {"min_pixels": 0}}


def test_a_model_that_is_not_asked_is_looked_up_all_the_same():
    with pytest.raises(UnknownNameError, match=r"unknown model 'qwen2.5-vl'. Did you mean 'qwen2.5-vl-7b'"):
        of_models({"qwen2.5-vl": {"max_pixels": 1}}, ["echo"], "tiny")
    with pytest.raises(UnknownNameError, match="Did you mean 'max_tiles'"):
        of_models({INTERN: {"max_tile": 1}}, ["echo"], "tiny")
    with pytest.raises(AdapterError, match=r"'tile_size' of internvl2\.5-8b is 448"):
        of_models({INTERN: {"tile_size": 224}}, ["echo"], "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tasks.toy import write_toy

    folder = tmp_path_factory.mktemp("data")
    write_toy(folder, test=4, train=0, seed=3)
    return folder


def job(data: Path, out: str, model: str = QWEN, **fields: int) -> dict[str, object]:
    options = Options(
        models=(model,), tasks=("raf-db",), data=data, out=Path(out), protocol={QWEN: fields} if fields else {},
        engine=EngineOptions(device="cpu"), max_new_tokens=4,
    )  # fmt: skip
    assert main_job(options, Console(file=io.StringIO())).complete
    return RunFolder(Path(out)).run()


def tokens(out: str) -> set[int | None]:
    return {row.image_tokens for row in RunFolder(Path(out)).read_responses(QWEN, "raf-db").values()}


def test_a_choice_reaches_the_pictures_and_run_json(data: Path):
    usual, chosen = job(data, "usual"), job(data, "chosen", max_pixels=1024, min_pixels=256)
    assert tokens("usual") == {16}
    assert tokens("chosen") == {4}
    assert usual["policies"] == {}
    assert chosen["policies"] == {QWEN: {"max_pixels": 1024, "min_pixels": 256}}
    assert usual["protocol"] == chosen["protocol"] | {"data_root": usual["protocol"]["data_root"]}
    loaded = chosen["engines"][QWEN]
    assert loaded["protocol"] == {"min_pixels": 256, "max_pixels": 1024, "token_side": 16}
    assert loaded["policy"] == (
        "resized, aspect kept, to between 256 and 1,024 pixels: a token per 16 x 16 pixels"
    )  # fmt: skip


def test_answers_of_two_policies_do_not_mix(data: Path):
    job(data, "run")
    with pytest.raises(
        StoreError, match=r"answers of qwen2.5-vl-7b with another protocol \(max_pixels as usual -> 1024"
    ):
        job(data, "run", max_pixels=1024, min_pixels=256)
    job(data, "run", model="echo")  # of another model nothing is mixed
    job(data, "run")
    job(data, "other", max_pixels=1024, min_pixels=256)
    with pytest.raises(StoreError, match="another protocol"):
        job(data, "other")


def test_a_folder_of_before_there_was_a_choice_stays_valid(data: Path):
    folder, before = RunFolder(Path("run")), job(data, "run")
    del before["policies"], before["engines"][QWEN]["policy"], before["engines"][QWEN]["protocol"]["token_side"]
    folder.write_run(before)
    assert job(data, "run")["policies"] == {}


class Loaded:
    """An engine that says what protocol it has."""

    def __init__(self, **protocol: int) -> None:
        self.protocol = protocol

    def identity(self) -> dict[str, object]:
        return {"protocol": self.protocol}


def test_a_checkpoint_that_came_with_another_policy_is_met_when_it_is_loaded(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.write_run({"models": ["m"]})
    note_engine(folder, "m", Loaded(max_tiles=12))
    note_engine(folder, "m", Loaded(max_tiles=12, tile_size=448))  # a later version records more
    with pytest.raises(AdapterError, match="max_tiles 12 -> 6"):
        note_engine(folder, "m", Loaded(max_tiles=6, tile_size=448))
