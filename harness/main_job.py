"""`python -m harness run`, step by step: settings, data, plan, ask, score, report."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import Field
from rich.console import Console

from adapters.base import Profile
from adapters.registry import lacking, named, spec
from adapters.spec import ModelSpec
from harness.checkpoints import fingerprint
from harness.config import RunConfig, data_root, profile
from harness.derived import mark, up_to_date
from harness.engines import Engine, EngineOptions
from harness.engines.budget import FILE as SPENDING
from harness.errors import ConfigError
from harness.executors import Executor, executor
from harness.executors.options import ExecutorName, RayOptions
from harness.forecast import Forecast, forecast
from harness.manifest import check, note_engine, record
from harness.maps import NAME as MAPS
from harness.overrides import Choices, of_models, unused
from harness.overview import show_forecast, show_scores
from harness.plan import Asked, PlannedQuestion, Planner, answerable
from harness.progress import ProgressListener
from harness.records import Answers, Decoding, Record
from harness.runner import Outcome, Runner
from harness.speeds import Stopwatch
from harness.store import PAGE, RunFolder
from harness.toys import RUN_SEED, toy_root
from prompts import PAPER
from tasks.datasets import DataOptions, require
from tasks.registry import Question, questions_of


class Options(Record):
    """The words of the command line; None is "as the profile says"."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    prompts: tuple[str, ...] = (PAPER,)
    """Variants of the prompts; "all" are those there are."""
    data: Path | None = None
    datasets: DataOptions = DataOptions()
    protocol: Choices = Field(default_factory=dict)
    """What is chosen about models; those that are not asked may be among them."""
    out: Path | None = None
    limit: int | None = None
    seed: int = 0
    max_new_tokens: int | None = None
    temperature: float = 0.0
    answers: Answers = "text"
    engine: EngineOptions = EngineOptions()
    executor: ExecutorName = "local"
    ray: RayOptions = RayOptions()
    retry_failed: bool = False
    dry_run: bool = False
    """Stop before anything is loaded, and leave no trace in the run folder."""


def main_job(options: Options, console: Console | None = None) -> Outcome:
    """Do the whole job; what was answered before is not asked again.

    Raises:
        HarnessError: an unknown name, missing data, a locked or foreign run folder.
    """
    console = console or Console()
    config = settings(options)
    for name, reason in lacking(options.models, options.engine.profile).items():
        console.print(f"{name} is left out: {reason}.", markup=False)
    for name in unused(options.protocol, config.models):
        console.print(f"{name} is not asked, so what is chosen about it has no effect.", markup=False, soft_wrap=True)
    specs = {name: _spec(name, config, options.engine.profile) for name in config.models}
    folder = RunFolder(options.out or config.default_folder())
    console.print(f"run folder: {folder.path}", soft_wrap=True)
    if options.dry_run:  # without the lock, which would make the folder
        planned = _plan(folder, config, options, console)
        with _executor(options, console) as place:
            _foresee(folder, planned, answerable(specs, planned), options, _Watch(specs, place, console))
        return Outcome()
    with folder.lock():
        planned = _plan(folder, config, options, console)
        asked = answerable(specs, planned)
        with _executor(options, console) as place:
            watch = _Watch(specs, place, console)
            seen = _foresee(folder, planned, asked, options, watch)
            record(folder, config, planned, asked)
            outcome = _ask(folder, config, asked, options, watch, seen)
        page = _derive(folder)
    show_scores(folder.read_scores())
    _conclude(outcome, folder, page, console)
    return outcome


def _spec(name: str, config: RunConfig, profile: Profile) -> ModelSpec:
    return spec(name).chosen(profile, config.policies.get(name, {})).fitted(profile)


def _derive(folder: RunFolder) -> Path:
    """Scores and report, where they are not those of the answers already."""
    if not up_to_date(folder):
        # A fifth of a second that a rerun without new answers has no use for.
        from harness.rescore import rescore
        from reports import page, paper_files

        rescore(folder)
        page.write(folder.path)
        paper_files.write(folder.path)
        mark(folder)
    return folder.path / PAGE


def settings(options: Options) -> RunConfig:
    """The settings that decide the numbers: flags before the profile's defaults.

    Raises:
        UnknownNameError: a model, task or profile that does not exist.
        ConfigError: no model or task, or a profile without its data.
    """
    questions_of(options.tasks, variants=options.prompts)  # a misspelt name is met before any face is drawn
    if not options.models or not options.tasks or not options.prompts:
        raise ConfigError(
            "a run needs at least one model, one task and one wording: --models all --tasks attr,agr,expr "
            "--prompts paper."
        )
    defaults = profile(options.engine.profile)
    root = data_root(defaults.name, options.data)
    limit = options.limit or defaults.limit
    names = named(options.models, options.engine.profile)
    if any(spec(name).endpoint for name in names):
        options.engine.endpoint.check()
    models = {name: fingerprint(spec(name).source(options.engine.profile)) for name in names}
    return RunConfig(
        profile=defaults.name,
        tasks=options.tasks,
        prompts=options.prompts,
        models=models,
        decoding=_decoding(options, defaults.max_new_tokens),
        limit=limit,
        seed=options.seed,
        answers=options.answers,
        data_root=root or toy_root(0, limit or 1, RUN_SEED),
        datasets=options.datasets,
        policies=of_models(options.protocol, names, options.engine.profile),
    )


