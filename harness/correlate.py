"""`python -m harness correlate`: the correlation map of the training faces, with the ground truth's own violations."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from faceinsight import ground_truth
from faceinsight.correlations import NAME, Correlations, count, write
from faceinsight.faces import ALL, LabelledFaces, load
from faceinsight.graph import check_share, conditional, edges
from faceinsight.rules import load_rules
from harness.records import Record
from harness.toys import RUN_SEED, toy_root
from reports import style
from reports.correlation import drawn, heat_map
from tasks.datasets.options import DataOptions

TOY_TRAIN = 300
"""Drawn training faces of each dataset, where no data are named."""
_HUBS = 5
_PICTURES = (".svg", ".png")
_DPI = 150


class Options(Record):
    """The words of the command line."""

    data: Path | None = None
    """None is the drawn faces."""
    choices: DataOptions = DataOptions()
    """What was chosen about the datasets."""
    datasets: tuple[str, ...] | None = None
    """None is all six."""
    tau: float = 0.4
    omega: float = 0.8
    out: Path = Path("correlations")
    limit: int | None = None


def correlate_job(options: Options, console: Console | None = None) -> Correlations:
    """Read the training faces, print what they are and which rules they break, write the counts and their picture.

    Raises:
        HarnessError: an unknown dataset, missing data, tau or omega out of range.
    """
    console = console or Console()
    datasets = ALL if options.datasets is None else options.datasets
    check_share("tau", options.tau)  # before minutes of reading
    check_share("omega", options.omega)
    faces = load(
        options.data or toy_root(TOY_TRAIN, 1, RUN_SEED),
        datasets,
        "train",
        limit=options.limit,
        options=options.choices,
    )
    rules = load_rules()
    broken = ground_truth.table(rules, ground_truth.tallies(faces, rules))
    _say(console, [*_origin(faces, options.data is None), "", broken, ""])
    counted = count(faces)
    _say(console, graph_in_words(counted, options.tau, options.omega))
    write(options.out / NAME, counted)
    pictures = draw(options.out / NAME, counted, options.tau)
    _say(console, [f"wrote {file}" for file in (options.out / NAME, *pictures)])
    return counted


def graph_in_words(counted: Correlations, tau: float, omega: float) -> Iterator[str]:
    """What the map looks like: its edges, its hubs, the characteristics without edges, and how alike its rows are."""
    names, probability_KK = counted.origin.names, conditional(counted.counts)
    edges_KK = edges(probability_KK, tau)
    present = drawn(probability_KK.numpy()).tolist()
    found, incoming = int(edges_KK.sum()), edges_KK.sum(0).tolist()
    hubs = sorted(filter(incoming.__getitem__, present), key=lambda place: -incoming[place])[:_HUBS]
    alone = [names[place] for place in present if not edges_KK[place].any()]
    yield f"{len(present)} of {len(names)} characteristics are present on some face; {found} edges among them,"
    yield f"{found / max(len(present), 1):.1f} into each on average. Most go into {_counted(names, incoming, hubs)}."
    yield f"{len(alone)} have no neighbour and keep all of themselves: {', '.join(alone) or '-'}."
    alike = _alike(counted.map(tau, omega)[present])
    yield f"At omega {omega:g} two rows of the map have a cosine of {alike:.2f} on average; 1 is the same mixture."


def _counted(names: Sequence[str], incoming: Sequence[int], places: Sequence[int]) -> str:
    return ", ".join(f"{names[place]} ({incoming[place]})" for place in places) or "none"


def _alike(map_DK: Tensor) -> float:
    """The mean cosine between two different rows; NaN where there are no two."""
    unit_DK = F.normalize(map_DK, dim=1)
    cosines_DD = unit_DK @ unit_DK.T
    return float(cosines_DD[~torch.eye(len(cosines_DD), dtype=torch.bool)].mean())


def draw(file: Path, counted: Correlations, tau: float) -> tuple[Path, ...]:
    """Write the picture beside the file of counts; returns its two files."""
    probability_KK = conditional(counted.counts)
    figure = heat_map(probability_KK.numpy(), edges(probability_KK, tau).numpy(), counted.origin.names, tau)
    files = tuple(file.with_suffix(ending) for ending in _PICTURES)
    with style.look():
        figure.savefig(files[0], metadata={"Date": None, "Creator": None})
        figure.savefig(files[1], dpi=_DPI)
    return files


def _origin(faces: LabelledFaces, toy: bool) -> Iterator[str]:
    """Which faces these are, a line per dataset."""
    yield f"{len(faces)} training faces" + (": drawn ones, whose map says nothing about real faces." if toy else ":")
    for name, size in faces.sizes().items():
        left_out = ", ".join(f"{count} {reason}" for reason, count in faces.dropped[name].items())
        yield f"  {name}: {size}" + (f" (left out: {left_out})" if left_out else "")


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
