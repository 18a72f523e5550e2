"""The command line as a user meets it: exit codes, sentences, and no torch where none is needed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.registry import names, spec

ROOT = Path(__file__).parents[2]
FACES = ROOT.parent / "shared" / "faces"
BARE = os.environ | {"FACE_HARNESS_CONFIG": str(ROOT / "tests" / "empty.toml")}
WITHOUT_TORCH = """
import runpy, sys
sys.argv = ["harness", *sys.argv[1:]]
try:
    runpy.run_module("harness", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "transformers", "torchvision", *(["pydantic_settings"] if "--help" in sys.argv else [])}
heavy &= set(sys.modules)
assert not heavy, heavy
"""


def harness(
    *words: str | Path, stdin: str = "", environment: Mapping[str, str] = BARE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=ROOT, timeout=250, env=environment)


def without_torch(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=ROOT, timeout=250, env=BARE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the echo model over all ten questions, with one broken image."""
    base = tmp_path_factory.mktemp("cli")
    from tasks.toy import write_toy

    write_toy(base / "data", test=3, train=0, seed=5)
    broken = next((base / "data" / "fairface").rglob("val/*.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    done = harness("run", "--models", "echo", "--data", base / "data", "--out", base / "run")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "3 requests have no answer" in done.stdout
    return base / "run"


def test_one_bad_image_is_three_failed_rows_and_the_rest_is_there(finished: Path):
    rows = [
        json.loads(line)
        for file in sorted((finished / "responses" / "echo").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    failed = [row for row in rows if row["finish"] == "failed"]
    assert len(rows) == 30
    assert len(failed) == 3
    assert all("cannot be read" in row["error"] for row in failed)


def test_counts_in_the_scores_sum_to_n(finished: Path):
    scores = json.loads((finished / "scores.json").read_text())
    assert len(scores) == 10
    assert all(sum(row["counts"].values()) == row["n"] == 3 for row in scores)
    assert [row["scored"] for row in scores if row["question"].startswith("fairface")] == [2, 2, 2]


def test_the_same_command_asks_nothing_again(finished: Path):
    data = json.loads((finished / "run.json").read_text())["data_root"]
    again = harness("run", "--models", "echo", "--data", data, "--out", finished)
    assert again.returncode == 3
    assert "0 requests asked" in again.stdout


def test_other_settings_do_not_mix_with_a_run(finished: Path):
    data = json.loads((finished / "run.json").read_text())["data_root"]
    other = harness("run", "--models", "echo", "--data", data, "--out", finished, "--max-new-tokens", "7")
    assert other.returncode == 2
    assert "other settings" in other.stderr
    assert "Traceback" not in other.stderr


def test_a_dry_run_says_what_is_left_and_leaves_no_trace(finished: Path, tmp_path: Path):
    data = json.loads((finished / "run.json").read_text())["data_root"]
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("*")}
    done = harness("run", "--models", "echo", "--data", data, "--out", finished, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 model, 30 requests planned, 30 answered before, 0 to ask" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in finished.rglob("*")} == before
    done = harness("run", "--models", "echo", "--data", data, "--out", tmp_path / "new", "--dry-run", "--retry-failed")
    assert (done.returncode, "30 to ask" in done.stdout) == (0, True)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_meets_the_mistakes_of_a_run(finished: Path):
    data = json.loads((finished / "run.json").read_text())["data_root"]
    done = harness("run", "--models", "echo", "--data", data, "--out", finished, "--dry-run", "--seed", "7")
    assert done.returncode == 2
    assert "other settings" in done.stderr


def test_the_paper_profile_needs_nothing_once_the_data_root_is_settled(finished: Path, tmp_path: Path):
    data = json.loads((finished / "run.json").read_text())["data_root"]
    (tmp_path / "harness.toml").write_text(f"data = {json.dumps(data)}\n[datasets.expw]\nmargin = 0.0\n")
    own = os.environ | {"FACE_HARNESS_CONFIG": str(tmp_path / "harness.toml"), "FACE_HARNESS_CACHE": str(tmp_path)}
    before = set((ROOT / "runs").glob("*"))
    done = harness("run", "--models", "all", "--profile", "paper", "--dry-run", environment=own)
    assert done.returncode == 0, done.stderr
    assert "30 requests for each model" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 100
    assert set((ROOT / "runs").glob("*")) == before


def test_a_run_records_what_was_chosen_about_the_datasets(finished: Path):
    run = json.loads((finished / "run.json").read_text())
    assert run["datasets"]["raf-db"]["classes"] == "basic"
    assert "datasets" not in run["protocol"]
    words = ("run", "--models", "echo", "--data", run["data_root"], "--out", finished)
    other = harness(*words, "--set", "datasets.utkface.ages=fairface")
    assert other.returncode == 2
    assert "datasets None -> {'utkface': {'ages': 'fairface'}}" in other.stderr


def test_export_without_torch(finished: Path, tmp_path: Path):
    done = without_torch("export", finished, "--out", tmp_path)
    assert done.stderr == ""
    assert "30 rows of responses and 10 of scores" in done.stdout
    assert {file.name for file in tmp_path.iterdir()} == {
        "responses.parquet",
        "scores.parquet",
        "results.json",
        "README.md",
    }


def test_score_and_report_run_again_without_torch(finished: Path):
    before = (finished / "scores.json").read_text()
    (finished / "scores.json").unlink()
    assert without_torch("score", finished).stderr == ""
    assert (finished / "scores.json").read_text() == before
    (finished / "report" / "index.html").unlink()
    assert without_torch("report", finished).stderr == ""
    assert "<html" in (finished / "report" / "index.html").read_text()


def test_a_report_of_several_runs_compares_them(finished: Path, tmp_path: Path):
    assert without_torch("report", finished, finished).stdout == f"report: {finished}/report/comparison.html\n"
    page = tmp_path / "both.html"
    assert without_torch("report", finished, finished, "--out", page).stderr == ""
    assert "2 runs</h1>" in page.read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["correlate", "--help"],
        ["segment", "--help"],
        ["train", "--help"],
        ["ablate", "--help"],
        ["ask", "--help"],
        ["config", "--help"],
        ["config"],
        ["tasks"],
        ["models"],
        ["parse", "expw"],
    ],
)
def test_light_commands_do_not_import_torch(words: list[str]):
    done = without_torch(*words, stdin="happy\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--models", "qwen25-vl"], "Did you mean 'qwen2.5-vl-7b'?"),
        (["run", "--tasks", "atr"], "Did you mean 'attr'?"),
        (["ask", "echo", "nowhere.jpg", "--prompts", ","], "at least one wording"),
        (["run", "--prompts", "tersest"], "Did you mean 'terse'?"),
        (["ask", "echo", "nowhere.jpg", "--prompts", "pape"], "Did you mean 'paper'?"),
        (["run", "--profile", "papr"], "Did you mean 'paper'?"),
        (["run", "--profile", "paper"], "docs/datasets.md"),
        (["run", "--models", ","], "at least one model"),
        (["run", "--engine", "hff"], "Did you mean 'hf'?"),
        (["run", "--dtype", "fp16"], "Did you mean 'float16'?"),
        (["run", "--set", "datasets.expw.margn=1"], "Did you mean 'datasets.expw.margin'?"),
        (["segment", "--set", "datasets.expw.margin=7"], "less than or equal to 1"),
        (["correlate", "--set", "margin"], "--set KEY=VALUE"),
        (["train", "faceinsight", "--config", "x", "--set", "dat=x"], "Did you mean 'data'?"),
        (["ablate", "--set", "dat=x"], "Did you mean 'data'?"),
        (["run", "--data", "nowhere"], "nowhere is not a folder"),
        (["run", "--protocol", "qwen2.5-vl.max_pixels=1"], "Did you mean 'qwen2.5-vl-7b'?"),
        (["run", "--protocol", "qwen2.5-vl-7b.max_pixel=1"], "Did you mean 'max_pixels'?"),
        (["run", "--protocol", "internvl2.5-8b.tile_size=224"], "'tile_size' of internvl2.5-8b is 448"),
        (["run", "--protocol", "phi-3.5-vision.num_crops"], "--protocol MODEL.KEY=VALUE"),
        (["parse", "celebA40"], "Did you mean 'celeba'?"),
        (["score", "nowhere"], "is not a run folder"),
        (["report", "nowhere"], "is not a run folder"),
        (["export", "nowhere"], "is not a run folder"),
        (["ask", "echo", "nowhere.jpg"], "does not exist"),
        (["ask", "llava"], "IMAGE"),
        (["correlate", "--data", ".", "--datasets", "celeba,mad"], "Did you mean 'maad'?"),
        (["correlate", "--data", ".", "--datasets", "raf-db"], "Ask for it by e-mail"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(words: list[str], sentence: str):
    done = harness(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_models_shows_what_a_reader_must_know_before_trusting_one():
    blocks = {block.split()[0]: block for block in re.split(r"\n\s*\n", harness("models").stdout) if block.strip()}
    listed = [name for name in names() if spec(name).listed and spec(name).group != "floor"]
    assert len(listed) == 13
    for name in listed:
        assert {"size", "licence", "engines", "miniature", "fidelity", "unproven", "resolution", "to"} <= {
            line.split()[0] for line in blocks[name].splitlines()
        }
        assert "not compared" not in blocks[name]
    assert "min_pixels=200704, max_pixels=1003520" in blocks["qwen2.5-vl-7b"]
    assert "non-commercial" in blocks["nvila-8b"]
    assert "non-commercial" in blocks["monkey-chat"]
    assert "registration" in blocks["minicpm-llama3-v2.5"]


def test_parse_reads_lines_and_writes_json():
    done = harness("parse", "fairface.gender", stdin="The person is female.\nA young man\n")
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["Female", "Male"]


@pytest.mark.skipif(not FACES.is_dir(), reason="../shared/faces is not here")
def test_ask_about_a_photograph():
    portrait = next((FACES / "us_congress_pd").glob("*.jpg"))
    done = harness("ask", "echo", portrait, "--task", "agr")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("prompt  ") == 3
    assert done.stdout.count("status  ") == 3


@pytest.mark.skipif(not FACES.is_dir(), reason="../shared/faces is not here")
def test_ask_for_a_choice_shows_what_each_option_got():
    portrait = next((FACES / "us_congress_pd").glob("*.jpg"))
    done = harness("ask", "qwen2.5-vl-7b", portrait, "--task", "expr", "--answers", "choice")
    assert done.returncode == 0, done.stderr
    assert "A. angry" in done.stdout
    for word in ("evidence  ", "options  ", "label  "):
        assert done.stdout.count(word) == 1
