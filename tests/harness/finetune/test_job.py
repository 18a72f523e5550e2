"""The command: a grid that resumes, a model that is a model, sentences for what cannot be; and several processes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from adapters.registry import names, spec
from faceinsight.recipe import read_config
from harness.cli import app
from harness.errors import AdapterError, ConfigError, StoreError, UnknownNameError
from harness.finetune import job
from harness.finetune.job import Options, finetune_job, tunable
from harness.finetune.recipe import RECIPES, Recipe
from harness.finetune.trials import Grid
from harness.main_job import Options as RunOptions
from harness.main_job import main_job
from reports import load, paper_tables
from tests.harness.finetune.conftest import NAMES, recipe

NAME = "llava-v1.5-7b"


def write(file, own):
    """A recipe as a file."""
    values = own.model_dump(mode="json", exclude_none=True)
    values["training"].pop("rate")
    tables = {key: values.pop(key) for key in ("lora", "data", "training", "train_image_encoder")}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items())]
    file.write_text("\n".join(lines))
    return file


def options(tmp_path, root, own, **changed):
    words = {"model": NAME, "tasks": ("expr",), "data": root, "out": tmp_path / "out"} | changed
    return Options(config=write(tmp_path / "recipe.toml", own), **words)


@pytest.fixture(scope="module")
def done(root, tmp_path_factory):
    """A grid of two rates, the first too small to change anything."""
    folder = tmp_path_factory.mktemp("grid")
    finetune_job(options(folder, root, recipe(rates=(1e-9, 4e-3), steps=4, evaluate_every=4)))
    return folder


def test_a_grid_is_recorded_and_its_best_is_the_model(done):
    grid = Grid(done / "out")
    trials = grid.all((1e-9, 4e-3))
    card = json.loads((done / "out" / "finetune.json").read_text())
    assert card == json.loads((done / "out" / "model" / "finetune.json").read_text())
    assert card["chosen"] == max(trials, key=lambda one: one.accuracy).rate
    assert [one["rate"] for one in card["trials"]] == [1e-9, 4e-3]
    assert (card["model"], card["tasks"], card["questions"]) == (NAME, ["expr"], ["expw", "raf-db"])
    assert card["fingerprint"]
    assert {"torch", "transformers", "peft"} <= set(card["versions"])
    assert set(card["validation"]["after"]) == {"expw", "raf-db"}
    rows = (done / "out" / "trials.csv").read_text().splitlines()
    assert rows[0].startswith("learning rate,")
    assert len(rows) == 3
    left = sorted(file.parent.name for file in (done / "out").rglob("learnt.safetensors"))
    assert left == [f"{card['chosen']:g}"]  # what a beaten trial learnt is not kept
    assert not list((done / "out").rglob("checkpoint-*"))


def test_a_finished_trial_is_not_run_again_and_a_wider_grid_adds_to_it(done, root, tmp_path, monkeypatch):
    shutil.copytree(done / "out", tmp_path / "out")
    before = (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns
    ran = []
    plain = job._Job._learn
    monkeypatch.setattr(job._Job, "_learn", lambda self, rate, *rest: (ran.append(rate), plain(self, rate, *rest))[1])
    own = {"steps": 4, "evaluate_every": 4}
    finetune_job(options(tmp_path, root, recipe(rates=(1e-9, 4e-3), **own)))
    assert ran == []
    assert (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns == before
    finetune_job(options(tmp_path, root, recipe(rates=(1e-9, 4e-3, 1e-8), **own)))
    assert ran == [1e-8]
    with pytest.raises(ConfigError, match=r"other settings \(training .*another folder"):
        finetune_job(options(tmp_path, root, recipe(rates=(1e-9,), steps=5)))
    with pytest.raises(ConfigError, match="questions"):
        finetune_job(options(tmp_path, root, recipe(rates=(1e-9,), **own), tasks=("agr",)))
    (Grid(tmp_path / "out").folder(1e-9) / "trial.json").write_text("{}")
    with pytest.raises(StoreError, match="damaged"):
        finetune_job(options(tmp_path, root, recipe(rates=(1e-9, 4e-3), **own)))


def test_a_fine_tuned_model_is_a_model(done, root, tmp_path):
    """Asked its own task alone, beside the training-free one; the tables hold it where it answered, and only there."""
    tuned = f"{NAME}@{done / 'out'}"
    assert spec(tuned).source("tiny") == str(done / "out" / "model") == spec(f"{tuned}/model").source("tiny")
    words = {"data": root, "limit": 4, "out": tmp_path / "run"}
    main_job(RunOptions(models=(NAME,), tasks=("expr", "celeba"), **words))
    main_job(RunOptions(models=(tuned,), tasks=("expr",), **words))
    run = load.read(tmp_path / "run")
    found = {table.paper.number: table for table in paper_tables.tables(run)}
    for group in ("ExpW", "RAF-DB"):
        row = next(row for row in found[5].groups()[group] if row.model == tuned)
        assert (row.printed, row.setting_text) == ("LLaVA-v1.5-7b", "fine-tuned on expr")
        assert all(cell.value is not None and cell.published is not None for cell in row.cells)
        assert any(row.model == NAME and row.setting_text == "training-free" for row in found[5].groups()[group])
    assert all(row.model != tuned for number in (1, 2, 3) for row in found[number].rows)
    assert any(row.printed == "LLaVA-v1.5-7b" and not row.model for row in found[1].rows)
    assert "fine-tuned on expr" in (tmp_path / "run" / "report" / "index.html").read_text()


def test_one_can_go_on_from_a_fine_tuned_model(done, root, tmp_path):
    own = recipe(rates=(1e-3,), steps=2, evaluate_every=2)
    model = finetune_job(options(tmp_path, root, own, model=f"{NAME}@{done / 'out'}", tasks=("fairface.age",)))
    card = json.loads((model / "finetune.json").read_text())
    assert card["source"] == str(done / "out" / "model")
    assert card["questions"] == ["fairface.age"]


def test_those_that_can_be_fine_tuned_are_the_papers():
    assert tuple(name for name in names() if spec(name).finetune) == NAMES


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        (
            "qwen2.5-vl-7b",
            AdapterError,
            "cannot be fine-tuned here: llava-v1.5-7b, llava-onevision-7b-si, nvila-8b can",
        ),
        ("faceinsight", AdapterError, "train faceinsight"),
        ("llava", UnknownNameError, "llava-v1.5-7b"),
    ],
)
def test_other_models_are_refused_with_a_sentence(model, error, said):
    with pytest.raises(error, match=said):
        tunable(model)


def test_an_unknown_task_is_refused_before_anything_is_loaded(tmp_path, root):
    with pytest.raises(UnknownNameError, match="emotion"):
        finetune_job(options(tmp_path, root, recipe(), tasks=("emotion",)))
    with pytest.raises(ConfigError, match="--data"):
        finetune_job(Options(model=NAME, tasks=("expr",), profile="paper", out=tmp_path / "out"))


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_shipped_recipes_are_well_formed(file):
    found = read_config(file, Recipe)
    assert file.read_text().startswith("#")
    assert {found.at(rate).rate for rate in found.rates} == set(found.rates)
    if "paper" in file.stem:
        assert "Estimated" in file.read_text()
        assert set(found.train_image_encoder) == set(NAMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "cannot be read"),
        ("title = 1", "malformed at title"),
        ("rate = 1e-3", "settled by the grid"),
        ("rates = [1e-3, 1e-3]", "each of them once"),
    ],
)
def test_a_malformed_recipe_is_named(tmp_path, text, said):
    whole = write(tmp_path / "recipe.toml", recipe()).read_text()
    if text.startswith("rates"):
        whole = whole.replace("rates = [0.003]", text)
    else:
        whole = whole.replace("[training]", f"[training]\n{text}") if text.startswith("rate") else text
    (tmp_path / "recipe.toml").write_text(whole)
    with pytest.raises(ConfigError, match=said):
        read_config(tmp_path / "recipe.toml", Recipe)


def test_help_waits_for_no_torch():
    code = "import sys; from harness.cli import app; app(['finetune', '--help'], standalone_mode=False)\n"
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'peft')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    shown = CliRunner().invoke(app, ["finetune", "--help"], env={"COLUMNS": "200"}).output
    assert "--task" in shown


def launch(tmp_path, root, processes, module="harness", **plan):
    """The command itself, in one process or in several under torchrun."""
    own = recipe(rates=(3e-3,), steps=4, evaluate_every=4, **plan)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    words = ["-m", module, "finetune", NAME, "--task", "expr", "--config", str(write(tmp_path / "r.toml", own))]
    done = subprocess.run(
        [sys.executable, *start, *words, "--data", str(root), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Grid(tmp_path / "out"), done.stdout


@pytest.fixture(scope="module")
def alone(root, tmp_path_factory):
    return launch(tmp_path_factory.mktemp("one"), root, 1, batch=8)[0]


@pytest.mark.parametrize(
    ("module", "plan"),
    [("harness", {}), ("tests.faceinsight.sharded", {"sharding": "fsdp"})],
    ids=["ddp", "fsdp"],
)
def test_two_processes_learn_what_one_does(alone, root, tmp_path, module, plan):
    two, said = launch(tmp_path, root, 2, module, batch=4, **plan)
    assert ("sharded: True" in said) is bool(plan)
    mine, theirs = (load_file(grid.model / "model.safetensors") for grid in (alone, two))
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        torch.testing.assert_close(theirs[name].float(), value.float(), rtol=1e-2, atol=2e-3)
    assert alone.find(3e-3).accuracy == two.find(3e-3).accuracy
