"""docs/adding-a-model.md does what it says: its Python is executed, its commands are run, its entry point is read."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters import registry
from tests import tiny_models

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the page says its reader has: a checkpoint and a photograph."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "my-checkpoint").symlink_to(tiny_models.checkpoint("llava-onevision-7b-si"))
    tiny_models.picture(60, 80).save(folder / "portrait.jpg")
    return folder


def test_python_blocks_run_in_order(place, monkeypatch):
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    code = blocks("python")
    assert len(code) >= 4
    for block in code:
        exec(compile(block, "adding-a-model.md", "exec"), names)


def test_commands_run_in_order(place):
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("python -m harness")]
    assert len(lines) >= 3
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    for line in lines:
        command = [sys.executable, *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_entry_point_group_is_the_one_that_is_read():
    (table,) = blocks("toml")
    assert list(tomllib.loads(table)["project"]["entry-points"]) == [registry.GROUP]
