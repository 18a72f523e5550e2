"""Which executor opens an engine where, without a cluster: what stays here, what is refused, what a node looks at."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.errors import AdapterError, ConfigError
from harness.executors import Local, executor
from harness.executors import cluster as module
from harness.executors.options import RayOptions
from harness.executors.worker import Complaint, Order, Worker, code
from harness.images import digest, read
from harness.records import Decoding, ImageRef, Request, request_key
from harness.versions import versions
from tests.fakes import ScriptedEngine, picture
from tests.tiny_models import checkpoint


def silent(sentence: str) -> None:
    raise AssertionError(sentence)


def test_the_local_executor_imports_no_ray():
    words = "import sys; import harness.main_job, harness.executors; assert 'ray' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", words], timeout=120).returncode == 0


def test_the_local_executor_opens_engines_here():
    with executor("local", RayOptions(), EngineOptions(device="cpu"), silent) as place:
        assert isinstance(place, Local)
        assert place.device.kind == "cpu"
        assert hasattr(place.open_engine(spec("echo"), EngineOptions(), 3), "replies")


def test_without_ray_the_cure_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(module, "_own_network", dict)
    ray = executor("ray", RayOptions(address="local"), EngineOptions(), silent)
    with pytest.raises(ConfigError, match=r"pip install -e \.\[ray\]"):
        ray.__enter__()


def test_a_model_behind_a_server_is_asked_from_here(monkeypatch: pytest.MonkeyPatch):
    engine = ScriptedEngine()
    monkeypatch.setattr(module, "open_engine", lambda spec, options: engine)
    place = module.RayExecutor(RayOptions(), EngineOptions(), silent)
    assert place.open_engine(spec("openai:m@http://localhost:8000/v1"), EngineOptions(), 9) is engine


def test_transformers_has_one_card():
    found = spec(f"llava-v1.5-7b@{checkpoint('llava-v1.5-7b')}")
    with pytest.raises(AdapterError, match=r"needs 2 cards.*--engine vllm"):
        open_engine(found, EngineOptions(device="cpu", cards=2))


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(
        spec=spec("echo"), options=EngineOptions(), folder=tmp_path, environment={}, fingerprint="",
        versions=versions(), code=code(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": Path("/no/such/folder")}, "has no folder /no/such/folder"),
        ({"versions": versions() | {"torch": "1.0"}}, "instead of 1.0"),
        ({"code": "other"}, "other code of the harness"),
        ({"fingerprint": "other"}, "other weights"),
    ],
)
def test_a_node_that_differs_is_named(order: Order, change: dict, words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(Path.cwd())  # a worker goes where the command was started
    worker = Worker()
    worker._same_place(order)
    with pytest.raises(AdapterError, match=words):
        worker._same_place(order.model_copy(update=change))


def request(path: Path, key: str = "") -> Request:
    ref = ImageRef(path=path)
    key = key or request_key(digest(read(ref)), "Who?", Decoding())
    return Request(key=key, sample_id=path.name, image=ref, text="Who?")


def ask(*requests: Request) -> list:
    worker = Worker()
    worker._engine, worker._address = ScriptedEngine(), "10.0.0.3"
    return list(worker.ask(requests, Decoding()))


def test_a_node_without_the_pictures_or_with_others_is_named(tmp_path: Path):
    here = request(picture(tmp_path / "a.png", 1))
    assert [row.text for batch in ask(here, here) for row in batch] == ["The person is female."] * 2
    picture(tmp_path / "a.png", 2)
    [said] = ask(here)
    assert isinstance(said, Complaint)
    assert said.kind is AdapterError
    assert "node 10.0.0.3 has another picture in" in said.sentence
    (tmp_path / "a.png").unlink()
    [said] = ask(here)
    assert "node 10.0.0.3: image" in said.sentence
    assert "same path on every node" in said.sentence


def test_a_failure_names_its_node():
    worker = Worker()
    worker._address = "10.0.0.3"
    row = ScriptedEngine().generate([Request(key="k", sample_id="s", image=ImageRef(path="x"), text="?")], Decoding())
    (answered,) = next(iter(row))
    assert worker._signed(answered) == answered
    failed = answered.model_copy(update={"finish": "failed", "error": "no memory"})
    assert worker._signed(failed).error == "no memory (on node 10.0.0.3)"


def test_no_key_is_passed_on(monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "FACE_HARNESS_ENDPOINT__API_KEY_ENV"):
        monkeypatch.setenv(name, "a-secret")
    monkeypatch.setenv("HF_HOME", "/models")
    place = module.RayExecutor(RayOptions(), EngineOptions(), silent)
    made = place._order(spec("echo"), EngineOptions(), module.Share())
    assert made.environment["HF_HOME"] == "/models"
    assert "a-secret" not in made.model_dump_json(exclude={"spec"}) + repr(made)
