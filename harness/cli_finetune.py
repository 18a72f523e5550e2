"""The command that fine-tunes a model on a task."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli_words import Data, Device, Pairs, ProfileName, confine, settled, words

app = typer.Typer()


@app.command(
    epilog="Examples:\n\npython -m harness finetune llava-v1.5-7b --task expr\n\n"
    "torchrun --nproc-per-node 8 -m harness finetune nvila-8b --task attr --profile paper --data /data/faces\n\n"
    "python -m harness run --models llava-v1.5-7b,llava-v1.5-7b@runs/finetune/llava-v1.5-7b-expr --tasks expr"
)
def finetune(
    model: Annotated[str, typer.Argument(help="llava-v1.5-7b, llava-onevision-7b-si, nvila-8b, or NAME@FOLDER.")],
    task: Annotated[str, typer.Option(help="attr, agr, expr, or single questions such as fairface.age.")],
    config: Annotated[
        Path | None, typer.Option(help="A file such as harness/finetune/recipes/tiny.toml; by default the profile's.")
    ] = None,
    profile: ProfileName = None,
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for trials and the model; by default runs/finetune/MODEL-TASK.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the config's: of draws and updates.")] = None,
    device: Device = None,
    pairs: Pairs = None,
) -> None:
    """Fine-tune a model on a task, once for each learning rate, and keep the best. The same command resumes."""
    found = settled(pairs, data=data, profile=profile, device=device).settings
    confine(found.device)
    from harness.finetune.job import Options, finetune_job

    options = Options(
        model=model, tasks=words(task), config=config, profile=found.profile, data=found.data,
        datasets=found.datasets, out=out, seed=seed,
    )  # fmt: skip
    finetune_job(options)
