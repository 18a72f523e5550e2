"""`python -m harness finetune`: a training for each rate, one table, and the best as a checkpoint.

torchrun starts several processes of it.
"""

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from rich.console import Console
from rich.table import Table
from torch import distributed

from adapters.base import Profile
from adapters.guards import CARD
from adapters.hf import ChatModel
from adapters.registry import names, spec
from adapters.spec import ModelSpec
from faceinsight.recipe import read_config
from harness.checkpoints import fingerprint
from harness.config import data_root
from harness.config import profile as profile_of
from harness.engines.quiet import quiet
from harness.engines.threads import set_threads
from harness.errors import AdapterError, ConfigError
from harness.finetune.desk import Desk, examine
from harness.finetune.lessons import Lessons, lessons
from harness.finetune.network import Pupil, load_learnt, save_model
from harness.finetune.recipe import Recipe, default_file
from harness.finetune.training import Course, FineTuner, trial_of
from harness.finetune.trials import COLUMNS, Grid, Trial, best, table
from harness.records import Decoding, Record
from harness.store import write_atomically
from harness.toys import training_faces
from harness.train import Progress
from harness.versions import versions
from tasks.datasets import DataOptions
from tasks.registry import questions_of


class Options(Record):
    """The words of the command line; None is "as the profile says"."""

    model: str
    tasks: tuple[str, ...]
    config: Path | None = None
    profile: Profile = "tiny"
    data: Path | None = None
    datasets: DataOptions = DataOptions()
    out: Path | None = None
    seed: int | None = None


def finetune_job(options: Options) -> Path:
    """Run what is left of the grid and write the best model.

    Returns:
        The folder of the model.

    Raises:
        HarnessError: a model that cannot be fine-tuned, an unknown task, a malformed config, missing data, or a folder
            of another fine-tuning.
    """
    job = _Job(options)
    job.grid.claim(job.settings, job.first)
    PartialState()  # several processes find each other before they share work
    try:
        job.run()
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()  # torchrun ends in an abort otherwise
    return job.grid.model


def tunable(name: str) -> ModelSpec:
    """The model of this name, if it can be fine-tuned.

    Raises:
        UnknownNameError: there is no such model.
        AdapterError: it cannot.
    """
    found = spec(name)
    if not found.finetune:
        able = [one for one in names() if spec(one).finetune]
        raise AdapterError(
            f"'{name}' cannot be fine-tuned here: {', '.join(able)} can, as in the paper. FaceInsight has a command of "
            "its own, `python -m harness train faceinsight`."
        )
    return found


