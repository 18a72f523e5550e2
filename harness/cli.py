"""The command line: each command checks its words, calls one function and prints what came of it.

Heavy modules are imported inside the commands, so that --help, parse, score and report never wait for torch.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_data import data_app
from harness.cli_faceinsight import app as faceinsight_app
from harness.cli_finetune import app as finetune_app
from harness.cli_words import (
    EXIT_FAILURES,
    Address,
    AnswersName,
    ApiKeyEnv,
    Chosen,
    Concurrency,
    Data,
    Device,
    Dtype,
    EngineName,
    Executor,
    Maps,
    MaxCost,
    MaxRequests,
    Models,
    Pairs,
    PriceIn,
    PriceOut,
    ProfileName,
    RunPath,
    Shards,
    Tasks,
    Timeout,
    Wordings,
    settled,
    words,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help="Face-perception benchmark for multimodal LLMs.\n\n"
    "Exit codes: 0 all answered, 2 a mistake in the command or its data, 3 finished with failures.",
    epilog="Examples:\n\n"
    "python -m harness run --models all --tasks attr,agr,expr\n\n"
    "python -m harness ask llava-v1.5-7b portrait.jpg --task expr\n\n"
    "echo 'The person is female.' | python -m harness parse fairface.gender\n\n"
    "python -m harness COMMAND --help shows more.",
)
adapters_app = typer.Typer(no_args_is_help=True, help="Make and list adapters.")
app.add_typer(faceinsight_app)
app.add_typer(finetune_app)
app.add_typer(adapters_app, name="adapters")
app.add_typer(data_app, name="data")


@app.command(
    epilog="Examples:\n\n"
    "python -m harness run --models all --tasks attr,agr,expr\n\n"
    "python -m harness run --models qwen2.5-vl-7b --tasks expr --profile paper --data /data/faces --limit 500\n\n"
    "python -m harness run --models hf:HuggingFaceTB/SmolVLM-Instruct --tasks agr --data /data/faces --profile paper"
)
def run(
    models: Models = "all",
    tasks: Tasks = "attr,agr,expr",
    prompts: Wordings = "paper",
    profile: ProfileName = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/PROFILE-HASH.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per dataset, the same for all models.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the subset and of sampling.")] = 0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    answers: AnswersName = "text",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Requests at once; halved when memory is short.")
    ] = None,
    engine: EngineName = None,
    device: Device = None,
    dtype: Dtype = None,
    executor: Executor = None,
    address: Address = None,
    shards: Shards = None,
    maps: Maps = None,
    concurrency: Concurrency = None,
    timeout: Timeout = None,
    max_requests: MaxRequests = None,
    max_cost: MaxCost = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    api_key_env: ApiKeyEnv = None,
    protocol: Chosen = None,
    pairs: Pairs = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Ask again what failed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it needs and takes, and stop there.")] = False,
) -> None:
    """Ask models about datasets, score the answers, write the report. The same command resumes."""
    endpoint = {
        "endpoint.concurrency": concurrency, "endpoint.timeout": timeout, "endpoint.api_key_env": api_key_env,
        "endpoint.max_requests": max_requests, "endpoint.max_cost": max_cost,
        "endpoint.price_in": price_in, "endpoint.price_out": price_out,
    }  # fmt: skip
    found = settled(
        pairs, protocol, data=data, profile=profile, engine=engine, device=device, dtype=dtype, batch_size=batch_size,
        executor=executor, maps=maps, **{"ray.address": address, "ray.shards": shards}, **endpoint,
    ).settings  # fmt: skip
    from harness.main_job import Options, main_job

    options = Options(
        models=words(models), tasks=words(tasks), prompts=words(prompts), data=found.data, datasets=found.datasets,
        protocol=found.protocol, out=out, limit=limit, seed=seed, max_new_tokens=max_new_tokens,
        temperature=temperature, answers=answers, engine=found.engine_options(), executor=found.executor,
        ray=found.ray, retry_failed=retry_failed, dry_run=dry_run,
    )  # fmt: skip
    if not main_job(options).complete:
        raise typer.Exit(EXIT_FAILURES)


@app.command(
    epilog="Examples:\n\npython -m harness ask llava-v1.5-7b portrait.jpg\n\n"
    "python -m harness ask qwen2.5-vl-7b --task agr *.jpg"
)
def ask(
    model: Annotated[str, typer.Argument(help="A name of `python -m harness models`.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs.")],
    task: Annotated[str, typer.Option(help="attr, agr, expr, or a question such as utkface.age.")] = "attr",
    profile: ProfileName = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 256,
    answers: AnswersName = "text",
    prompts: Wordings = "paper",
    engine: EngineName = None,
    device: Device = None,
    dtype: Dtype = None,
    maps: Maps = None,
    protocol: Chosen = None,
) -> None:
    """Ask one model about your own photographs: prompt, verbatim answer, parsed labels."""
    found = settled(
        protocol=protocol, profile=profile, engine=engine, device=device, dtype=dtype, maps=maps
    ).settings  # fmt: skip
    from harness.ask import ask_about, distinct
    from harness.records import Decoding

    decoding = Decoding(max_new_tokens=max_new_tokens)
    asked = distinct(task, words(prompts))
    if not ask_about(model, images, asked, decoding, found.engine_options(), found.protocol, answers):
        raise typer.Exit(EXIT_FAILURES)


@app.command()
def score(path: RunPath) -> None:
    """Parse and score the stored answers again, without any model."""
    from harness.overview import show_scores
    from harness.rescore import rescore
    from harness.store import RunFolder

    folder = RunFolder.existing(path)
    with folder.lock():
        scores = rescore(folder)
    show_scores(scores)


@app.command(
    epilog="Examples:\n\npython -m harness report runs/tiny-0123abcd --figures\n\n"
    "python -m harness report runs/before runs/after --out comparison.html"
)
def report(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="A run folder, or several to compare.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; by default RUN/report/index.html, or comparison.html there for several runs."
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also the paper's figures 1 and 3-7 as SVG and PDF; takes seconds more.")
    ] = False,
    ablation: Annotated[
        Path | None, typer.Option(help="Folder of an ablation, for the paper's figure 8.", show_default=False)
    ] = None,
) -> None:
    """Write the page of a run and the paper's tables from its scored answers, or compare several runs."""
    from harness.errors import ConfigError
    from harness.store import RunFolder
    from reports import compare, page, paper_files

    first, *others = [RunFolder.existing(path) for path in paths]
    if others and (figures or ablation):
        raise ConfigError("--figures and --ablation are for one run: name one, or leave them out.")
    with first.lock():
        written = compare.write(paths, out) if others else page.write(first.path, out)
        paper = None if others else paper_files.write(first.path, figures, ablation)
    typer.echo(f"report: {written}" + (f"\npaper's tables and figures: {paper}" if paper else ""))


