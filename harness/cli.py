"""The command line: each command checks its words, calls one function and prints what came of it.

Heavy modules are imported inside the commands, so that --help, parse, score and report never wait for torch.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_data import data_app

EXIT_FAILURES = 3

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
app.add_typer(adapters_app, name="adapters")
app.add_typer(data_app, name="data")

Models = Annotated[
    str, typer.Option(help="Names joined by commas, or 'all'. Also NAME@FOLDER, hf:REPO, FILE.py:Class.")
]
Tasks = Annotated[str, typer.Option(help="attr, agr, expr, or single questions such as fairface.age.")]
ProfileName = Annotated[str, typer.Option("--profile", help="tiny: miniatures on drawn faces; paper: the real ones.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Dtype = Annotated[str, typer.Option(help="auto (float32 on CPU, bfloat16 on GPU), float32, bfloat16, float16.")]
Maps = Annotated[Path | None, typer.Option(help="Folder of segmentation maps; by default DATA/maps.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/tiny-1a2b3c4d.")]


@app.command(
    epilog="Examples:\n\n"
    "python -m harness run --models all --tasks attr,agr,expr\n\n"
    "python -m harness run --models qwen2.5-vl-7b --tasks expr --profile paper --data /data/faces --limit 500\n\n"
    "python -m harness run --models hf:HuggingFaceTB/SmolVLM-Instruct --tasks agr --data /data/faces --profile paper"
)
def run(
    models: Models = "all",
    tasks: Tasks = "attr,agr,expr",
    profile: ProfileName = "tiny",
    data: Annotated[
        Path | None, typer.Option(help="Folder with one folder per dataset; drawn faces if absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/PROFILE-HASH.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per dataset, the same for all models.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the subset and of sampling.")] = 0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Requests at once; halved when memory is short.")
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    maps: Maps = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Ask again what failed before.")] = False,
) -> None:
    """Ask models about datasets, score the answers, write the report. The same command resumes."""
    from harness.config import engine_options
    from harness.main_job import Options, main_job

    engine = engine_options(profile, device, dtype, batch_size, maps)
    options = Options(
        models=_words(models), tasks=_words(tasks), data=data, out=out, limit=limit, seed=seed,
        max_new_tokens=max_new_tokens, temperature=temperature, engine=engine, retry_failed=retry_failed,
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
    profile: ProfileName = "tiny",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 256,
    device: Device = "auto",
    dtype: Dtype = "auto",
    maps: Maps = None,
) -> None:
    """Ask one model about your own photographs: prompt, verbatim answer, parsed labels."""
    from harness.ask import ask_about
    from harness.config import engine_options
    from harness.records import Decoding

    options = engine_options(profile, device, dtype, maps=maps)
    if not ask_about(model, images, task, Decoding(max_new_tokens=max_new_tokens), options):
        raise typer.Exit(EXIT_FAILURES)


@app.command(
    epilog="Examples:\n\npython -m harness segment --data /data/faces --datasets celeba,expw\n\n"
    "python -m harness segment *.jpg --maps maps --weights celebm.pt --detector-weights mobilenet0.25_Final.pth"
)
def segment(
    images: Annotated[list[Path] | None, typer.Argument(metavar="IMAGE...", help="Photographs.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with one folder per dataset.")] = None,
    datasets: Annotated[str, typer.Option(help="Names joined by commas; all that are there if absent.")] = "",
    splits: Annotated[str, typer.Option(help="Those of train, val, test that a dataset has.")] = "train,val,test",
    maps: Annotated[Path | None, typer.Option(help="Folder of maps; by default DATA/maps, or maps.")] = None,
    model: Annotated[str, typer.Option(help="farl/celebm/448 or farl/lapa/448.")] = "farl/celebm/448",
    detector: Annotated[str, typer.Option(help="retinaface/mobilenet or .../resnet50.")] = "retinaface/mobilenet",
    weights: Annotated[Path | None, typer.Option(help="The parser's file. It is a program: trust its origin.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Refuse the parser's file if it has another hash.")] = None,
    detector_weights: Annotated[Path | None, typer.Option(help="The detector's file.")] = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 8,
) -> None:
    """Make the segmentation maps of datasets or photographs, once. The same command resumes."""
    from faceinsight.parsing import PyfacerOptions
    from harness.segment_job import SegmentOptions, segment_job

    pyfacer = PyfacerOptions(
        model=model, detector=detector, weights=weights, sha256=sha256, detector_weights=detector_weights, device=device
    )
    options = SegmentOptions(
        images=tuple(images or ()), data=data, datasets=_words(datasets), splits=_words(splits), maps=maps,
        batch_size=batch_size, pyfacer=pyfacer,
    )  # fmt: skip
    if segment_job(options).unreadable:
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


@app.command()
def report(path: RunPath) -> None:
    """Write RUN/report/index.html from the scored answers."""
    from harness.store import RunFolder
    from reports.page import write

    folder = RunFolder.existing(path)
    with folder.lock():
        page = write(folder.path)
    typer.echo(f"report: {page}")


@app.command(
    epilog="Examples:\n\npython -m harness correlate\n\n"
    "python -m harness correlate --data /data/faces --datasets celeba,maad --out correlations/attr"
)
def correlate(
    data: Annotated[
        Path | None, typer.Option(help="Folder with one folder per dataset; drawn faces if absent.")
    ] = None,
    datasets: Annotated[str, typer.Option(help="Names joined by commas, or 'all'.")] = "all",
    tau: Annotated[float, typer.Option(help="An edge i -> j needs p(j|i) of at least this (eq. 6).")] = 0.4,
    omega: Annotated[float, typer.Option(help="What a node takes from its neighbours (eq. 7).")] = 0.8,
    out: Annotated[Path, typer.Option(help="Folder for correlation.safetensors, .svg and .png.")] = Path(
        "correlations"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Faces per dataset.")] = None,
) -> None:
    """Count how characteristics go together in the training faces: FaceInsight's correlation map, and its picture."""
    from harness.correlate import Options, correlate_job

    words = None if datasets == "all" else _words(datasets)
    correlate_job(Options(data=data, datasets=words, tau=tau, omega=omega, out=out, limit=limit))


