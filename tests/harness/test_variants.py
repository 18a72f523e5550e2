"""A question in other words is a question of its own: in the folder, in the scores, and under keys of its own."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import ConfigError, UnknownNameError
from harness.main_job import Options, main_job, settings
from harness.rescore import rescore
from harness.runner import Outcome
from harness.store import RunFolder
from tasks.toy import write_toy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("variants") / "data"
    write_toy(root, test=4, train=0, seed=3)
    return root


def run(data: Path, out: Path, **more) -> Outcome:
    words = {"models": ("echo",), "tasks": ("raf-db",), "data": data, "out": out} | more
    return main_job(Options(**words), Console(file=io.StringIO()))


def test_wordings_are_added_to_a_folder_and_nothing_is_asked_twice(data: Path, tmp_path: Path):
    out = tmp_path / "run"
    assert run(data, out).asked == 4
    folder = RunFolder.existing(out)
    before = folder.read_responses("echo", "raf-db")
    assert run(data, out, prompts=("paper", "terse")).asked == 4
    assert run(data, out, prompts=("all",)).asked == 8
    assert run(data, out, prompts=("all",)).asked == 0
    names = ["raf-db", "raf-db+terse", "raf-db+polite", "raf-db+strict"]
    assert [row["name"] for row in folder.run()["questions"]] == names
    assert [score.question for score in folder.read_scores()] == names
    assert folder.read_responses("echo", "raf-db") == before
    keys = [case.key for name in names for case in folder.read_cases(name)]
    assert len(set(keys)) == len(keys) == 16
    golds = {tuple((case.sample_id, str(case.gold)) for case in folder.read_cases(name)) for name in names}
    assert len(golds) == 1
    assert [score.question for score in rescore(folder)] == names


def test_under_options_every_wording_is_asked_in_its_own_words(data: Path, tmp_path: Path):
    words = {"answers": "choice", "prompts": ("all",), "tasks": ("raf-db", "celeba")}
    run(data, tmp_path / "run", **words)  # echo has no probabilities and breaks off; the questions are planned
    folder = RunFolder.existing(tmp_path / "run")
    asks = folder.run()["asks"]
    assert len({row["text"] for name in asks for row in asks[name] if name.startswith("raf-db")}) == 4
    assert len({row["text"] for name in asks for row in asks[name] if name.startswith("celeba")}) == 160


def test_misspelt_wordings_are_met_before_anything_is_made(data: Path, tmp_path: Path):
    with pytest.raises(UnknownNameError, match=r"unknown prompt variant of raf-db 'tersely'\. Did you mean 'terse'\?"):
        run(data, tmp_path / "run", prompts=("tersely",))
    with pytest.raises(ConfigError, match="one wording"):
        settings(Options(models=("echo",), tasks=("raf-db",), data=data, prompts=()))
    assert not (tmp_path / "run").exists()
