"""Law: killed at any moment, a run loses at most the batch in flight, and going on asks nothing twice."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import AdapterError
from harness.records import Decoding, Response
from harness.runner import Runner
from harness.store import RunFolder
from tests.fakes import ScriptedEngine, Watcher, ask, case, planned

ROOT = Path(__file__).parents[2]


def child(folder: Path, count: int, die_after: int = -1, pause: float = 0.0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.fakes", str(folder), str(count), str(die_after), str(pause)]
    return subprocess.Popen(command, cwd=ROOT)


def keys_on_disk(folder: RunFolder) -> set[str]:
    return set(folder.read_responses("scripted", "fairface.gender"))


@pytest.mark.parametrize("die_after", [0, 4, 12])
def test_killed_between_batches_nothing_stored_is_asked_again(tmp_path: Path, die_after: int):
    assert child(tmp_path, 18, die_after).wait() == -signal.SIGKILL
    stored = keys_on_disk(RunFolder(tmp_path))
    assert len(stored) == die_after
    engine = ScriptedEngine()
    ask(RunFolder(tmp_path), engine, [case(n) for n in range(18)])
    assert set(engine.asked).isdisjoint(stored)
    assert len(engine.asked) == 18 - die_after
    assert len(keys_on_disk(RunFolder(tmp_path))) == 18


def test_killed_at_a_random_moment_at_most_one_batch_is_lost(tmp_path: Path):
    process = child(tmp_path, 400, pause=0.002)
    file = tmp_path / "responses" / "scripted" / "fairface.gender.jsonl"
    deadline = time.monotonic() + 60
    while not (file.exists() and file.stat().st_size > 3000) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    stored = keys_on_disk(RunFolder(tmp_path))
    assert 0 < len(stored) < 400
    engine = ScriptedEngine()
    ask(RunFolder(tmp_path), engine, [case(n) for n in range(400)])
    assert set(engine.asked).isdisjoint(stored)
    assert keys_on_disk(RunFolder(tmp_path)) == {case(n).key for n in range(400)}


@settings(max_examples=25)
@given(first=st.sets(st.integers(0, 12)), second=st.sets(st.integers(0, 12)), batch=st.integers(1, 5))
def test_whatever_was_asked_before_is_not_asked_again(
    tmp_path_factory: pytest.TempPathFactory, first: set[int], second: set[int], batch: int
):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    ask(folder, ScriptedEngine(batch=batch), [case(n) for n in first])
    engine = ScriptedEngine(batch=batch)
    outcome = ask(folder, engine, [case(n) for n in second])
    assert sorted(engine.asked) == sorted(case(n).key for n in second - first)
    assert outcome.asked == len(second - first)


def test_equal_pictures_are_asked_once(tmp_path: Path):
    twin = case(0).model_copy(update={"sample_id": "twin.jpg"})
    engine = ScriptedEngine()
    ask(RunFolder(tmp_path), engine, [case(0), twin, case(1)])
    assert engine.asked == [case(0).key, case(1).key]


def test_an_unreadable_image_is_one_failed_row_and_reaches_no_model(tmp_path: Path):
    engine = ScriptedEngine()
    folder = RunFolder(tmp_path)
    outcome = ask(folder, engine, [case(0), case(1, error="image 1.jpg cannot be read"), case(2)])
    assert outcome.failed == 1
    assert not outcome.complete
    assert case(1).key not in engine.asked
    assert len(engine.asked) == 2
    stored = folder.read_responses("scripted", "fairface.gender")[case(1).key]
    assert (stored.finish, stored.error) == ("failed", "image 1.jpg cannot be read")


def test_failed_rows_are_asked_again_only_on_request(tmp_path: Path):
    folder = RunFolder(tmp_path)
    failed = Response(key=case(0).key, sample_id="0.jpg", finish="failed", error="out of memory")
    folder.append_responses("scripted", "fairface.gender", [failed])
    engine = ScriptedEngine()
    assert ask(folder, engine, [case(0)]).failed == 1
    assert engine.asked == []
    assert ask(folder, engine, [case(0)], retry_failed=True).failed == 0
    assert engine.asked == [case(0).key]


def test_a_model_that_cannot_be_loaded_is_reported_and_the_others_go_on(tmp_path: Path):
    good = ScriptedEngine()

    def open_engine(name: str) -> ScriptedEngine:
        if name == "bad":
            raise AdapterError("no weights here")
        return good

    runner = Runner(RunFolder(tmp_path), Decoding(), open_engine, Watcher())
    outcome = runner.run({name: [planned([case(0)])] for name in ("bad", "good")})
    assert outcome.broken_models == {"bad": "no weights here"}
    assert not outcome.complete
    assert good.asked == [case(0).key]


def test_no_engine_is_opened_when_nothing_is_to_be_asked(tmp_path: Path):
    ask(RunFolder(tmp_path), ScriptedEngine(), [case(0)])

    def never(name: str) -> ScriptedEngine:
        raise AssertionError(f"{name} was loaded for nothing")

    watcher = Watcher()
    outcome = Runner(RunFolder(tmp_path), Decoding(), never, watcher).run({"scripted": [planned([case(0)])]})
    assert (outcome.asked, outcome.complete) == (0, True)
    assert watcher.begun == [("scripted", "fairface.gender", 1, 1)]
