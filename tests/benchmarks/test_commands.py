"""The commands: what is missing is said in a sentence, what is there runs; no time is ever asserted."""

import subprocess
import sys
from argparse import Namespace

import pytest
import torch

from benchmarks import __main__ as whole
from benchmarks import gpu, parts
from benchmarks.parts import LacksError
from benchmarks.rounds import Span
from benchmarks.table import Report, Result
from harness.roofline import Gpu


def lacking(options):
    raise LacksError("it needs a telescope")


def test_a_part_that_lacks_something_says_so_and_writes_it_down(tmp_path, monkeypatch, capsys):
    file = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks.stars", "--json", str(file), "--rounds", "2"])
    with pytest.raises(SystemExit) as ended:
        parts.run("stars", "About stars.", lambda parser: None, lacking)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "stars cannot run here: it needs a telescope\n"
    found = Result.model_validate_json(file.read_text())
    assert (found.rows, found.lacks) == ((), "it needs a telescope")
    assert found.command == "python -m benchmarks.stars --rounds 2"


def test_no_path_of_this_machine_is_shown():
    assert parts.told(["a", "--json", "/x", "--lmms-python", "/y", "b"]) == ["a", "--lmms-python", "PATH", "b"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_part_refuses():
    with pytest.raises(LacksError, match="CUDA"):
        next(gpu.measure(Namespace(device="cuda")))


def test_one_command_runs_what_it_can_and_says_what_is_lacking(tmp_path):
    table, facts = tmp_path / "table.md", tmp_path / "all.json"
    words = ["--quick", "--only", "endpoint", "lmms", "--out", str(table), "--json", str(facts)]
    done = subprocess.run([sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert table.read_text() in done.stdout
    found = Report.model_validate_json(facts.read_text())
    endpoint, lmms = found.parts
    assert len(endpoint.rows) == 1
    assert all(row.values and row.median > 0 for row in endpoint.rows)
    assert lmms.lacks.startswith("it needs --lmms-python")
    assert found.machine.versions["torch"]
    assert str(tmp_path) not in table.read_text()


def test_a_part_that_breaks_off_is_no_success():
    options = Namespace(rounds=1, quick=False, lmms_python="", vllm_python="")
    found = whole.run(whole.Part("no_such_part"), options)
    assert found.broke
    assert found.command == "python -m benchmarks.no_such_part --rounds 1"


def test_the_network_for_gpus_is_as_large_as_the_published_one():
    with torch.device("meta"):
        model = gpu.network("7b", torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == 8_292_166_656
    sizes = gpu.sizes_of(model)
    assert sizes.head == 152064 * 3584
    assert sum(sizes) + 152064 * 3584 == 8_292_166_656


def test_shares_of_the_data_sheet_are_arithmetic():
    sheet, sizes = Gpu(teraflops=1, bandwidth=1), gpu.Sizes(layers=10**9, head=10**8, tower=10**7)
    short = gpu.Batch(Span(1.0, 0), images=2, prompt=100, pictures=50, new=2)
    long = gpu.Batch(Span(3.0, 0), images=2, prompt=100, pictures=50, new=22)
    told = Namespace(dtype="bfloat16", batch_size=4, requests=2)
    rows = [*gpu.reading([short], sizes, sheet), *gpu.writing([short], [long], sizes, told, sheet)]
    found = {row.what.partition(": ")[2]: row.median for row in rows}
    flop = 2 * (10**9 * 100 + 10**7 * gpu.PATCHES * 50)
    read = 10 * 1.1e9 * 2  # ten steps of both requests, two bytes a weight
    assert found == pytest.approx(
        {
            "pictures": 2, "places of prompts": 100, "share of the FLOP limit": flop / 1e12,
            "new tokens": 10, "share of the memory bandwidth": read / 2 / 1e9,
        }
    )  # fmt: skip
