"""The commands `python -m harness data ...`: check their words, call one function and print what came of it.

As in harness/cli.py, heavy modules are imported inside the commands.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli_words import EXIT_FAILURES, Pairs, settled, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import Record
    from harness.settings import Settings

data_app = typer.Typer(no_args_is_help=True, help="Check, describe, fetch and draw datasets.")

Root = Annotated[
    Path | None,
    typer.Option("--data", "--root", help="Folder with one folder per dataset; by default that of `config`."),
]
Names = Annotated[str, typer.Option(help="Names joined by commas; all six if absent.")]


@data_app.command(
    epilog="Examples:\n\npython -m harness data check --root /data/faces\n\n"
    "python -m harness data check --root /data/faces --datasets celeba,expw --decode"
)
def check(
    data: Root = None,
    datasets: Names = "",
    decode: Annotated[bool, typer.Option("--decode", help="Read every picture too: minutes to hours.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    pairs: Pairs = None,
) -> None:
    """Say of each dataset what is there, what is missing, how it is obtained and what to do next.

    Exit code 3 if any of them is missing or incomplete.
    """
    found = settled(pairs, data=data).settings
    from harness.data.check import check as check_dataset
    from harness.data.show import show
    from harness.terminal import terminal
    from tasks.datasets import SOURCES

    root = _root(found)
    checked = [check_dataset(name, root, found.datasets, decode) for name in words(datasets) or SOURCES]
    _print_json(checked) if as_json else show(terminal(), root, checked)
    if any(one.state != "found" for one in checked):
        raise typer.Exit(EXIT_FAILURES)


@data_app.command(epilog="Example:\n\npython -m harness data stats --root /data/faces --datasets celeba --splits test")
def stats(
    data: Root = None,
    datasets: Annotated[str, typer.Option(help="Names joined by commas; all that are there if absent.")] = "",
    splits: Annotated[str, typer.Option(help="Those of train, val, test that a dataset has.")] = "train,val,test",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    pairs: Pairs = None,
) -> None:
    """Count every label, and how often the annotations themselves break the logical rules."""
    found = settled(pairs, data=data).settings
    from harness.data.stats import show_stats
    from harness.data.stats import stats as count
    from harness.terminal import terminal

    counted = count(_root(found), words(datasets), words(splits), found.datasets)
    _print_json(counted) if as_json else show_stats(terminal(), counted)


@data_app.command(epilog="Example:\n\npython -m harness data toy --out toys --test 20")
def toy(
    out: Annotated[Path, typer.Option(help="Folder for one folder per dataset.")],
    test: Annotated[int, typer.Option(min=1, help="Test faces of each dataset.")] = 20,
    train: Annotated[int, typer.Option(min=0, help="Training faces of each.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed draws other faces.")] = 0,
    datasets: Names = "",
) -> None:
    """Draw faces in the official layouts of the six datasets, with their segmentation maps."""
    from tasks.toy import ALL, write_toy

    write_toy(out, test, train, seed, words(datasets) or ALL)
    typer.echo(f"drawn faces: {out}; `python -m harness data check --root {out}` looks at them.")


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
    data: Root = None,
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
    root = _root(settled(data=data).settings)
    fetch_dataset(wish, root, lambda text: typer.echo(text, err=True))
    typer.echo(f"{dataset}: {root / dataset}")


def _root(settings: "Settings") -> Path:
    from harness.errors import ConfigError

    if settings.data is None:
        raise ConfigError(
            "which data? Name the folder that holds (or will hold) one folder per dataset with --root, "
            "or as `data` in harness.toml."
        )
    return settings.data


def _print_json(rows: "Sequence[Record]") -> None:
    import json

    typer.echo(json.dumps([row.model_dump(mode="json") for row in rows], indent=1, ensure_ascii=False))
