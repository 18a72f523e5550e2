"""Training: the frozen stays frozen, a killed training goes on as if nothing had been, two processes learn as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from faceinsight import checkpoint
from faceinsight.assembly import frozen_half
from faceinsight.lessons import WeightedDraws
from faceinsight.modeling import KNOWLEDGE
from faceinsight.prepare import course, material
from faceinsight.recipe import Data, Recipe, Settings, Training, load_recipe
from faceinsight.training import IMAGE_ADAPTER, train
from harness.errors import ConfigError, DataError
from harness.train import RECIPES
from tasks.toy import write_toy
from tests.faceinsight import tiny
from tests.trainings import Losses

DATASETS = ("celeba", "fairface", "expw")
STEPS = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), test=10, train=30, seed=4, datasets=DATASETS)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A whole checkpoint whose frozen half is trained on."""
    return tiny.checkpoint(tmp_path_factory.mktemp("frozen"))


def recipe(frozen, training=None, data=None, **settings):
    plan = {"steps": STEPS, "batch": 4, "rate": 2e-3, "evaluate_every": 6, "precision": "float32"}
    return Recipe(
        title="a test", hardware="any", frozen=str(frozen), model=Settings(**settings),
        data=Data(**{"datasets": DATASETS, "validation": 0.2, "keep_in_memory": True} | (data or {})),
        training=Training(**plan | (training or {})),
    )  # fmt: skip


def prepared(root, frozen, folder, callbacks=(), **words):
    own = recipe(frozen, **words)
    return course(own, material(own, root), frozen_half(frozen), root / "maps", folder, callbacks)


def test_only_what_may_learn_is_changed_and_the_best_weights_stay(root, frozen, tmp_path):
    before = frozen_half(frozen)
    trainer = train(prepared(root, frozen, tmp_path))
    model = trainer.course.built.model
    pairs = [(model.model.language_model, before.language_model), (model.model.vision_tower, before.vision_tower)]
    pairs += [(model.model.seg_tower, before.seg_tower), (model.lm_head, before.lm_head)]
    for mine, theirs in pairs:
        assert all(torch.equal(value, mine.state_dict()[name]) for name, value in theirs.state_dict().items())
    best = checkpoint.read_adapters(Path(trainer.state.best_model_checkpoint))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in best.items())
    assert {name for name in best if name in KNOWLEDGE} == set(KNOWLEDGE)
    evaluations = [row for row in trainer.state.log_history if "eval_accuracy" in row]
    assert trainer.state.best_metric == max(row["eval_accuracy"] for row in evaluations)
    for row in evaluations:
        by_space = {key: value for key, value in row.items() if key.startswith("eval_accuracy ")}
        assert by_space
        assert row["eval_accuracy"] == pytest.approx(np.mean(list(by_space.values())))


def test_a_killed_training_goes_on_with_the_same_losses(root, frozen, tmp_path):
    whole, first, second = Losses(), Losses(last=6), Losses()
    unbroken = train(prepared(root, frozen, tmp_path / "a", [whole]))
    train(prepared(root, frozen, tmp_path / "b", [first]))
    resumed = train(prepared(root, frozen, tmp_path / "b", [second]))
    assert sorted(first.seen) == [1, 2, 3, 4, 5, 6]
    assert sorted(second.seen) == [7, 8, 9, 10, 11, 12]
    assert first.seen | second.seen == pytest.approx(whole.seen, rel=1e-6)
    own = resumed.course.built.model.state_dict()
    for name, value in unbroken.course.built.model.state_dict().items():
        torch.testing.assert_close(own[name], value, rtol=1e-5, atol=1e-6)
    assert not list((tmp_path / "b").rglob("*.bin"))  # no pickle of settings


def test_no_better_accuracy_stops_early(root, frozen, tmp_path):
    plan = {"steps": 40, "evaluate_every": 2, "patience": 2, "rate": 1e-12}
    trainer = train(prepared(root, frozen, tmp_path, training=plan))
    assert trainer.state.global_step == 6  # one evaluation that is the best, and two that are not better


def test_the_image_adapter_may_have_a_rate_of_its_own(root, frozen, tmp_path):
    trainer = train(prepared(root, frozen, tmp_path, training={"image_rate": 1e-12}))
    start = prepared(root, frozen, tmp_path / "x").built.model.state_dict()
    moved = {
        n
        for n, v in trainer.course.built.model.state_dict().items()
        if (v.float() - start[n].float()).abs().max() > 1e-7
    }
    assert moved
    assert not any(IMAGE_ADAPTER in name for name in moved)


def test_written_answers_are_learnt_where_they_are_asked_for(root, frozen, tmp_path):
    built = prepared(root, frozen, tmp_path, lm_weight=1.0)
    row = built.train[0]
    written = row["input_ids"][row["labels"] != -100]
    text = built.built.processor.tokenizer.decode(written)
    assert text.endswith("</s>")
    assert torch.equal(row["labels"][-len(written) :], written)
    assert "labels" not in prepared(root, frozen, tmp_path).train.collate([row])
    loss = built.built.model(**built.train.collate([built.train[n] for n in range(3)])).loss
    assert loss.isfinite()


