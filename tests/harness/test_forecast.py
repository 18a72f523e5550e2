"""The forecast: what is here, what fits, what is left to ask, how long it takes; what does not fit names its cure."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from adapters.registry import spec
from adapters.spec import ModelSpec
from harness import forecast as module
from harness.checkpoints import Whereabouts
from harness.devices import Device
from harness.engines import EngineOptions
from harness.forecast import Forecast, forecast
from harness.memory import ALLOWANCE_GB
from harness.overview import show_forecast
from harness.records import Response
from harness.speeds import Speed, note_speeds
from harness.store import RunFolder
from tests.fakes import case, planned
from tests.hub import fake_hub

PAPER = EngineOptions(profile="paper", device="cuda")
H100 = Device(kind="gpu", name="NVIDIA H100 80GB HBM3", memory_gb=79.0)
CPU = Device(kind="cpu", name="CPU", memory_gb=64.0)
SMALL = Device(kind="gpu", name="NVIDIA T4", memory_gb=15.0)
QUESTIONS = [planned([case(number) for number in range(20)]), planned([case(number) for number in range(10)], "maad")]
LLAVA = "llava-v1.5-7b"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a hub cache, a disk and a device of the tests' own."""
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(module, "_free", lambda folder: 500.0)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def seen(folder: RunFolder, *names: str, options: EngineOptions = PAPER, device: Device = H100) -> Forecast:
    specs = {name: spec(name) for name in names or (LLAVA,)}
    return forecast(specs, options, device, folder, dict.fromkeys(specs, QUESTIONS))


def test_nothing_is_written_or_loaded(folder: RunFolder, tmp_path: Path):
    before = set(sys.modules)
    found = seen(folder)
    assert list(tmp_path.iterdir()) == []
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("torch", "transformers")}
    assert found.warnings == ()


@pytest.mark.parametrize("options", [PAPER, EngineOptions()])
def test_an_endpoint_needs_nothing_here(folder: RunFolder, options: EngineOptions):
    name = "openai:face-model@http://localhost:8000/v1"
    found = seen(folder, name, options=options)
    assert found.models[0].checkpoint == Whereabouts(place="endpoint")
    assert found.models[0].memory_gb is None
    assert (found.missing_gb, found.warnings) == (0, ())
    assert f"{name}: endpoint http://localhost:8000/v1, 30 requests" in shown(found)


def test_the_checkpoint_is_looked_for(folder: RunFolder, tmp_path: Path):
    assert seen(folder).models[0].checkpoint == Whereabouts(place="hub", missing_gb=14.1)
    fake_hub(tmp_path / "hub", "llava-hf/llava-1.5-7b-hf", {"config.json": b"{}"})
    assert seen(folder).models[0].checkpoint.place == "partial"
    own = f"{LLAVA}@{spec(LLAVA).miniature}"
    assert seen(folder, own).models[0].checkpoint.place == "folder"
    assert seen(folder, "echo").models[0].checkpoint.place == "none"


def test_memory_is_parameters_by_their_width(folder: RunFolder):
    assert seen(folder).models[0].memory_gb == pytest.approx(7.1 * 2 + ALLOWANCE_GB)
    wide = PAPER.model_copy(update={"dtype": "float32"})
    assert seen(folder, options=wide).models[0].memory_gb == pytest.approx(7.1 * 4 + ALLOWANCE_GB)
    assert seen(folder, device=CPU).models[0].memory_gb == pytest.approx(7.1 * 4 + ALLOWANCE_GB)


def test_memory_of_a_folder_is_counted_in_it(folder: RunFolder):
    found = seen(folder, f"{LLAVA}@{spec(LLAVA).miniature}").models[0].memory_gb
    assert found == pytest.approx(ALLOWANCE_GB, abs=0.05)
    assert seen(folder, "echo", "hf:owner/model").models[1].memory_gb is None


def test_too_little_memory_is_a_warning_with_a_cure(folder: RunFolder):
    (said,) = seen(folder, LLAVA, "phi-3.5-vision", device=SMALL).warnings
    assert "15.0 GB of memory of NVIDIA T4" in said
    assert "llava-v1.5-7b (16.2 GB)" in said
    assert "phi" not in said
    assert "--device" in said
    assert "bfloat16" not in said
    (said,) = seen(folder, options=PAPER.model_copy(update={"dtype": "float32"}), device=SMALL).warnings
    assert "--dtype bfloat16" in said


