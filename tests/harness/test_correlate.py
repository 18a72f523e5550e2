"""`harness correlate` from end to end on drawn faces."""

import re
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from faceinsight.correlations import Correlations, Origin, count, read
from faceinsight.faces import load
from faceinsight.graph import Counts, conditional, edges
from faceinsight.labels import joint_labels
from harness import correlate
from harness.cli import app
from harness.correlate import Options, correlate_job, graph_in_words
from harness.errors import ConfigError, DataError, UnknownNameError
from harness.toys import RUN_SEED, toy_root
from tasks.toy import write_toy

NAMES = joint_labels().names
ENDINGS = ("safetensors", "svg", "png")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"), test=1, train=8, seed=2)


def said(options: Options) -> str:
    console = Console(width=80)
    with console.capture() as captured:
        correlate_job(options, console)
    return captured.get()


def test_it_says_what_it_read_and_writes_three_files(root, tmp_path):
    words = said(Options(data=root, datasets=("celeba", "fairface"), out=tmp_path / "out", limit=6))
    assert "12 training faces:\n  celeba: 6\n  fairface: 6\n" in words
    assert re.search(r"^R01 +6 ", words, re.MULTILINE)
    assert "12 faces: 0.00 % impossible" in words
    assert {file.name for file in (tmp_path / "out").iterdir()} == {f"correlation.{ending}" for ending in ENDINGS}
    assert all(f"wrote {tmp_path / 'out' / 'correlation'}.{ending}" in words for ending in ENDINGS)
    assert (tmp_path / "out/correlation.png").read_bytes().startswith(b"\x89PNG")
    stored = read(tmp_path / "out/correlation.safetensors", NAMES)
    expected = count(load(root, ["celeba", "fairface"], limit=6))
    assert stored.origin.faces == {"celeba": 6, "fairface": 6}
    assert all(map(torch.equal, stored.counts, expected.counts))


def test_the_words_about_the_graph_are_its_numbers():
    # a -> b and c -> b; b has no neighbour, d is never present.
    together = torch.tensor([[10, 9, 1, 0], [2, 10, 3, 0], [0, 5, 10, 0], [0, 0, 0, 0]])
    counts = Counts(together, torch.tensor([[10] * 4, [10] * 4, [10] * 4, [0] * 4]))
    counted = Correlations(counts, Origin(names=("a", "b", "c", "d"), faces={"celeba": 30}, split="train"))
    words = " ".join(graph_in_words(counted, tau=0.4, omega=0.8))
    assert "3 of 4 characteristics are present on some face; 2 edges among them, 0.7 into each" in words
    assert "Most go into b (2)." in words
    assert "1 have no neighbour and keep all of themselves: b." in words
    # Rows (.2, .8, 0), (0, 1, 0), (0, .8, .2): cosines 0.970, 0.970 and 0.941.
    assert "At omega 0.8 two rows of the map have a cosine of 0.96 on average" in words
    assert "cosine of 0.00" in " ".join(graph_in_words(counted, tau=0.4, omega=0))


def test_another_tau_gives_another_picture_of_the_same_counts(root, tmp_path):
    for name, tau in (("low", 0.1), ("high", 0.9)):
        correlate_job(Options(data=root, datasets=("celeba",), out=tmp_path / name, tau=tau), Console(quiet=True))
    low, high = (tmp_path / name / "correlation" for name in ("low", "high"))
    assert low.with_suffix(".safetensors").read_bytes() == high.with_suffix(".safetensors").read_bytes()
    assert low.with_suffix(".svg").read_bytes() != high.with_suffix(".svg").read_bytes()


def test_without_data_the_drawn_training_faces_are_read_and_said_to_be_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(correlate, "TOY_TRAIN", 4)
    words = said(Options(datasets=("raf-db",), out=tmp_path / "out"))
    assert "4 training faces: drawn ones, whose map says nothing about real faces." in words
    found = count(load(toy_root(4, 1, RUN_SEED), ["raf-db"]))
    stored = read(tmp_path / "out/correlation.safetensors", NAMES)
    assert all(map(torch.equal, stored.counts, found.counts))
    assert int(edges(conditional(stored.counts), 0.4).sum()) == 0
    assert "; 0 edges among them,\n0.0 into each on average. Most go into none." in words


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tau": 1.2}, ConfigError),
        ({"omega": -0.1}, ConfigError),
        ({"datasets": ("celebb",)}, UnknownNameError),
        ({"datasets": ()}, ConfigError),
        ({"data": Path("nowhere")}, DataError),
    ],
)
def test_a_mistake_writes_nothing(root, tmp_path, change, error):
    options = Options(data=root, out=tmp_path / "out").model_copy(update=change)
    with pytest.raises(error):
        correlate_job(options, Console(quiet=True))
    assert not (tmp_path / "out").exists()


def test_the_command_takes_its_options(root, tmp_path):
    words = ["--data", root, "--datasets", "raf-db, expw", "--tau", "0.3", "--omega", "0.5", "--limit", "3"]
    done = CliRunner().invoke(app, ["correlate", *map(str, words), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "6 training faces:" in done.output
    assert "At omega 0.5 " in done.output
    assert "0.3" in (tmp_path / "out/correlation.svg").read_text()
    assert read(tmp_path / "out/correlation.safetensors", NAMES).origin.faces == {"raf-db": 3, "expw": 3}
