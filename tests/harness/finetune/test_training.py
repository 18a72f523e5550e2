"""Trainings of a few steps: the frozen stays frozen, a stopped one goes on as if nothing had been, answers survive."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from adapters.spec import MINIATURES
from harness.engines.hf import HFEngine
from harness.errors import AdapterError
from harness.finetune.network import FILE, kind_of, save_model
from harness.plan import Planner
from harness.records import Decoding
from tasks.registry import question
from tests import goldens
from tests.harness.finetune.conftest import NAMES, adapter, recipe, tuner
from tests.trainings import Losses

WAYS = [
    ("llava-v1.5-7b", "lora", False),
    ("llava-onevision-7b-si", "full", True),
    ("nvila-8b", "lora", True),
    ("nvila-8b", "full", False),
]


def keys(file):
    with safe_open(file, "pt") as found:
        return {name: (found.get_tensor(name).shape, found.get_tensor(name).dtype) for name in found.keys()}  # noqa: SIM118


def said(model, root):
    """Greedy answers to a run's questions, as texts."""
    planned = [Planner(root, Decoding(max_new_tokens=24), 6, 0).plan(question(name)) for name in ("expw", "celeba")]
    requests = [one.request(case) for one in planned for case in one.cases]
    return [row.text for batch in HFEngine(model).generate(requests, Decoding(max_new_tokens=24)) for row in batch]


@pytest.mark.parametrize(("name", "method", "encoder"), WAYS)
def test_what_learns_learns_and_the_rest_stays(name, method, encoder, root, tmp_path):
    before = adapter(name).model.state_dict()
    losses = Losses()
    own = recipe(method, encoder=(name,) if encoder else (), rates=(5e-3 if method == "lora" else 5e-4,))
    trainer = tuner(name, own, root, tmp_path / "checkpoints", callbacks=[losses])
    trainer.go()
    assert losses.seen[8] < losses.seen[1]
    pupil = trainer.course.pupil
    unmerged = said(pupil.adapter, root)
    after = pupil.merged().state_dict()
    assert after.keys() == before.keys()
    changed = {name for name, weight in before.items() if not torch.equal(weight, after[name])}
    linear = {name for name in before if kind_of(name) == "language" and name.endswith("_proj.weight")}
    assert linear <= changed
    assert {kind_of(one) for one in changed} == {"language", "projector"} | ({"encoder"} if encoder else set())
    if method == "lora":
        assert {one for one in changed if kind_of(one) == "language"} == linear
    pupil.model.to(torch.float32)
    assert said(pupil.adapter, root) == unmerged  # with the updates in the weights
    save_model(pupil, tmp_path / "model")
    source = MINIATURES / name
    assert keys(tmp_path / "model" / "model.safetensors") == keys(source / "model.safetensors")
    for file in ("tokenizer.json", "tokenizer_config.json", "processor_config.json", "generation_config.json"):
        assert (tmp_path / "model" / file).read_text() == (source / file).read_text(), file
    pupil.model.float()
    again = adapter(name, str(tmp_path / "model"))
    assert said(again, root) == said(pupil.adapter, root)  # both hold what bfloat16 leaves of it
    assert not list(tmp_path.rglob("*.bin"))


def test_a_checkpoint_in_parts_becomes_one_in_one_piece(root, tmp_path):
    """NVILA-8B is published as a folder of folders."""
    source = str(goldens.FOLDER / "nvila-8b" / "parts")
    own = recipe("full", encoder=("nvila-8b",), steps=2, evaluate_every=2)
    pupil = tuner("nvila-8b", own, root, tmp_path, source=source).course.pupil
    save_model(pupil, tmp_path / "model")
    whole = keys(goldens.checkpoint("nvila-8b") / "model.safetensors")
    assert set(keys(tmp_path / "model" / "model.safetensors")) == set(whole)
    again = adapter("nvila-8b", str(tmp_path / "model"))
    pupil.model.float()
    assert said(again, root) == said(pupil.adapter, root)


