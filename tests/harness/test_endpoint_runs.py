"""Whole runs against an endpoint: the budget, going on, and a key that is nowhere."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.engines import EndpointOptions, EngineOptions
from harness.errors import ConfigError
from harness.main_job import Options, main_job
from harness.runner import Outcome
from tests.endpoint import STALL, Act, Server, complaint, serving

ROOT = Path(__file__).parents[2]
KEY = "sk-a-secret-that-nobody-may-see"
QUESTIONS = ("fairface.gender", "raf-db")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tasks.toy import write_toy

    folder = tmp_path_factory.mktemp("endpoint") / "data"
    write_toy(folder, test=6, train=0, seed=9)
    return folder


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACE_HARNESS_CONFIG", str(ROOT / "tests" / "empty.toml"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def run(server: Server, data: Path, out: Path, also: tuple[str, ...] = (), **options: Any) -> tuple[Outcome, str]:
    endpoint = EndpointOptions(**{"timeout": 10.0, "max_retries": 0} | options)
    words = Options(
        models=(name(server), *also), tasks=QUESTIONS, data=data, out=out, engine=EngineOptions(endpoint=endpoint)
    )
    said = io.StringIO()
    return main_job(words, Console(file=said)), said.getvalue()


def name(server: Server) -> str:
    return f"openai:org/face-model@{server.url}"


def rows(out: Path) -> list[dict[str, Any]]:
    files = sorted((out / "responses").glob("openai*/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def everything_in(folder: Path) -> bytes:
    return b"".join(str(file).encode() + file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def command(server: Server, data: Path, out: Path, *words: str) -> list[str]:
    asked = ["--models", name(server), "--tasks", ",".join(QUESTIONS), "--data", str(data), "--out", str(out)]
    return [sys.executable, "-m", "harness", "run", *asked, *words]


def test_a_run_beside_a_local_model_and_its_report(server: Server, data: Path, tmp_path: Path):
    outcome, said = run(server, data, tmp_path / "run", also=("echo",))
    assert outcome.complete
    assert f"{name(server)}: endpoint {server.url}, 12 requests" in said.replace("\n", "")
    assert len(rows(tmp_path / "run")) == len(server.bodies) == 12
    written = json.loads((tmp_path / "run" / "run.json").read_text())
    assert written["engines"][name(server)]["url"] == server.url
    assert written["checkpoints"][name(server)] == f"org/face-model@{server.url}"
    assert "org/face-model" in (tmp_path / "run" / "report" / "index.html").read_text()
    again, _ = run(server, data, tmp_path / "run", also=("echo",))
    assert (again.asked, len(server.bodies)) == (0, 12)


def test_requests_hold_no_gold_no_file_name_and_no_sample(server: Server, data: Path, tmp_path: Path):
    run(server, data, tmp_path / "run")
    sent = json.dumps([server.bodies, server.headers])
    cases = [json.loads(line) for file in (tmp_path / "run/samples").glob("*.jsonl") for line in file.open()]
    assert len(cases) == 12
    for case in cases:
        assert Path(case["image"]["path"]).name not in sent
        assert case["sample_id"] not in sent
        assert case["key"] not in sent
    answers = {body["messages"][0]["content"][1]["text"] for body in server.bodies}
    assert answers == {case["text"] for case in cases}  # the question as it was planned, and nothing beside it


def test_a_budget_that_is_used_up_leaves_the_rest_open(server: Server, data: Path, tmp_path: Path):
    outcome, said = run(server, data, tmp_path / "run", max_requests=7, concurrency=3)
    assert not outcome.complete
    assert (outcome.asked, outcome.failed, outcome.broken_models) == (7, 0, {})
    assert said.count("is used up: 7 requests") == 1
    assert {row["finish"] for row in rows(tmp_path / "run")} == {"stop"}
    assert len(server.bodies) == 7
    outcome, said = run(server, data, tmp_path / "run", max_requests=12)
    assert outcome.complete
    assert outcome.asked == 5
    assert len(server.bodies) == 12
    assert len({json.dumps(body["messages"]) for body in server.bodies}) == 12


def test_endpoints_of_a_run_share_one_budget(server: Server, data: Path, tmp_path: Path):
    with serving() as second:
        outcome, said = run(server, data, tmp_path / "run", also=(name(second), "echo"), max_requests=9)
        assert not outcome.complete
        assert (len(server.bodies), len(second.bodies)) == (9, 0)
    assert outcome.asked == 9 + 12  # echo is not held up
    assert said.count("is used up") == 1


def test_a_limit_without_prices_is_met_before_anything_is_written(server: Server, data: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="--price-in"):
        run(server, data, tmp_path / "run", max_cost=1.0)
    assert not (tmp_path / "run").exists()


def test_local_models_do_not_mind_the_options_of_endpoints(data: Path, tmp_path: Path):
    options = EngineOptions(endpoint=EndpointOptions(max_cost=1.0, api_key_env="NOT_SET"))
    job = Options(models=("echo",), tasks=QUESTIONS, data=data, out=tmp_path / "run", engine=options)
    assert main_job(job, Console(file=io.StringIO())).complete


def test_after_a_kill_nothing_that_was_stored_is_asked_again(data: Path, tmp_path: Path):
    with serving(lambda number, body: Act(pause=0.0 if number < 5 else STALL)) as server:
        process = subprocess.Popen(command(server, data, tmp_path / "run", "--concurrency", "2"), cwd=ROOT)
        deadline = time.monotonic() + 60
        # Of the six requests of the first question one hangs.
        while (len(server.bodies) < 6 or len(rows(tmp_path / "run")) < 5) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.wait()
        stored = {row["key"] for row in rows(tmp_path / "run")}
        assert len(stored) == 5
        assert json.loads((tmp_path / "run" / "endpoints.json").read_text())["requests"] == 6
        server.script = lambda number, body: Act()
        outcome, _ = run(server, data, tmp_path / "run")
        assert (outcome.complete, outcome.asked, len(server.bodies)) == (True, 7, 6 + 7)


@pytest.mark.parametrize(
    ("status", "words"), [(500, "answered 500: Bearer [key]"), (401, "does not accept the key in OPENAI_API_KEY (401)")]
)
def test_the_key_is_nowhere(data: Path, tmp_path: Path, status: int, words: str):
    def tell(number: int, body: dict[str, Any]) -> Act:
        said = server.headers[number]["authorization"]
        return Act(status=status, body=complaint(said), headers={"X-Debug": said}) if number % 2 else Act()

    with serving(tell) as server:
        environment = os.environ | {"OPENAI_API_KEY": KEY, "OPENAI_LOG": "debug"}
        done = subprocess.run(
            command(server, data, tmp_path / "run", "--set", "endpoint.max_retries=0", "--concurrency", "1"),
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert done.returncode == 3, done.stderr
    found = everything_in(tmp_path) + done.stdout.encode() + done.stderr.encode()
    assert words.encode() in found
    assert KEY.encode() not in found
    assert KEY[3:12].encode() not in found


@pytest.mark.parametrize("given", [["--api-key-env", KEY], ["--set", f"endpoint.api_key_env={KEY}"]])
def test_a_key_on_the_command_line_is_refused_before_it_is_written_down(
    server: Server, data: Path, tmp_path: Path, given: list[str]
):
    done = subprocess.run(command(server, data, tmp_path / "run", *given), cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 2
    assert b"never hold the key itself" in done.stderr
    assert KEY.encode() not in everything_in(tmp_path) + done.stdout + done.stderr
