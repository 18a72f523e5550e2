"""A real Ray cluster of several nodes on this machine: what a run stores there is what it stores without Ray."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster

from harness.engines import EngineOptions
from harness.errors import ConfigError
from harness.executors.options import RayOptions
from harness.main_job import Options, main_job
from harness.records import Response
from harness.runner import Outcome
from harness.store import RunFolder, rows_file
from tasks.toy import write_toy

ROOT = Path(__file__).parents[3]
ADAPTERS = ROOT / "tests" / "ray_adapters.py"
QUESTION = "raf-db"
COUNT = 48
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
FAST = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 300, "health_check_failure_threshold": 3}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # Ray's sockets lie there, and their paths must be short
    head = {**NODE, "num_cpus": 0, "node_ip_address": "127.0.0.2", "temp_dir": folder, "_system_config": FAST}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(**NODE, node_ip_address="127.0.0.3")
    made.add_node(**NODE, node_ip_address="127.0.0.4")
    yield made
    made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("data")
    write_toy(base, test=COUNT, train=0, seed=5, datasets=[QUESTION])
    return base


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    file = tmp_path / "asked.diary"
    file.touch()
    return file


def run(
    cluster: Cluster | None, data: Path, out: Path, *models: str, limit: int | None = None
) -> tuple[Outcome, RunFolder, str]:
    """A run on the cluster, or on this machine without one, and what it said."""
    said = io.StringIO()
    options = Options(
        models=models, tasks=(QUESTION,), data=data, out=out, limit=limit, executor="ray" if cluster else "local",
        ray=RayOptions(address=cluster.address if cluster else None), engine=EngineOptions(batch_size=4),
    )  # fmt: skip
    outcome = main_job(options, Console(file=said, width=400))
    return outcome, RunFolder.existing(out), said.getvalue()


def slow(diary: Path, kind: str = "Slow") -> str:
    return f"{ADAPTERS}:{kind}@{diary.with_suffix('')}"


def stored(folder: RunFolder, model: str) -> list[tuple[str, str]]:
    """Key and text of every row on disk, sorted; a key that is there twice stands here twice."""
    lines = (folder.path / rows_file("responses", model, QUESTION)).read_text().splitlines()
    rows = map(Response.model_validate_json, lines)
    return sorted((row.key, row.text) for row in rows)


def at_work(diary: Path) -> list[tuple[str, int]]:
    """Node and process of each batch that was begun."""
    lines = [line.split() for line in diary.read_text().splitlines()]
    return [(node, int(pid)) for node, pid, *_ in lines]


def times_asked(diary: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in diary.read_text().splitlines():
        for key in line.split()[2:]:
            counts[key] = counts.get(key, 0) + 1
    return counts


class Accident(threading.Thread):
    """Does something to the node and process of the sixth batch, while the run goes on."""

    def __init__(self, diary: Path, happen: Callable[[str, int], None]) -> None:
        super().__init__(daemon=True)
        self.diary, self.happen, self.happened = diary, happen, False
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while len(begun := at_work(self.diary)) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.happen(*begun[-1])
        self.happened = True


def expected(data: Path, out: Path, diary: Path) -> list[tuple[str, str]]:
    outcome, folder, _ = run(None, data, out, slow(diary))
    assert outcome.complete
    return stored(folder, slow(diary))


def test_a_process_that_is_killed_costs_its_batch_alone(cluster: Cluster, data: Path, tmp_path: Path, diary: Path):
    accident = Accident(diary, lambda node, pid: os.kill(pid, signal.SIGKILL))
    outcome, folder, said = run(cluster, data, tmp_path / "run", slow(diary))
    assert accident.happened
    assert outcome.complete
    assert outcome.asked == COUNT
    counts = times_asked(diary)
    assert {*counts.values()} <= {1, 2}
    assert sum(counts.values()) <= COUNT + 4  # the batch in hand, and perhaps one whose answer was on its way
    assert "a copy on 127.0.0." in said
    assert stored(folder, slow(diary)) == expected(data, tmp_path / "local", diary)


def test_a_node_that_is_lost_costs_nothing_but_time(cluster: Cluster, data: Path, tmp_path: Path, diary: Path):
    def lose(node: str, _: int) -> None:
        (there,) = [one for one in cluster.list_all_nodes() if one.node_id == node]
        cluster.remove_node(there, allow_graceful=False)

    accident = Accident(diary, lose)
    try:
        outcome, folder, said = run(cluster, data, tmp_path / "run", slow(diary))
    finally:
        cluster.add_node(**NODE, node_ip_address="127.0.0.5")
    assert accident.happened
    assert outcome.complete
    assert "a copy on 127.0.0." in said
    assert len({node for node, _ in at_work(diary)}) == 2
    assert sum(times_asked(diary).values()) <= COUNT + 4
    assert stored(folder, slow(diary)) == expected(data, tmp_path / "local", diary)


def test_models_that_break_are_sentences_and_the_others_go_on(
    cluster: Cluster, data: Path, tmp_path: Path, diary: Path
):
    names = {kind: slow(diary, kind) for kind in ("Absent", "Broke", "Crashing")}
    outcome, folder, said = run(cluster, data, tmp_path / "run", *names.values(), "echo", limit=20)
    assert outcome.broken_models[names["Absent"]] == "there are no weights here"
    assert outcome.stopped_models == {names["Broke"]: "the budget is used up"}
    assert "died 3 times while it was answering the same" in outcome.broken_models[names["Crashing"]]
    assert len(stored(folder, "echo")) == 20
    assert "Traceback" not in said
    run_json = folder.run()
    assert run_json["engines"]["echo"] == {"executor": "ray", "shards": 2, "cards": 0}


def test_a_bug_is_a_traceback(cluster: Cluster, data: Path, tmp_path: Path, diary: Path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(cluster, data, tmp_path / "run", slow(diary, "Buggy"), limit=4)


def test_a_network_says_on_two_nodes_what_it_says_here(cluster: Cluster, data: Path, tmp_path: Path):
    model = "llava-v1.5-7b"
    outcome, there, _ = run(cluster, data, tmp_path / "ray", model, limit=40)
    assert outcome.complete
    _, here, _ = run(None, data, tmp_path / "local", model, limit=40)
    assert stored(there, model) == stored(here, model)
    assert len({text for _, text in stored(here, model)}) > 2


def test_after_the_driver_is_killed_the_same_command_goes_on(cluster: Cluster, data: Path, tmp_path: Path, diary: Path):
    words = ["run", "--executor", "ray", "--address", cluster.address, "--models", slow(diary), "--tasks", QUESTION]
    command = [sys.executable, "-m", "harness", *words, "--data", str(data), "--out", str(tmp_path / "run")]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    accident = Accident(diary, lambda *_: driver.kill())
    driver.communicate(timeout=120)
    accident.join()
    folder = RunFolder.existing(tmp_path / "run")
    before = {key for key, _ in stored(folder, slow(diary))}
    assert 0 < len(before) < COUNT
    time.sleep(0.5)  # the actors end with their driver
    diary.write_text("")
    outcome, folder, _ = run(cluster, data, tmp_path / "run", slow(diary))
    assert outcome.asked == COUNT - len(before)
    assert before.isdisjoint(times_asked(diary))
    assert stored(folder, slow(diary)) == expected(data, tmp_path / "local", diary)


def test_cards_go_to_the_process(cluster: Cluster, data: Path, tmp_path: Path, diary: Path):
    node = cluster.add_node(**NODE, num_gpus=2, node_ip_address="127.0.0.6")
    try:
        options = Options(
            models=(slow(diary),), tasks=(QUESTION,), data=data, out=tmp_path / "run", limit=2, executor="ray",
            ray=RayOptions(address=cluster.address, cards=2),
        )  # fmt: skip
        assert main_job(options, Console(file=io.StringIO())).complete
    finally:
        cluster.remove_node(node)
    said = RunFolder.existing(tmp_path / "run").run()["engines"][slow(diary)]
    assert said == {"engine": "slow", "cards": 2, "device": "cuda", "executor": "ray", "shards": 1}


@pytest.mark.parametrize(
    ("device", "address", "words"),
    [
        ("cuda:1", None, "Ray that chooses the card"),
        ("auto", "ray://127.0.0.1:1", "Ray Client"),
        ("auto", "127.0.0.1:1", "no Ray cluster at 127.0.0.1:1"),
    ],
)
def test_what_cannot_be_joined_is_a_sentence(data: Path, tmp_path: Path, device: str, address: str | None, words: str):
    options = Options(
        models=("echo",), tasks=(QUESTION,), data=data, out=tmp_path, limit=2, executor="ray",
        ray=RayOptions(address=address), engine=EngineOptions(device=device),
    )  # fmt: skip
    with pytest.raises(ConfigError, match=words):
        main_job(options, Console(file=io.StringIO()))


def test_a_gpu_that_no_node_has_is_a_sentence(cluster: Cluster, data: Path, tmp_path: Path):
    options = Options(
        models=("echo",), tasks=(QUESTION,), data=data, out=tmp_path, limit=2, executor="ray",
        ray=RayOptions(address=cluster.address), engine=EngineOptions(device="cuda"),
    )  # fmt: skip
    with pytest.raises(ConfigError, match="has no GPU"):
        main_job(options, Console(file=io.StringIO()))