class _Job:
    def __init__(self, options: Options) -> None:
        quiet()
        self.spec = tunable(options.model)
        self.name = options.model.partition("@")[0]
        self.questions = questions_of(options.tasks, options.datasets)
        if not self.questions:
            raise ConfigError("there is nothing to learn: name a task, --task attr, agr or expr.")
        self.options = options
        self.source = self.spec.source(options.profile)
        self.recipe = _seeded(read_config(options.config or default_file(options.profile), Recipe), options.seed)
        self.root = data_root(options.profile, options.data) or training_faces()
        self.grid = Grid(options.out or Path("runs/finetune") / f"{self.name}-{'-'.join(options.tasks)}")
        self.decoding = Decoding(max_new_tokens=profile_of(options.profile).max_new_tokens)
        self.first = int(os.environ.get("RANK", "0")) == 0
        self.console = Console(quiet=not self.first)

    @property
    def encoder(self) -> bool:
        """Whether the image encoder learns."""
        return self.recipe.train_image_encoder.get(self.name, False)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Everything that decides a trial but its rate, in JSON's types."""
        return {
            "model": self.name,
            "source": fingerprint(self.source),
            "questions": [asked.model_dump(mode="json") for asked in self.questions],
            "prompts": {asked.name: asked.render().template_hash for asked in self.questions},
            "image_encoder": self.encoder,
            "datasets": self.options.datasets.protocol(),
            "decoding": self.decoding.model_dump(mode="json"),
            **self.recipe.model_dump(mode="json", include={"method", "lora", "data", "training"}),
        }

    def run(self) -> None:
        """The grid, the table, the model."""
        console, recipe, grid = self.console, self.recipe, self.grid
        train, held = lessons(self.questions, self.root, recipe.data, recipe.training.seed, self.options.datasets)
        console.print(f"[bold]{recipe.title}[/bold]: {self.spec.name}, {grid.out}", soft_wrap=True)
        console.print(f"to learn from {train.sizes()}, to stop at {held.sizes()}", markup=False, soft_wrap=True)
        set_threads(0)
        for rate in recipe.rates:
            if grid.find(rate) is None:
                self._learn(rate, train, held)
        trials = grid.all(recipe.rates)
        if self.first:
            grid.write_table(trials)
            _show(console, trials)
        if not self._finished(best(trials)):
            self._conclude(trials, held)
        console.print(f"model: {grid.model}", soft_wrap=True)
        console.print(f"python -m harness run --models {self.name}@{grid.out} ...", markup=False, soft_wrap=True)

    def _learn(self, rate: float, train: Lessons, held: Lessons) -> None:
        """One trial; what it learnt stays only while it is the best."""
        folder = self.grid.folder(rate)
        self.console.print(f"learning rate {rate:g}", soft_wrap=True)
        started = time.perf_counter()
        course = Course(
            self._pupil(), self.recipe.at(rate), train, held, self.recipe.data.shares, self.decoding,
            folder / "checkpoints", [Progress(self.console)],
        )  # fmt: skip
        trainer = FineTuner(course)
        trainer.go()
        learnt = trainer.weights()
        if self.first:
            trainer.keep(learnt, folder)
            self.grid.write(trial_of(trainer, rate, time.perf_counter() - started))
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            self._forget_beaten()
        self._wait()

    def _forget_beaten(self) -> None:
        trials = self.grid.all(self.recipe.rates)
        for trial in trials:
            if trial.rate != best(trials).rate:
                (self.grid.folder(trial.rate) / "learnt.safetensors").unlink(missing_ok=True)

    def _pupil(self) -> Pupil:
        """The model as it was before, made ready to learn."""
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
        adapter = self._adapter(self.source, device, self.recipe.training.precision)
        return Pupil(adapter, self.recipe, self.encoder, self.recipe.training.seed)

    def _adapter(self, source: str, device: str = "auto", dtype: str = "auto") -> ChatModel:
        adapter: ChatModel = self.spec.load()(source, device, dtype, self.spec.protocol.get(self.options.profile, {}))
        return adapter

    def _finished(self, chosen: Trial) -> bool:
        card = self.grid.model / CARD
        return card.is_file() and json.loads(card.read_text(encoding="utf-8"))["chosen"] == chosen.rate

    def _conclude(self, trials: list[Trial], held: Lessons) -> None:
        """The best trial as a checkpoint, asked once more as a run would load it, beside the model it came from."""
        self._wait()
        if self.first:
            pupil = Pupil(self._adapter(self.source, "cpu", "float32"), self.recipe, self.encoder, 0)
            load_learnt(pupil.model, self.grid.folder(best(trials).rate))
            shutil.rmtree(self.grid.model, ignore_errors=True)
            save_model(pupil, self.grid.model)
        self._wait()
        accuracy = {
            when: examine(Desk(self._adapter(source)), held, self.decoding, self.recipe.training.batch)
            for when, source in (("before", self.source), ("after", str(self.grid.model)))
        }
        if self.first:
            for when, found in accuracy.items():
                said = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
                self.console.print(f"validation accuracy {when}: {said}", markup=False, soft_wrap=True)
            card = json.dumps(self._card(trials, accuracy), indent=1) + "\n"
            write_atomically(self.grid.out / CARD, card)
            write_atomically(self.grid.model / CARD, card)

    def _card(self, trials: list[Trial], accuracy: Mapping[str, Mapping[str, float]]) -> Mapping[str, Any]:
        recipe, chosen = self.recipe, best(trials)
        return {
            "model": self.name,
            "tasks": list(dict.fromkeys(asked.task for asked in self.questions)),
            "questions": [asked.name for asked in self.questions],
            "method": recipe.method,
            "profile": self.options.profile,
            "source": self.source,
            "fingerprint": self.settings["source"],
            "chosen": chosen.rate,
            "validation": accuracy,
            "trials": [trial.model_dump(mode="json") for trial in trials],
            "settings": self.settings,
            "recipe": recipe.model_dump(mode="json"),
            "versions": versions(),
            "command": shlex.join(["python", "-m", "harness", *sys.argv[1:]]),
        }

    def _wait(self) -> None:
        if distributed.is_initialized():
            distributed.barrier()


def _show(console: Console, trials: list[Trial]) -> None:
    shown = Table(*COLUMNS, title="trials")
    for row in table(trials):
        shown.add_row(*row)
    console.print(shown)


def _seeded(recipe: Recipe, seed: int | None) -> Recipe:
    if seed is None:
        return recipe
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": seed})})
