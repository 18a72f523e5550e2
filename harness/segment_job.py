"""`python -m harness segment`: which pictures, which parser, a bar meanwhile, and a tally at the end."""

from collections.abc import Collection
from pathlib import Path

from pydantic import Field
from rich.console import Console

from faceinsight.parsing import PyfacerOptions, PyfacerParser
from faceinsight.segment import Tally, dataset_images, segment
from harness.config import data_root
from harness.errors import ConfigError
from harness.maps import NAME
from harness.progress import ProgressListener
from harness.records import ImageRef, Record
from tasks.datasets.base import SPLITS
from tasks.datasets.options import DataOptions

SHOWN = 20
"""So many unreadable pictures are named."""


class SegmentOptions(Record):
    """The words of the command line."""

    images: tuple[Path, ...] = ()
    data: Path | None = None
    choices: DataOptions = DataOptions()
    """What was chosen about the datasets."""
    datasets: tuple[str, ...] = ()
    splits: tuple[str, ...] = SPLITS
    maps: Path | None = None
    batch_size: int = Field(default=8, ge=1)
    pyfacer: PyfacerOptions = Field(default_factory=PyfacerOptions)


def segment_job(options: SegmentOptions) -> Tally:
    """Make the maps and say what came of it.

    Raises:
        ConfigError: photographs and a data root are both named, or neither; or the folder has another parser's maps.
        HarnessError: the data or the parser's files are not in order; see dataset_images and PyfacerParser.
    """
    images, folder = _pictures(options)
    console = Console()
    console.print(f"{len(images)} pictures. Opening pyfacer; weights that are not here are fetched.", soft_wrap=True)
    parser = PyfacerParser(options.pyfacer)
    with ProgressListener(console) as bars:
        bars.begin("pyfacer", NAME, len(images), 0)
        tally = segment(images, parser, folder, options.batch_size, bars.advance)
    _show(console, tally, folder)
    return tally


def _pictures(options: SegmentOptions) -> tuple[Collection[ImageRef], Path]:
    if bool(options.images) == (options.data is not None):
        raise ConfigError("name either photographs or a data root: `segment portrait.jpg` or `segment --data FOLDER`.")
    if options.data is None:
        return [ImageRef(path=path) for path in options.images], options.maps or Path(NAME)
    root = data_root("paper", options.data)
    assert root is not None  # it was given
    return dataset_images(root, options.datasets, options.splits, options.choices), options.maps or root / NAME


def _show(console: Console, tally: Tally, folder: Path) -> None:
    console.print(
        f"{tally.written} maps written into {folder}. {tally.pictures} pictures: {tally.one} with one face, "
        f"{tally.several} with several (the largest is mapped), {tally.none} with none (all background), "
        f"{len(tally.unreadable)} unreadable.",
        soft_wrap=True,
        highlight=False,
    )
    if tally.one + tally.several:
        share = f"{tally.outside:.0%}"
        console.print(f"Of a picture with a face {share} lies beyond what the parser looks at.", soft_wrap=True)
    for reason in tally.unreadable[:SHOWN]:
        console.print(reason, style="red", markup=False, soft_wrap=True)
    if len(tally.unreadable) > SHOWN:
        console.print(f"... and {len(tally.unreadable) - SHOWN} more.", style="red")
