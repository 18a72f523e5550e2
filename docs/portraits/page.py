"""The page about the photographs: one HTML file without scripts, in the look of the reports."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from jinja2 import ChoiceLoader, FileSystemLoader
from PIL import Image

from docs.portraits import layouts
from docs.portraits.photos import Photo, astronaut, boxes, portraits
from docs.portraits.replies import SPACE, STYLES, Written, agreement, written
from faceinsight.parsing import FaceParser
from harness.images import read
from harness.maps import CLASSES, PALETTE, coloured
from harness.records import Case, ImageRef, Response
from reports import assets, gallery, style
from tasks.datasets.base import Face
from tasks.labels import label_space

SIDE = 256
"""Longer side of the pictures on the page, in pixels: twice what is shown, for fine screens."""


class Shown(NamedTuple):
    """A photograph and its face, as data addresses."""

    photo: str
    crop: str
    size: str
    """Of the face, in pixels of the photograph."""


@dataclass(frozen=True)
class Card:
    """A photograph with its replies."""

    id: str
    shown: Shown
    map: str
    """A data address, empty without a parser."""
    present: tuple[str, ...]
    absent: tuple[str, ...]
    open: tuple[str, ...]
    """Attributes that were not judged."""
    replies: tuple[gallery.Reply, ...]


class Difference(NamedTuple):
    """A reply that the parser reads otherwise than its author meant it."""

    photo: str
    style: str
    lost: tuple[str, ...]
    added: tuple[str, ...]


class Loaded(NamedTuple):
    """What came back of one layout."""

    name: str
    faces: int
    known: str
    constant: str


def render(parser: FaceParser | None, trouble: str = "") -> str:
    """The page as text.

    Args:
        parser: makes the maps; without one the page has none.
        trouble: why there is no parser.

    Raises:
        DataError: the photographs are not there.
    """
    photos = {photo.id: photo for photo in portraits()}
    rows = written()
    chosen = [photos[name] for name in dict.fromkeys(row.photo for row in rows)]
    maps = _maps(parser, chosen) if parser else {}
    styles = {name: agreement((row for row in rows if row.style == name), photos) for name in STYLES}
    careful = agreement((row for row in rows if row.style != "mistaken"), photos)
    environment = assets.environment()
    environment.loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent), FileSystemLoader(assets.TEMPLATES)])
    return environment.get_template("portraits.html.j2").render(
        cards=[_card(photo, rows, maps.get(photo.id)) for photo in chosen],
        scene=_shown(astronaut()),
        photographs=len(photos) + 1,
        maps=len(maps),
        legend=_legend(maps.values()),
        trouble=trouble,
        total=agreement(rows, photos),
        agreement=styles | {"all but mistaken": careful},
        differences=list(filter(None, map(_difference, rows))),
        loaded=_loaded(list(photos.values())),
        **assets.own() | {"scripts": []},
    )


def _card(photo: Photo, rows: Sequence[Written], classes: Image.Image | None) -> Card:
    known = photo.gold
    return Card(
        id=photo.id,
        shown=_shown(photo.path),
        map=_map_address(classes) if classes else "",
        present=tuple(name for name, there in known.items() if there),
        absent=tuple(name for name, there in known.items() if not there),
        open=tuple(name for name in _judged() if name not in known),
        replies=tuple(_reply(photo, row) for row in rows if row.photo == photo.id),
    )


def _shown(path: Path) -> Shown:
    left, top, right, bottom = box = boxes()[path.stem]
    whole, face = (gallery.thumbnail(ImageRef(path=path, box=part), SIDE) for part in (None, box))
    return Shown(whole, face, f"{right - left} × {bottom - top}")


def _judged() -> list[str]:
    """Every attribute that was judged of some portrait."""
    return list(dict.fromkeys(chain.from_iterable(photo.judged for photo in portraits())))


def _reply(photo: Photo, row: Written) -> gallery.Reply:
    case = Case(key=photo.id, sample_id=photo.id, image=photo.ref, gold=photo.gold, text="")
    response = Response(key=photo.id, sample_id=photo.id, text=row.reply, finish="stop")
    return gallery.reply(row.style, style.model_colours(STYLES)[row.style], response, row.read(), case)


def _difference(row: Written) -> Difference | None:
    found = row.read()
    said = {*((name, True) for name in found.yes), *((name, False) for name in found.no)}
    meant = {*((name, True) for name in row.yes), *((name, False) for name in row.no)}
    if said == meant:
        return None
    return Difference(row.photo, row.style, _spoken(meant - said), _spoken(said - meant))


def _spoken(statements: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    return tuple(name if there else f"no {name}" for name, there in sorted(statements))


def _maps(parser: FaceParser, photos: Sequence[Photo]) -> dict[str, Image.Image]:
    found = parser.parse([read(photo.ref) for photo in photos])
    return {photo.id: Image.fromarray(each.classes) for photo, each in zip(photos, found, strict=True)}


def _map_address(classes: Image.Image) -> str:
    scale = SIDE / max(classes.size)
    size = (round(classes.width * scale), round(classes.height * scale))
    return gallery.address(coloured(classes.resize(size, Image.Resampling.NEAREST)), "PNG")


def _legend(maps: Iterable[Image.Image]) -> dict[str, str]:
    """Class -> colour, of the classes that occur."""
    there = sorted({int(value) for classes in maps for value in np.unique(np.asarray(classes))})
    return {CLASSES[value]: "#{:02x}{:02x}{:02x}".format(*PALETTE[value].tolist()) for value in there}


def _loaded(photos: Sequence[Photo]) -> list[Loaded]:
    with TemporaryDirectory() as folder:
        return [
            _row(name, layouts.load(name, layouts.write(name, Path(folder), photos)), photos)
            for name in layouts.PLACEHOLDERS
        ]


def _row(name: str, faces: Sequence[Face], photos: Sequence[Photo]) -> Loaded:
    return Loaded(name, len(faces), _known(name, faces, photos), layouts.PLACEHOLDERS[name])


def _known(name: str, faces: Sequence[Face], photos: Sequence[Photo]) -> str:
    """What of the labels that came back is no constant, counted."""
    if name == "maad":
        golds = (gold for face in faces if isinstance(gold := face.labels["maad"], dict))
        cells = Counter(chain.from_iterable(gold.values() for gold in golds))
        undefined = len(faces) * len(label_space("maad").labels) - cells.total()
        return f"{cells[True]} attributes present, {cells[False]} absent; {undefined} cells undefined"
    if name == SPACE:
        cells = Counter(value for photo in photos for value in photo.gold.values())
        return f"{cells[True]} attributes present, {cells[False]} absent"
    if name in ("expw", "raf-db"):
        return "no label; the boxes of the faces" if name == "expw" else "no label"
    return "; ".join(_shares(face.group[group] for face in faces) for group in ("gender", "age"))


def _shares(values: Iterable[str]) -> str:
    return ", ".join(f"{count} {value}" for value, count in sorted(Counter(values).items()))