@pytest.mark.parametrize(("name", "method"), [("llava-v1.5-7b", "lora"), ("nvila-8b", "full")])
def test_a_stopped_training_goes_on_to_the_same_weights(name, method, root, tmp_path):
    own = recipe(method)
    whole, first, second = Losses(), Losses(last=4), Losses()
    unbroken = tuner(name, own, root, tmp_path / "a", callbacks=[whole])
    unbroken.go()
    tuner(name, own, root, tmp_path / "b", callbacks=[first]).go()
    cut = tmp_path / "b" / "checkpoint-7"  # a kill while this was being written
    cut.mkdir()
    resumed = tuner(name, own, root, tmp_path / "b", callbacks=[second])
    resumed.go()
    assert (sorted(first.seen), sorted(second.seen)) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert first.seen | second.seen == pytest.approx(whole.seen, rel=1e-6)
    last = [load_file(tmp_path / side / "checkpoint-8" / FILE) for side in "ab"]
    for one, value in last[0].items():
        torch.testing.assert_close(last[1][one], value, rtol=1e-5, atol=1e-6)
    assert resumed.state.best_metric == unbroken.state.best_metric


def test_the_best_weights_stay(root, tmp_path):
    trainer = tuner("llava-v1.5-7b", recipe(rates=(0.05,), evaluate_every=2), root, tmp_path)
    trainer.go()
    looks = {row["step"]: row["eval_accuracy"] for row in trainer.state.log_history if "eval_accuracy" in row}
    assert trainer.state.best_metric == max(looks.values())
    assert trainer.evaluate()["eval_accuracy"] == trainer.state.best_metric
    best = load_file(tmp_path / f"checkpoint-{trainer.state.best_global_step}" / FILE)
    assert all(torch.equal(best[name], trainer.model.state_dict()[name]) for name in best)


def test_no_better_accuracy_stops_early(root, tmp_path):
    trainer = tuner("nvila-8b", recipe(rates=(1e-9,), steps=40, evaluate_every=2, patience=2), root, tmp_path)
    trainer.go()
    assert trainer.state.global_step == 6  # one look that is the best, and two that are not better


def test_parts_have_rates_of_their_own(root, tmp_path):
    own = recipe("full", encoder=("llava-v1.5-7b",), image_rate=2e-5, encoder_rate=2e-6, rates=(1e-3,))
    trainer = tuner("llava-v1.5-7b", own, root, tmp_path)
    groups = {group["lr"]: group["params"] for group in trainer.create_optimizer().param_groups}
    wanted = {"language": 1e-3, "projector": 2e-5, "encoder": 2e-6}
    for kind, rate in wanted.items():
        mine = [weight for name, weight in trainer.model.named_parameters() if kind_of(name) == kind]
        assert mine
        assert {id(weight) for weight in mine} == {id(weight) for weight in groups[rate]}


def test_bfloat16_keeps_what_learns_in_float32(root, tmp_path):
    own = recipe(precision="bfloat16", steps=2, evaluate_every=2, activation_checkpointing=True)
    trainer = tuner("llava-v1.5-7b", own, root, tmp_path, dtype="bfloat16")
    kinds = {(weight.requires_grad, weight.dtype) for weight in trainer.model.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    start = {name: weight.clone() for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    trainer.go()
    assert all(torch.isfinite(weight).all() for weight in trainer.model.parameters())
    assert any(not torch.equal(weight, trainer.model.state_dict()[name]) for name, weight in start.items())


@pytest.mark.parametrize("name", NAMES)
def test_updates_are_in_the_language_model_alone(name, root, tmp_path):
    pupil = tuner(name, recipe(), root, tmp_path).course.pupil
    updated = {one.rpartition(".lora_")[0] for one, _ in pupil.model.named_parameters() if ".lora_" in one}
    layers = adapter(name).config.text_config.num_hidden_layers
    assert len(updated) == 7 * layers
    assert all("language_model.layers." in one for one in updated)


def test_targets_without_a_layer_are_said(root, tmp_path):
    own = recipe()
    own = own.model_copy(update={"lora": own.lora.model_copy(update={"targets": "nothing"})})
    with pytest.raises(AdapterError, match="names no layer"):
        tuner("llava-v1.5-7b", own, root, tmp_path)
