"""The commands `python -m harness data ...`: check their words, call one function and print what came of it.

As in harness/cli.py, heavy modules are imported inside the commands.
"""

from pathlib import Path
from typing import Annotated

import typer

data_app = typer.Typer(no_args_is_help=True, help="Check, describe, fetch and draw datasets.")


@data_app.command(
    epilog="Examples:\n\npython -m harness data fetch celeba --data /data/faces\n\n"
    "python -m harness data fetch fairface --config 1.25 --split validation=test --data /data/wide\n\n"
    "python -m harness data fetch utkface --hub py97/UTKFace-Cropped --split train "
    "--column image=jpg.chip.jpg --column name=__key__ --data /data/faces\n\n"
    "python -m harness data fetch raf-db --hub REPO --split train=train --split test=test --column image=image "
    "--column label=label --labels label=,Surprise,Fear,Disgust,Happiness,Sadness,Anger,Neutral --data /data/faces"
)
def fetch(
    dataset: Annotated[str, typer.Argument(help="celeba, fairface, utkface, raf-db, expw.")],
    data: Annotated[Path, typer.Option(help="Folder with one folder per dataset.")],
    hub: Annotated[
        str | None, typer.Option(metavar="REPO", help="A mirror, or a folder of one, if not the known one.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="Configuration of the mirror; FairFace: 0.25 or 1.25.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of the mirror.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(metavar="HUB=OURS", help="The mirror's split and ours. Repeat it.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=COLUMN", help="What a column is. Repeat it.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME,...", help="Names of codes from 0; leave empty what does not occur."),
    ] = None,
) -> None:
    """Bring a dataset from a Hugging Face mirror into its official layout. The same command resumes.

    CelebA and FairFace need no more than --data. Of other copies nothing is guessed: name --hub, --split and --column.

    Roles of columns, those in parentheses are optional: image, and for celeba the attributes' names (file); fairface
    age, gender, race (file); utkface name, or age, gender, race; raf-db label (file); expw label (name, and top, left,
    right, bottom).
    """
    from tasks.datasets.hub import fetch as fetch_dataset
    from tasks.datasets.mirrors import Wish

    wish = Wish(
        dataset=dataset, hub=hub, config=config, revision=revision, splits=tuple(split or ()),
        columns=tuple(column or ()), labels=tuple(labels or ()),
    )  # fmt: skip
    fetch_dataset(wish, data, lambda text: typer.echo(text, err=True))
    typer.echo(f"{dataset}: {data / dataset}")