@app.command(
    epilog="Example:\n\npython -m harness export runs/tiny-1a2b3c4d\n\n"
    "docs/results.md says what each column and field means. Pictures are not copied."
)
def export(
    path: RunPath,
    out: Annotated[Path | None, typer.Option(help="Where to; by default RUN/export.")] = None,
) -> None:
    """Write answers and scores as Parquet, which `datasets` and pandas read, and results.json."""
    from harness.export import export as write
    from harness.store import RunFolder

    settled()  # the cache holds the digests of pictures
    folder = RunFolder.existing(path)
    with folder.lock():
        done = write(folder, out)
    typer.echo(f"{done.responses:,} rows of responses and {done.scores:,} of scores: {done.folder}")


@app.command(
    epilog="Examples:\n\npython -m harness config\n\n"
    "FACE_HARNESS_PROFILE=paper python -m harness config --set datasets.expw.margin=0.1 --json"
)
def config(
    protocol: Chosen = None,
    pairs: Pairs = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object: key -> value and origin.")] = False,
) -> None:
    """Print the settings in force and where each comes from: flag > environment > harness.toml > default."""
    rows = list(settled(pairs, protocol).rows())
    if as_json:
        found = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    lines = [(f"{key} = {'(not set)' if value is None else value}", origin) for key, value, origin in rows]
    width = max(len(line) for line, _ in lines)
    for line, origin in lines:
        typer.echo(f"{line:<{width}}   ({origin})")


@app.command()
def models() -> None:
    """List the models, their checkpoints and licences."""
    from harness.overview import show_models

    show_models()


@app.command()
def tasks() -> None:
    """List tasks, questions, datasets, label spaces and prompts."""
    from harness.overview import show_tasks

    show_tasks()


@adapters_app.command("new")
def adapters_new(
    name: Annotated[str, typer.Argument(help="Name of the adapter; the file is called after it.")],
    folder: Annotated[Path, typer.Option(help="Where the file is written.")] = Path(),
) -> None:
    """Write a working adapter file to start from."""
    from adapters.scaffold import write

    typer.echo(f"wrote {write(name, folder)}")


@app.command(
    epilog="Example:\n\necho 'The person is female.' | python -m harness parse fairface.gender\n\n"
    "A line that is a JSON object with the field `reply` may also hold `finish`: stop, length or failed."
)
def parse(space: Annotated[str, typer.Argument(metavar="SPACE", help="celeba, fairface.age, expw ...")]) -> None:
    """Parse replies from stdin, one a line, into labels: one JSON object a line."""
    from harness.replies import parse_lines

    for found in parse_lines(sys.stdin, space):
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()
