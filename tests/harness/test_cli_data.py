"""`python -m harness data ...` as a user meets it: exit codes, sentences, and no torch."""

import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features
from PIL import Image

ROOT = Path(__file__).parents[2]
WITHOUT_TORCH = """
import runpy, sys
sys.argv = ["harness", *sys.argv[1:]]
try:
    runpy.run_module("harness", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "transformers", "torchvision"} & set(sys.modules)
assert not heavy, heavy
"""


def harness(*words: str | Path, program: tuple[str, ...] = ("-m", "harness")) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, *map(str, words)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100, env=environment)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    (folder / "data").mkdir(parents=True)
    Image.new("RGB", (10, 10)).save(tmp_path / "face.jpg")
    image = {"bytes": (tmp_path / "face.jpg").read_bytes(), "path": None}
    features = Features({"picture": datasets.Image(), "emotion": ClassLabel(names=["Anger", "Happiness"])})
    rows = Dataset.from_dict({"picture": [image, None, image], "emotion": [1, 0, 0]}, features=features)
    rows.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    return folder


def words(hub: Path, data: Path) -> list[str | Path]:
    columns: list[str | Path] = ["--column", "image=picture", "--column", "label=emotion"]
    return ["data", "fetch", "raf-db", "--hub", hub, "--split", "train=test", *columns, "--data", data]


def test_fetch_tells_licence_counts_and_place_without_torch(hub: Path, tmp_path: Path):
    done = harness(*words(hub, tmp_path / "faces"), program=("-c", WITHOUT_TORCH))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"raf-db: {tmp_path / 'faces' / 'raf-db'}\n"
    licence, _, tally = done.stderr.splitlines()
    assert "non-commercial research and education only" in licence
    counts = "test: 3 rows, 2 pictures written, 0 already there, left out: 1 without a picture"
    assert tally == f"{counts}; its makers have 3068 faces"
    labels = tmp_path / "faces/raf-db/basic/EmoLabel/list_patition_label.txt"
    assert labels.read_text() == "test_0001.jpg 4\ntest_0003.jpg 6\n"


def test_an_unreachable_hub_is_a_sentence(tmp_path: Path):
    done = harness("data", "fetch", "celeba", "--data", tmp_path / "faces")
    assert done.returncode == 2
    assert done.stdout == ""
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("error: flwrlabs/celeba cannot be read: ")
    assert "HF_HUB_OFFLINE" in sentence
    assert "hf download flwrlabs/celeba --repo-type dataset --local-dir FOLDER" in sentence
    words = "--split train=train --split valid=val --split test=test --column image=image"
    assert sentence.endswith(f"--hub FOLDER --config img_align+identity+attr {words}.")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "faces").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("maad",), "No mirror holds MAAD's labels"),
        (("expw",), "no complete mirror of expw is known. Name it: --hub REPO --split HUB=all"),
        (("utkfase",), "Did you mean 'utkface'?"),
    ],
)
def test_mistakes_end_with_two(given: tuple[str, ...], sentence: str, tmp_path: Path):
    done = harness("data", "fetch", *given, "--data", tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_file_of_a_mirror_is_a_sentence(hub: Path, tmp_path: Path):
    file = next(hub.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:300])
    done = harness(*words(hub, tmp_path / "faces"))
    assert done.returncode == 2
    assert f"error: {hub} cannot be read: " in done.stderr
    assert "Traceback" not in done.stderr