def test_too_little_disk_is_a_warning_with_a_cure(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_free", lambda folder: 20.0)
    assert seen(folder).warnings == ()
    found = seen(folder, LLAVA, "phi-3.5-vision")
    assert found.missing_gb == pytest.approx(22.4)
    assert "22.4 GB are to be downloaded" in found.warnings[0]
    assert "20.0 GB free" in found.warnings[0]
    assert "HF_HUB_CACHE" in found.warnings[0]


def test_what_is_answered_needs_no_download(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    answer_all(folder)
    monkeypatch.setattr(module, "_free", lambda folder: 1.0)
    assert seen(folder, device=SMALL).warnings == ()


def test_offline_without_the_weights_is_a_warning(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (said,) = seen(folder).warnings
    assert "HF_HUB_OFFLINE" in said
    assert f"{LLAVA}@FOLDER" in said


def test_names_that_no_checkpoint_can_have(folder: RunFolder):
    (said,) = seen(folder, f"{LLAVA}@/no/such/folder").warnings
    assert "no such folder" in said


def test_a_missing_gpu_is_a_warning(folder: RunFolder):
    (said,) = seen(folder, device=Device(kind="none", name="cuda")).warnings
    assert "'cuda'" in said
    assert "--device auto" in said


def answer_all(folder: RunFolder, finish: str = "stop") -> None:
    for item in QUESTIONS:
        rows = [Response.model_validate({"key": c.key, "sample_id": c.sample_id, "finish": finish}) for c in item.cases]
        folder.append_responses(LLAVA, item.question.name, rows)


def test_requests_planned_answered_and_left(folder: RunFolder):
    found = seen(folder).models[0]
    assert (found.planned, found.left) == (30, 30)
    rows = [Response(key=case(n).key, sample_id="", finish="failed" if n == 0 else "stop") for n in range(5)]
    folder.append_responses(LLAVA, "maad", rows)
    assert seen(folder).models[0].left == 25
    assert (
        forecast({LLAVA: spec(LLAVA)}, PAPER, H100, folder, {LLAVA: QUESTIONS}, retry_failed=True).models[0].left == 26
    )


def test_time_is_measured_or_guessed_or_unknown(folder: RunFolder):
    found = seen(folder).models[0].time
    assert found.basis == "guess"
    assert found.seconds
    measure(H100.name, "agr", 10.0)
    assert seen(folder).models[0].time.basis == "guess"  # descriptions were not measured
    measure(H100.name, "attr", 2.0)
    found = seen(folder).models[0].time
    assert (found.basis, found.seconds) == ("measured", pytest.approx(20 / 10 + 10 / 2))
    found = seen(folder, device=CPU).models[0].time
    assert (found.basis, found.seconds) == ("unknown", None)
    answer_all(folder)
    assert seen(folder, device=CPU).models[0].time.seconds == 0


def test_many_cards_share_the_work(folder: RunFolder):
    alone = seen(folder).models[0].time.seconds
    eight = seen(folder, device=H100.model_copy(update={"cards": 8})).models[0].time.seconds
    assert alone
    assert eight == pytest.approx(alone / 8)


def measure(device: str, task: str, rate: float) -> None:
    note_speeds([Speed(model=LLAVA, profile="paper", task=task, device=device, requests=100, seconds=100 / rate)])


def shown(found: Forecast) -> list[str]:
    out = io.StringIO()
    show_forecast(found, Console(file=out))
    return out.getvalue().splitlines()


LISTED = ("faceinsight@runs/x/a/folder/with/a/long/name", LLAVA, "llava-onevision-7b-si", "hf:owner/model")


def test_the_table_has_a_row_per_model_and_fits(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_free", lambda folder: 1.0)
    lines = shown(seen(folder, *LISTED, device=SMALL))
    assert max(map(len, lines)) < 100
    (row,) = (line for line in lines if line.split()[:1] == [LLAVA])
    assert "to download, 14.1 GB" in row
    assert "16.2 GB" in row
    assert "(guess)" in row
    assert any("size unknown" in line for line in lines)
    assert sum(line.startswith("warning: ") for line in lines) == 3


def test_the_tiny_profile_says_one_line(folder: RunFolder):
    lines = shown(seen(folder, LLAVA, "nvila-8b", options=EngineOptions(), device=CPU))
    assert lines == ["2 models, 60 requests planned, 0 answered before, 60 to ask: time not measured yet"]


def test_a_model_without_a_list_entry_is_no_obstacle(folder: RunFolder):
    own = ModelSpec(name="own", adapter="adapters.generic:Generic", checkpoint="owner/own")
    found = forecast({"own": own}, PAPER, H100, folder, {"own": QUESTIONS}).models[0]
    assert (found.memory_gb, found.checkpoint.missing_gb, found.time.basis) == (None, None, "unknown")
