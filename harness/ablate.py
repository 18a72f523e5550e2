"""`python -m harness ablate`: train and score every trial of an ablation, in several processes, and draw figure 8."""

import json
import multiprocessing
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from faceinsight.ablation import AblationRecipe, Bench, Job, Result
from faceinsight.recipe import load_recipe
from harness.checkpoints import fingerprint
from harness.engines.quiet import quiet
from harness.engines.threads import set_threads
from harness.maps import NAME as MAPS
from harness.store import write_atomically
from harness.toys import training_faces
from harness.train import MINIATURE, RECIPES, frozen_folder, frozen_parts
from harness.trials import Asked, Trial, Trials, at_omega
from harness.versions import versions
from reports.ablation import write_ablation
from tasks.registry import QUESTIONS

DEFAULT = RECIPES / "ablation.toml"
FULL = "org+seg+corr+lgc"


def ablate(config: Path, data: Path | None, maps: Path | None, out: Path, jobs: int) -> Path:
    """Run what is left of an ablation and write its report.

    Args:
        config: a recipe with seeds and conditions.
        data: the root of the datasets; None draws toy faces.
        maps: the folder of segmentation maps; None is `maps` under the root.
        out: the folder of the trials; trials that are there are not run again.
        jobs: processes that train, one trial each at a time.

    Returns:
        The page.

    Raises:
        HarnessError: a malformed config, missing data, or trials of other settings in the folder.
    """
    recipe = load_recipe(config, AblationRecipe)
    root = data or training_faces()
    out.mkdir(parents=True, exist_ok=True)
    _describe(out, recipe, toy=data is None or recipe.frozen == MINIATURE)
    console = Console()
    left = [job for job in trials_of(recipe) if _found(out, recipe, job) is None]
    total = sum(1 for _ in trials_of(recipe))
    console.print(f"{total} trials, {len(left)} to run in {jobs} processes: {out}", soft_wrap=True)
    if left:
        _run(recipe, root, maps or root / MAPS, out, jobs)
    page = write_ablation(out)
    console.print(f"report: {page}", soft_wrap=True)
    return page


def trials_of(recipe: AblationRecipe) -> Iterator[Job]:
    """All trials, seed by seed, so that a cut-off ablation has whole seeds."""
    for seed in recipe.seeds:
        for condition in recipe.conditions:
            for variant in condition.variants:
                yield Job(condition=condition, variant=variant, seed=seed)
            for omega in condition.omegas:
                yield Job(condition=condition, variant=FULL, seed=seed, omega=omega)


def _run(recipe: AblationRecipe, root: Path, maps: Path, out: Path, jobs: int) -> None:
    """Let processes take trials from the same list until none is left."""
    words = (recipe.model_dump_json(), root, maps, out)
    if jobs == 1:
        return _work(*words)
    # A fork would share torch's threads with the parent, and deadlock in them.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(_work, *words) for _ in range(jobs)]:
            done.result()


def _work(recipe_json: str, root: Path, maps: Path, out: Path) -> None:
    """Run every trial that neither exists nor is being run by another process."""
    recipe = AblationRecipe.model_validate_json(recipe_json)
    quiet()
    set_threads(0)
    bench = Bench(recipe, root, maps, out / "checkpoints")
    for job in trials_of(recipe):
        if (parent := multiprocessing.parent_process()) and not parent.is_alive():
            return  # the ablation was killed: what is left is for the call that resumes it
        lock = FileLock(out / "locks" / f"{Trials(out).file(job.condition.name, _name(job), job.seed).stem}.lock")
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            with lock.acquire(timeout=0):
                if _found(out, recipe, job) is None:
                    trial = _trial(recipe, job, bench.run(job, frozen_parts(recipe)))
                    Trials(out).write(trial)
                    Console().print(_said(trial), markup=False, highlight=False, soft_wrap=True)
        except Timeout:
            continue


def _found(out: Path, recipe: AblationRecipe, job: Job) -> Trial | None:
    return Trials(out).find(job.condition.name, _name(job), job.seed, _settings(recipe, job))


def _name(job: Job) -> str:
    return job.variant if job.omega is None else at_omega(job.variant, job.omega)


def _settings(recipe: AblationRecipe, job: Job) -> dict[str, Any]:
    """Everything that decides a trial, in JSON's types; the checkpoint of the frozen half counts by its contents."""
    own = job.recipe(recipe)
    return {
        "condition": job.condition.model_dump(mode="json", exclude={"variants", "omegas", "name"}),
        "model": own.model.model_dump(mode="json"),
        "data": own.data.model_dump(mode="json"),
        "training": own.training.model_dump(mode="json"),
        "frozen": fingerprint(str(frozen_folder(recipe.frozen))) if recipe.frozen else None,
        "parts": recipe.parts.model_dump(mode="json") if recipe.parts else None,
    }


def _trial(recipe: AblationRecipe, job: Job, found: Result) -> Trial:
    own = job.recipe(recipe)
    return Trial(
        variant=_name(job),
        condition=job.condition.name,
        seed=job.seed,
        omega=own.model.omega if own.model.gcn_layers else None,
        questions=own.data.questions or tuple(QUESTIONS),
        steps=own.training.steps,
        config=_settings(recipe, job),
        **found.model_dump(),
    )


def _said(trial: Trial) -> str:
    return (
        f"{trial.condition}, {trial.variant}, seed {trial.seed}: accuracy {trial.accuracy:.4f}, "
        f"mAP {trial.mean_average_precision:.4f}, impossible {trial.impossible:.3f}, {trial.seconds:.0f} s"
    )


def _describe(out: Path, recipe: AblationRecipe, toy: bool) -> None:
    """ablation.json: what the report says of the whole."""
    asked = {one.name: Asked(variants=one.variants, omegas=one.omegas) for one in recipe.conditions}
    about = {
        "profile": "tiny" if toy else "paper",
        "title": recipe.title,
        "command": shlex.join(["python", "-m", "harness", *sys.argv[1:]]),
        "versions": versions(),
        "seeds": list(recipe.seeds),
        "conditions": {name: one.model_dump(mode="json") for name, one in asked.items()},
    }
    write_atomically(out / "ablation.json", json.dumps(about, indent=1) + "\n")
