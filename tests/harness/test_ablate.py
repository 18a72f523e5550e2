"""An ablation end to end at the smallest scale: trials, resumption, other settings, the report."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from faceinsight.ablation import VARIANTS, AblationRecipe, Bench, Condition, Job, Result
from faceinsight.assembly import frozen_half
from faceinsight.recipe import Data, Settings, Training, load_recipe
from faceinsight.rules import load_rules
from harness import ablate
from harness.errors import StoreError
from harness.images import read
from harness.trials import OMEGAS, Trials
from harness.trials import VARIANTS as NAMES
from tasks.toy import write_toy
from tests.faceinsight import tiny

FACES = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), test=FACES, train=24, seed=4, datasets=("celeba",))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    return tiny.checkpoint(tmp_path_factory.mktemp("frozen"))


STANDARD = Condition(name="standard", variants=("org", "org+seg+corr+lgc"), omegas=(0.0,))


def recipe(frozen, conditions=(STANDARD,)):
    return AblationRecipe(
        title="a test", hardware="any", frozen=str(frozen), model=Settings(), seeds=(0, 1), conditions=conditions,
        data=Data(questions=("celeba",), datasets=("celeba",), keep_in_memory=True),
        training=Training(steps=2, batch=4, rate=1e-3, evaluate_every=2, precision="float32"),
    )  # fmt: skip


def write_recipe(file, own):
    lines = [f'title = "{own.title}"', f'hardware = "{own.hardware}"', f'frozen = "{own.frozen}"', "seeds = [0, 1]"]
    for table in ("model", "data", "training"):
        values = getattr(own, table).model_dump(mode="json", exclude_none=True)
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    for condition in own.conditions:
        values = condition.model_dump(mode="json", exclude_none=True)
        lines += ["[[conditions]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    file.write_text("\n".join(lines))
    return file


def test_the_shipped_recipe_trains_the_papers_variants_and_omegas():
    own = load_recipe(ablate.DEFAULT, AblationRecipe)
    jobs = [job for job in ablate.trials_of(own) if job.condition.name == "standard" and job.seed == own.seeds[0]]
    assert len(own.seeds) >= 3
    assert tuple(VARIANTS) == NAMES
    assert [job.variant for job in jobs if job.omega is None] == list(VARIANTS)
    assert {job.recipe(own).model.omega for job in jobs if job.variant == ablate.FULL} == set(OMEGAS)
    assert len({condition.name for condition in own.conditions}) == 3


def test_variants_differ_in_their_parts_alone(frozen):
    own = recipe(frozen)
    made = {name: Job(condition=own.conditions[0], variant=name, seed=3).recipe(own) for name in VARIANTS}
    parts = {name: (one.model.segmentation, one.model.gcn_layers, one.model.logic_weight) for name, one in made.items()}
    assert parts == {
        "org": (False, 0, 0.0),
        "org+seg": (True, 0, 0.0),
        "org+seg+corr": (True, 2, 0.0),
        "org+seg+corr+lgc": (True, 2, 1.0),
    }
    assert len({one.training.model_dump_json() for one in made.values()}) == 1
    assert all(one.data == own.data for one in made.values())


def test_two_processes_run_every_trial_once_and_a_second_call_none(root, frozen, tmp_path, monkeypatch):
    file = write_recipe(tmp_path / "recipe.toml", recipe(frozen))
    page = ablate.ablate(file, root, None, tmp_path / "out", jobs=2)
    trials = Trials(tmp_path / "out").read()
    assert sorted((trial.variant, trial.seed) for trial in trials) == sorted(
        (variant, seed) for variant in ("org", "org+seg+corr+lgc", "org+seg+corr+lgc@0") for seed in (0, 1)
    )
    assert {trial.variant: trial.omega for trial in trials} == {
        "org": None, "org+seg+corr+lgc": 0.8, "org+seg+corr+lgc@0": 0.0,
    }  # fmt: skip
    assert all(trial.faces == FACES and trial.steps == 2 for trial in trials)
    assert (page.parent / "figure-8a.svg").is_file()
    assert (page.parent / "figure-8b.pdf").is_file()
    assert "say nothing about the paper" not in page.read_text()  # data were named, so they are not drawn toys
    assert not list((tmp_path / "out" / "checkpoints").glob("*"))
    assert "org+seg has 0 of 2 seeds" not in page.read_text()  # the condition does not ask for it
    assert "ω = 0.2" not in page.read_text()
    monkeypatch.setattr(ablate, "_run", lambda *_: pytest.fail("ran again"))
    ablate.ablate(file, root, None, tmp_path / "out", jobs=2)


def test_a_removed_trial_is_run_again_and_gives_the_same(root, frozen, tmp_path):
    file = write_recipe(tmp_path / "recipe.toml", recipe(frozen))
    ablate.ablate(file, root, None, tmp_path / "out", jobs=1)
    trials = Trials(tmp_path / "out")
    before = trials.find("standard", "org", 1)
    trials.file("standard", "org", 1).unlink()
    ablate.ablate(file, root, None, tmp_path / "out", jobs=1)
    again = trials.find("standard", "org", 1)
    assert again.model_copy(update={"seconds": before.seconds}) == before


def test_trials_of_other_settings_are_never_taken_for_these(root, frozen, tmp_path):
    own = recipe(frozen)
    ablate.ablate(write_recipe(tmp_path / "a.toml", own), root, None, tmp_path / "out", jobs=1)
    other = own.model_copy(update={"training": own.training.model_copy(update={"rate": 2e-3})})
    with pytest.raises(StoreError, match="other settings"):
        ablate.ablate(write_recipe(tmp_path / "b.toml", other), root, None, tmp_path / "out", jobs=1)


@pytest.fixture(scope="module")
def bench(root, frozen, tmp_path_factory):
    return Bench(recipe(frozen), root, root / "maps", tmp_path_factory.mktemp("work"))


def test_scores_are_those_of_independent_arithmetic(bench):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=bench.test.labels_NK.shape).astype(np.float32)
    found: Result = bench._score(logits, bench.material, 1.0)
    truth, names = bench.test.labels_NK, bench.test.joint.names
    assert found.accuracy == pytest.approx(np.mean((logits > 0) == truth))
    varying = [column for column in range(len(names)) if 0 < truth[:, column].sum() < FACES]
    precise = {names[column]: average_precision_score(truth[:, column], logits[:, column]) for column in varying}
    assert found.precision_by_label == pytest.approx(precise)
    assert found.mean_average_precision == pytest.approx(np.mean(list(precise.values())))
    rules = load_rules().within(names)
    said = [dict(zip(names, row, strict=True)) for row in logits > 0]
    wrong = [any(face[r.premise] and any(face[x] for x in r.excludes) for r in rules.exclusions) for face in said]
    assert found.impossible == pytest.approx(np.mean(wrong))
    groups = [not all(any(face[m] for m in g.members) for g in rules.at_least_one) for face in said]
    assert found.incomplete == pytest.approx(np.mean(groups))


def test_few_labels_hide_cells_and_change_none(bench):
    few = bench._shown(Condition(name="few", labelled=0.25))
    whole = bench.material.train
    assert np.array_equal(few.train.labels_NK, whole.labels_NK)
    assert not (few.train.mask_NK & ~whole.mask_NK).any()
    assert few.train.mask_NK.sum() == pytest.approx(0.25 * whole.mask_NK.sum(), rel=0.2)
    assert np.array_equal(few.train.mask_NK, bench._shown(Condition(name="few", labelled=0.25)).train.mask_NK)
    assert few.validation is bench.material.validation


def test_low_contrast_changes_the_picture_and_not_its_map(bench, frozen):
    condition = Condition(name="faint", contrast=0.1, blur=0.02)
    picture = read(bench.test.image(0))
    faint = condition.treat(picture)
    assert np.asarray(faint).std() < 0.3 * np.asarray(picture).std()
    assert faint.size == picture.size
    assert not Condition(name="standard").treats
    result = bench.run(Job(condition=condition, variant="org+seg", seed=0), frozen_half(frozen))
    assert 0 < result.accuracy < 1
