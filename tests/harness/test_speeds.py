"""Measured speeds: what is written is read, a handful of answers measures nothing, load times are left out."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.places import cache_folder
from harness.speeds import ENOUGH, FILE, Speed, Stopwatch, note_speeds, read_speeds
from tests.fakes import Watcher

NAMES = st.sampled_from(["a", "b"])
SPEEDS = st.builds(
    Speed,
    model=NAMES,
    profile=st.just("tiny"),
    task=NAMES,
    device=NAMES,
    requests=st.integers(100, 300),
    seconds=st.floats(0.1, 100),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path))
    return cache_folder()


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(SPEEDS, max_size=8))
def test_the_newest_of_each_kind_is_read_again(rows: list[Speed], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("speeds")
    for row in rows:
        note_speeds([row], folder)
    assert {row.key: row for row in read_speeds(folder)} == {row.key: row for row in rows}


def speed(requests: int, seconds: float = 1.0) -> Speed:
    return Speed(model="m", profile="paper", task="attr", device="d", requests=requests, seconds=seconds)


def test_a_try_with_a_handful_of_faces_does_not_replace_a_long_measurement(tmp_path: Path):
    note_speeds([speed(1000)], tmp_path)
    note_speeds([speed(10)], tmp_path)
    assert [row.requests for row in read_speeds(tmp_path)] == [1000]
    note_speeds([speed(400)], tmp_path)
    assert [row.requests for row in read_speeds(tmp_path)] == [400]


@pytest.mark.parametrize("content", ["", "[{", "{}", '[{"model": "m"}]'])
def test_a_damaged_file_says_nothing_and_is_replaced(content: str, tmp_path: Path):
    (tmp_path / FILE).write_text(content)
    assert read_speeds(tmp_path) == []
    note_speeds([speed(20)], tmp_path)
    assert read_speeds(tmp_path) == [speed(20)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stopwatch_measures_by_model_and_kind_of_question(cache: Path):
    clock, inner = Clock(), Watcher()
    kinds = {"fairface.age": "agr", "fairface.race": "agr", "maad": "attr"}
    with Stopwatch(inner, kinds, "paper", "a GPU", clock) as watch:
        for model, rate in (("fast", 10.0), ("slow", 1.0)):
            for question in kinds:
                clock.now += 60  # loading
                watch.begin(model, question, 20, 0)
                clock.now += 20 / rate
                watch.advance(20)
                watch.end()
            if model == "fast":
                assert read_speeds(cache) == []
    found = {(row.model, row.task): (row.requests, row.rate) for row in read_speeds(cache)}
    assert found == {
        ("fast", "agr"): (40, 10.0),
        ("fast", "attr"): (20, 10.0),
        ("slow", "agr"): (40, 1.0),
        ("slow", "attr"): (20, 1.0),
    }
    assert {row.device for row in read_speeds(cache)} == {"a GPU"}
    assert inner.advanced == 120


def test_the_first_model_is_written_when_the_second_begins(cache: Path):
    clock = Clock()
    watch = Stopwatch(Watcher(), {"maad": "attr"}, "paper", "d", clock)
    watch.begin("first", "maad", 20, 0)
    watch.advance(20)
    clock.now += 1
    watch.end()
    watch.end()  # as the runner does when a model breaks off
    watch.begin("second", "maad", 20, 0)
    assert [(row.model, row.requests) for row in read_speeds(cache)] == [("first", 20)]


def test_a_model_asked_otherwise_than_usual_is_no_measure(cache: Path):
    clock = Clock()
    with Stopwatch(Watcher(), {"maad": "attr"}, "paper", "d", clock, aside={"chosen": {"max_tiles": 1}}) as watch:
        for model in ("chosen", "usual"):
            watch.begin(model, "maad", 20, 0)
            clock.now += 1
            watch.advance(20)
            watch.end()
    assert [row.model for row in read_speeds(cache)] == ["usual"]


def test_few_answers_measure_nothing(cache: Path):
    with Stopwatch(Watcher(), {"maad": "attr"}, "paper", "d") as watch:
        watch.begin("m", "maad", 20, 0)
        watch.advance(ENOUGH - 1)
        watch.end()
    assert list(cache.iterdir()) == []