@app.command(
    epilog="Examples:\n\npython -m harness train faceinsight --config faceinsight/recipes/tiny.toml\n\n"
    "torchrun --nproc-per-node 8 -m harness train faceinsight --config faceinsight/recipes/paper.toml --data DIR"
)
def train(
    model: Annotated[str, typer.Argument(help="faceinsight.")],
    config: Annotated[Path, typer.Option(help="A file such as faceinsight/recipes/tiny.toml.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with one folder per dataset; drawn faces if absent.")
    ] = None,
    maps: Maps = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model.")] = Path("runs/faceinsight"),
    whole: Annotated[bool, typer.Option("--whole", help="Write the frozen parts too, not the adapters alone.")] = False,
) -> None:
    """Train FaceInsight. The same command resumes."""
    from harness.errors import UnknownNameError

    if model != "faceinsight":
        raise UnknownNameError.of("model to train", model, ["faceinsight"], "`python -m harness train --help`")
    from harness.train import train_faceinsight

    train_faceinsight(config, data, maps, out, whole)


@app.command(epilog="Example:\n\npython -m harness ablate --out runs/ablation")
def ablate(
    config: Annotated[Path | None, typer.Option(help="By default faceinsight/recipes/ablation.toml.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with one folder per dataset; drawn faces if absent.")
    ] = None,
    maps: Maps = None,
    out: Annotated[Path, typer.Option(help="Folder for trials and report.")] = Path("runs/ablation"),
    jobs: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 2,
) -> None:
    """Train and score FaceInsight's parts one by one, several seeds each, and draw the paper's figure 8."""
    from harness.ablate import DEFAULT
    from harness.ablate import ablate as run_ablation

    run_ablation(config or DEFAULT, data, maps, out, jobs)


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


def _words(text: str) -> tuple[str, ...]:
    return tuple(_nonempty(word.strip() for word in text.split(",")))


def _nonempty(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))