def test_draws_are_the_same_again_and_follow_the_weights():
    weights = np.array([0.0, 0.7, 0.3])
    draws = [list(WeightedDraws(weights, 10_000, 3)) for _ in range(2)]
    assert draws[0] == draws[1]
    assert [number for _, number in draws[0]] == list(range(10_000))
    shares = np.bincount([row for row, _ in draws[0]], minlength=3) / 10_000
    assert shares == pytest.approx(weights, abs=0.02)


def test_a_draw_settles_the_question_and_different_draws_ask_different_ones(root, frozen, tmp_path):
    lessons = prepared(root, frozen, tmp_path).train
    face = int(np.flatnonzero(lessons.faces.dataset_N == lessons.faces.datasets.index("fairface"))[0])
    asked = [tuple(lessons[(face, draw)]["input_ids"].tolist()) for draw in range(12)]
    assert asked == [tuple(lessons[(face, draw)]["input_ids"].tolist()) for draw in range(12)]
    assert len(set(asked)) == 3


def test_prompts_are_those_the_processor_makes(root, frozen, tmp_path):
    own = prepared(root, frozen, tmp_path)
    row = own.train[0]
    batch = tiny.inputs(own.built, ["Analyze the facial features in this image."])
    assert row["input_ids"].tolist() == batch["input_ids"][0].tolist()


def test_missing_datasets_are_named(root, frozen, tmp_path):
    with pytest.raises(DataError, match=r"(?s)maad.*utkface.*datasets = "):
        material(recipe(frozen, data={"datasets": ("celeba", "maad", "utkface")}), root)


@pytest.mark.parametrize("name", sorted(path.name for path in RECIPES.glob("*.toml") if path.name != "ablation.toml"))
def test_the_shipped_recipes_are_well_formed(name):
    found = load_recipe(RECIPES / name, Recipe)
    head = (RECIPES / name).read_text(encoding="utf-8")
    assert found.hardware
    assert head.startswith("#")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = 1", "malformed at title"),
        ('title = "a"\nhardware = "b"\n[training]\nsteps = 1\nbatch = 1\nevaluate_every = 1', "frozen parts once"),
        ('title = "a"\nhardwear = "b"', "malformed"),
        ("title = ", "cannot be read"),
    ],
)
def test_a_malformed_recipe_is_named(tmp_path, text, said):
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_recipe(tmp_path / "recipe.toml", Recipe)


def launch(tmp_path, name, root, frozen, processes, module="harness", **plan):
    """The command itself, in one process or in several under torchrun."""
    own = recipe(frozen, training=plan)
    file = tmp_path / f"{name}.toml"
    lines = [f'title = "{own.title}"', f'hardware = "{own.hardware}"', f'frozen = "{frozen}"']
    for table in ("model", "data", "training"):
        values = getattr(own, table).model_dump(mode="json", exclude_none=True)
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    file.write_text("\n".join(lines))
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    words = ["-m", module, "train", "faceinsight", "--config", str(file), "--data", str(root)]
    done = subprocess.run(
        [sys.executable, *start, *words, "--out", str(tmp_path / name)],
        capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / name, done.stdout


@pytest.fixture(scope="module")
def alone(root, frozen, tmp_path_factory):
    """What one process makes of it."""
    folder, said = launch(tmp_path_factory.mktemp("one"), "one", root, frozen, 1, batch=8, steps=4, evaluate_every=4)
    assert "best validation accuracy" in said
    assert said.index("R01") < said.index("step 4 of 4")  # the ground truth's violations come before the first step
    return folder


@pytest.mark.parametrize(
    ("module", "plan"),
    [
        ("harness", {}),
        ("tests.faceinsight.sharded", {"sharding": "fsdp"}),
        ("tests.faceinsight.sharded", {"sharding": "fsdp", "precision": "bfloat16", "activation_checkpointing": True}),
    ],
    ids=["ddp", "fsdp", "fsdp in bfloat16"],
)
def test_two_processes_learn_what_one_does(alone, root, frozen, tmp_path, module, plan):
    both, said = launch(tmp_path, "two", root, frozen, 2, module, batch=4, steps=4, evaluate_every=4, **plan)
    assert ("sharded: True" in said) is ("sharding" in plan)
    one, two = (checkpoint.read_adapters(folder / "checkpoints" / "checkpoint-4") for folder in (alone, both))
    exact = {"rtol": 2e-3, "atol": 2e-4} if "precision" not in plan else {"rtol": 0.1, "atol": 2e-2}
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, **exact)
    model = AutoModelForImageTextToText.from_pretrained(both / "model")
    own = model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in two.items())
    assert torch.isfinite(model.lm_head.weight).all()