def _decoding(options: Options, longest: int) -> Decoding:
    """How answers are generated; of a choice between options the first token is read and none generated."""
    if options.answers == "text":
        tokens = options.max_new_tokens or longest
        return Decoding(max_new_tokens=tokens, temperature=options.temperature, seed=options.seed)
    if options.max_new_tokens or options.temperature:
        raise ConfigError(
            "--answers choice reads the probabilities of the first token and generates no text: leave out "
            "--max-new-tokens and --temperature."
        )
    return Decoding(max_new_tokens=1, seed=options.seed)


def plan(config: RunConfig, console: Console) -> list[PlannedQuestion]:
    """Read samples and images of every question of the run.

    Raises:
        DataError: datasets are missing (one error names all of them), incomplete or hold an impossible value.
    """
    questions = questions_of(config.tasks, config.datasets, config.prompts)
    require(config.data_root, dict.fromkeys(one.dataset for one in questions), partial(_go_on, questions))
    planner = Planner(config.data_root, config.decoding, config.limit, config.seed, config.datasets, config.answers)
    planned = []
    with console.status("") as status:  # a whole test split takes minutes
        for question in questions:
            status.update(f"{question.name}: reading labels, and each picture once for its key")
            planned.append(planner.plan(question))
    return planned


def _go_on(questions: Sequence[Question], here: Sequence[str]) -> str:
    names = ",".join(one.name for one in questions if one.dataset in here)
    return f"`--tasks {names}` goes on with what is there."


class _Watch(NamedTuple):
    """Whom a run asks, on what, and where it shows."""

    specs: dict[str, ModelSpec]
    place: Executor
    console: Console


def _plan(folder: RunFolder, config: RunConfig, options: Options, console: Console) -> list[PlannedQuestion]:
    check(folder, config)  # before minutes of reading
    planned = plan(config, console)
    if config.profile == "tiny" and options.data is not None:
        console.print(f"data: {options.data}. Miniatures know drawn faces alone; --profile paper asks the real models.")
    return planned


def _executor(options: Options, console: Console) -> AbstractContextManager[Executor]:
    tell = partial(console.print, style="yellow", markup=False, soft_wrap=True)
    return executor(options.executor, options.ray, options.engine, tell)


def _foresee(
    folder: RunFolder, planned: Sequence[PlannedQuestion], asked: Asked, options: Options, watch: _Watch
) -> Forecast:
    """Say what is to come before anything is loaded."""
    seen = forecast(watch.specs, options.engine, watch.place.device, folder, asked, options.retry_failed)
    show_forecast(seen, watch.console)
    for name, own in asked.items():
        if left_out := [item.question.name for item in planned if item not in own]:
            watch.console.print(
                f"{name} is not asked {', '.join(left_out)}: it has no such labels.", markup=False, soft_wrap=True
            )
    return seen


def _ask(
    folder: RunFolder,
    config: RunConfig,
    asked: Asked,
    options: Options,
    watch: _Watch,
    seen: Forecast,
) -> Outcome:
    found = {"maps": options.engine.maps or config.data_root / MAPS, "spending": folder.path / SPENDING}
    how = options.engine.model_copy(update=found)
    left = {one.model: one.left for one in seen.models}
    tasks = {item.question.name: item.kind for items in asked.values() for item in items}

    def engine_of(name: str) -> Engine:
        engine = watch.place.open_engine(watch.specs[name], how, left[name])
        note_engine(folder, name, engine, watch.specs[name].policy)
        return engine

    with (
        ProgressListener(watch.console) as bars,
        Stopwatch(bars, tasks, config.profile, seen.device.name, aside=config.policies) as listener,
    ):
        runner = Runner(folder, config.decoding, engine_of, listener)
        return runner.run(asked, options.retry_failed)


def _conclude(outcome: Outcome, folder: RunFolder, page: Path, console: Console) -> None:
    console.print(f"{outcome.asked} requests asked; report: {page}", soft_wrap=True)
    for model, reason in outcome.broken_models.items():
        console.print(f"model {model} broke off: {reason}", style="red", markup=False, soft_wrap=True)
    for reason in dict.fromkeys(outcome.stopped_models.values()):  # endpoints share one budget
        console.print(reason, style="yellow", markup=False, soft_wrap=True)
    if outcome.failed:
        console.print(
            f"{outcome.failed} requests have no answer (see `error` in {folder.path}/responses and the report). "
            "After mending the cause, run the same command with --retry-failed.",
            style="red",
            markup=False,
            soft_wrap=True,
        )
