"""The words that several commands share: options, and how they become settings."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from harness.settings import Resolved

EXIT_FAILURES = 3
_VISIBLE = "CUDA_VISIBLE_DEVICES"

Models = Annotated[
    str,
    typer.Option(
        help="Names joined by commas; 'all', 'specialists' and 'floors' are groups: all,specialists,floors. Also "
        "NAME@FOLDER, hf:REPO, FILE.py:Class, openai:MODEL@URL."
    ),
]
Tasks = Annotated[str, typer.Option(help="attr, agr, expr, or single questions such as fairface.age.")]
Wordings = Annotated[
    str,
    typer.Option("--prompts", help="Wordings: paper, others that `tasks` lists, joined by commas, or all."),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/tiny-1a2b3c4d.")]

# What follows is None where it is not given, and then harness.toml, the environment or the default decides.
Data = Annotated[Path | None, typer.Option(help="Folder with one folder per dataset; drawn faces if absent.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="tiny: miniatures on drawn faces; paper: the real ones. [default: tiny]")
]
EngineName = Annotated[str | None, typer.Option("--engine", help="auto, hf, vllm. [default: auto]")]
AnswersName = Annotated[
    Literal["text", "choice"],  # harness.records.Answers, whose module would take --help a tenth of a second
    typer.Option("--answers", help="text: free text, parsed; choice: the options' probabilities as the first token."),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 ... [default: auto]")]
Dtype = Annotated[
    str | None,
    typer.Option(help="auto (float32 on CPU, bfloat16 on GPU), float32, bfloat16, float16. [default: auto]"),
]
Executor = Annotated[str | None, typer.Option(help="local, ray: where models are asked. [default: local]")]
Address = Annotated[
    str | None, typer.Option(help="Ray cluster, HOST:PORT or auto; by default RAY_ADDRESS, else one on this machine.")
]
Shards = Annotated[
    int | None, typer.Option(help="Copies of a model side by side with Ray. [default: what there is room for]")
]
Maps = Annotated[Path | None, typer.Option(help="Folder of segmentation maps; by default DATA/maps.")]
Concurrency = Annotated[int | None, typer.Option(help="Requests under way at an endpoint. [default: 8]")]
MaxRequests = Annotated[
    int | None, typer.Option(help="Most requests to endpoints; a run folder's earlier ones and repeats count.")
]
MaxCost = Annotated[float | None, typer.Option(help="Most dollars for endpoints; the run folder's earlier ones count.")]
PriceIn = Annotated[float | None, typer.Option(help="Dollars per million prompt tokens, for --max-cost.")]
PriceOut = Annotated[float | None, typer.Option(help="Dollars per million generated tokens, for --max-cost.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds for an endpoint's whole answer. [default: 120]")]
ApiKeyEnv = Annotated[
    str | None, typer.Option(help="Environment variable that holds the endpoint's key. [default: OPENAI_API_KEY]")
]
Pairs = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of `config`: datasets.expw.margin=0.1. Repeatable."),
]


Chosen = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        metavar="MODEL.KEY=VALUE",
        help="A field of a model's resolution policy (`models` lists them): qwen2.5-vl-7b.max_pixels=1003520. "
        "Repeatable; 0 is what the checkpoint says.",
    ),
]


def settled(pairs: Sequence[str] | None = None, protocol: Sequence[str] | None = None, **flags: object) -> "Resolved":
    """The settings in force; from here on `cache_folder` agrees with them."""
    from harness.settings import resolve

    found = resolve(flags, pairs or (), protocol or ())
    found.export()
    return found


def confine(device: str) -> None:
    """Show a training this device alone: transformers' Trainer takes whatever it sees. To be called before torch is.

    Under torchrun every process has a GPU of its own, and only "cpu" says anything.
    """
    kind, _, index = device.partition(":")
    seen = [name for name in os.environ.get(_VISIBLE, "").split(",") if name]
    if kind == "cpu":
        os.environ[_VISIBLE] = ""
    elif index.isdigit() and "LOCAL_RANK" not in os.environ:
        os.environ[_VISIBLE] = seen[int(index)] if int(index) < len(seen) else index


def words(text: str) -> tuple[str, ...]:
    """What stands between commas, each word once."""
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))
