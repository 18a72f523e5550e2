"""Segmentation ahead of training and inference: one map per picture, resumable, and a note of what was found.

FOLDER/faces.jsonl holds a line per parsed picture, {"picture": digest, "faces": n, "outside": share}. A line is written
before its map, so that every map has one; a picture with map and line is never parsed again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice, tee
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from faceinsight.parsing import FaceParser
from harness.digests import look
from harness.errors import DataError, ImageError, UnknownNameError
from harness.images import read
from harness.maps import map_file, write_about, write_map
from harness.records import ImageRef, Record
from tasks.datasets import LOADERS, Faces, open_index
from tasks.datasets.base import SPLITS
from tasks.datasets.options import DataOptions

_NOTES = "faces.jsonl"


class Note(Record):
    """What the parser found in one picture."""

    picture: str
    """The digest of its pixels."""
    faces: int
    outside: float
    """The share of the picture that is background because the parser did not look there."""


class Tally(Record):
    """What became of the pictures of one call; those of earlier calls are counted as they were found then."""

    pictures: int = 0
    written: int = 0
    one: int = 0
    """Pictures with one face."""
    none: int = 0
    """Pictures without: all of their map is background."""
    several: int = 0
    """Pictures with more faces; the largest was parsed."""
    outside: float = 0.0
    """The mean share of a picture, among those with a face, that lies beyond what was parsed."""
    unreadable: tuple[str, ...] = ()
    """Why, one sentence each."""


class Pictures(Collection[ImageRef]):
    """The pictures of several sets of faces, one after the other; they stay in the indexes until they are wanted."""

    def __init__(self, sets: Sequence[Faces]) -> None:
        self._sets = sets

    def __len__(self) -> int:
        """Their number."""
        return sum(map(len, self._sets))

    def __iter__(self) -> Iterator[ImageRef]:
        """In the order of datasets, splits and label files."""
        return chain.from_iterable(faces.images() for faces in self._sets)

    def __contains__(self, image: object) -> bool:
        """Whether it is among them; looks at each."""
        return any(image == own for own in self)


class _Picture(NamedTuple):
    digest: str
    image: Image.Image


def dataset_images(
    root: Path, datasets: Sequence[str] = (), splits: Sequence[str] = SPLITS, options: DataOptions = DataOptions()
) -> "Pictures":
    """The faces of these datasets and splits; without datasets, of all that lie under the root.

    A split that only other datasets have is left out (only CelebA has "val"), and so is one that is not on this disk.

    Raises:
        UnknownNameError: there is no such dataset or split.
        DataError: a dataset is damaged, or there is no face.
    """
    for split in splits:
        if split not in SPLITS:
            raise UnknownNameError.of("split", split, SPLITS, "docs/datasets.md")
    for name in datasets:
        if name not in LOADERS:
            raise UnknownNameError.of("dataset", name, LOADERS, "`python -m harness tasks`")
    names = datasets or [name for name in LOADERS if (root / name).is_dir()]
    if not names:
        raise DataError(f"{root} holds none of the folders {', '.join(LOADERS)}. docs/datasets.md shows the layout.")
    indexes = [open_index(name, root / name, options) for name in names]
    wanted = [(one, split) for one in indexes for split in one.splits if split in splits and split not in one.absent]
    images = Pictures([one.faces(split) for one, split in wanted])
    if not len(images):
        raise DataError(f"{root} holds no face of {', '.join(names)} in the splits {', '.join(splits)}.")
    return images


def segment(
    images: Iterable[ImageRef],
    parser: FaceParser,
    folder: Path,
    batch_size: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Tally:
    """Write the map of each picture that has none yet.

    Args:
        images: the pictures; of a box only what lies in it is parsed, as a model is shown no more.
        parser: the maker of the maps.
        folder: where they lie (harness.maps).
        batch_size: how many pictures the parser gets at once.
        advance: told how many pictures are done.

    Raises:
        ConfigError: the folder holds the maps of another parser.
    """
    write_about(folder, parser.about)
    run = _Run(folder, advance)
    missing = run.missing(images)
    while pictures := list(islice(missing, batch_size)):
        maps = parser.parse([picture.image for picture in pictures])
        for picture, found in zip(pictures, maps, strict=True):
            run.note(Note(picture=picture.digest, faces=found.faces, outside=round(found.outside, 4)))
            write_map(folder, picture.digest, found.classes)
        advance(len(pictures))
    return run.tally()


class _Run:
    """The bookkeeping of one call."""

    def __init__(self, folder: Path, advance: Callable[[int], None]) -> None:
        self._folder, self._advance = folder, advance
        self._notes = read_notes(folder)
        self._written = 0
        self._seen: list[str] = []
        self._unreadable: list[str] = []
        _end_torn_line(folder / _NOTES)

    def missing(self, images: Iterable[ImageRef]) -> Iterator[_Picture]:
        """The pictures without a map, each once; what was mapped before is not even read."""
        yielded = set()
        refs, same = tee(images)
        for ref, found in zip(refs, look(same), strict=True):
            if isinstance(found, ImageError):
                self._unreadable.append(str(found))
                self._advance(1)
                continue
            name = found.digest
            self._seen.append(name)
            if name in yielded or (name in self._notes and map_file(self._folder, name).is_file()):
                self._advance(1)
                continue
            yielded.add(name)
            yield _Picture(name, read(ref))

    def note(self, note: Note) -> None:
        """Write a line, in one piece: another process may write into the same folder."""
        with (self._folder / _NOTES).open("a", encoding="utf-8") as stream:
            stream.write(note.model_dump_json() + "\n")
        self._notes[note.picture] = note
        self._written += 1

    def tally(self) -> Tally:
        notes = [self._notes[name] for name in self._seen]
        faces = [note.faces for note in notes]
        shares = [note.outside for note in notes if note.faces]
        return Tally(
            pictures=len(self._seen) + len(self._unreadable),
            written=self._written,
            one=faces.count(1),
            none=faces.count(0),
            several=sum(count > 1 for count in faces),
            outside=sum(shares) / len(shares) if shares else 0.0,
            unreadable=tuple(self._unreadable),
        )


def read_notes(folder: Path) -> dict[str, Note]:
    """What the parser found in each picture, by digest; a line that a crash cut off is passed over."""
    notes = {}
    file = folder / _NOTES
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            note = Note.model_validate_json(line)
        except ValueError:
            continue
        notes[note.picture] = note
    return notes


def _end_torn_line(file: Path) -> None:
    if file.is_file() and not file.read_bytes().endswith(b"\n"):
        with file.open("ab") as stream:
            stream.write(b"\n")
