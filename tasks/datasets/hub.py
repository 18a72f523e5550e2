"""Bringing a dataset from a mirror into its official layout on disk, where the loaders read it like any other copy.

Rows stream by: a picture is written as it was published and forgotten, its row of labels goes into a hidden file, and
the official label files are written at the end of a split, so that none of them ever promises a picture that is not
there. What is on disk already is not written again: the same command resumes.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import ConfigError, DataError
from tasks.datasets.codes import Words
from tasks.datasets.layouts import LAYOUTS
from tasks.datasets.mirrors import Wish, choose, licence
from tasks.datasets.pictures import HIDDEN, Pictures
from tasks.datasets.provenance import PROVENANCE, Fetched, SplitFetched, read_provenance
from tasks.datasets.sources import SOURCES
from tasks.datasets.stream import Opened, open_mirror
from tasks.datasets.writing import Item, Layout

_STEP = 5000
_OWN_NAMES = (
    "The mirror's columns give no official names: names are made from the bytes of the pictures, so the split by hash "
    "differs from that of the original names, and scores compare only with those on the same copy."
)
Tell = Callable[[str], None]


def fetch(wish: Wish, data: Path, tell: Tell) -> Fetched:
    """Bring splits of a dataset into DATA/<dataset>/.

    Raises:
        ConfigError, UnknownNameError: what was asked for is incomplete, or does not go with what is in the folder.
        DataError: the mirror cannot be read, or a row of it is impossible.
    """
    mirror = choose(wish)
    tell(licence(mirror.dataset))
    by_hash = LAYOUTS[mirror.dataset].splits == ("all",)
    note = _OWN_NAMES if by_hash and "name" not in mirror.columns else ""
    if note:
        tell(note)
    opened = open_mirror(mirror)
    tell(f"{mirror.repo}, commit {opened.commit or 'unknown'}: {mirror.words}")
    return _Folder(data / mirror.dataset, opened, note).fill(tell)


def _makers_count(dataset: str, ours: str, split: SplitFetched) -> str:
    """What is to be said of a copy that is not whole."""
    published = SOURCES[dataset].published.get(ours)
    return "" if published in (None, split.rows) else f"; its makers have {published} faces"


class _Folder:
    """The folder of one dataset while it is being filled."""

    def __init__(self, path: Path, opened: Opened, note: str) -> None:
        mirror = opened.mirror
        self._path, self._opened, self._mirror, self._note = path, opened, mirror, note
        self._layout: Layout = LAYOUTS[mirror.dataset]
        spaces = self._layout.spaces.items()
        self._words = {
            role: Words(mirror, role, space, opened.names(role)) for role, space in spaces if role in mirror.columns
        }

    def fill(self, tell: Tell) -> Fetched:
        """Fetch each split, and write the label files whenever one is complete."""
        (self._path / HIDDEN).mkdir(parents=True, exist_ok=True)
        with _locked(self._path):
            about = self._provenance()
            pictures = Pictures(self._path, self._layout)
            for ours in dict.fromkeys(self._mirror.splits.values()):
                about = self._fetch(ours, about, pictures, tell)
        return about

    def _provenance(self) -> Fetched:
        """What the folder says of itself, or a new statement; its pictures must come from the same place."""
        mirror = self._mirror
        new = Fetched(
            dataset=mirror.dataset, repo=mirror.repo, config=mirror.config, revision=mirror.revision,
            columns=mirror.columns, labels=mirror.labels, note=self._note,
        )  # fmt: skip
        old = read_provenance(self._path)
        if old is None:
            if strange := sorted(path.name for path in self._path.iterdir() if path.name != HIDDEN):
                raise ConfigError(
                    f"{self._path} holds {', '.join(strange[:3])}, which no fetch wrote. Give another --data."
                )
            return new
        fields = set(Fetched.model_fields) - {"splits"}
        if other := [name for name in sorted(fields) if getattr(old, name) != getattr(new, name)]:
            raise ConfigError(
                f"{self._path} was fetched from {old.repo}, with another {' and '.join(other)}. Copies do not mix: "
                "give another --data, or remove the folder."
            )
        return old

    def _fetch(self, ours: str, about: Fetched, pictures: Pictures, tell: Tell) -> Fetched:
        hub = tuple(name for name, split in self._mirror.splits.items() if split == ours)
        before = about.splits.get(ours)
        if before and before.hub != hub[: len(before.hub)]:
            raise ConfigError(
                f"{ours} in {self._path} was made of {', '.join(before.hub)}. Name these first, as --split NAME={ours}."
            )
        split = SplitFetched(hub=hub, commit=self._opened.commit)
        if before is None or not before.finished:
            about = self._state(about, ours, split)

        def withdraw() -> None:
            # A picture is about to change under a label file that speaks of the old one.
            self._rows(ours).unlink(missing_ok=True)
            self._annotate()
            self._state(about, ours, split)

        pictures.before_change = withdraw
        split = self._stream(ours, split, pictures, tell)
        self._annotate()
        tell(f"{ours}: {split.summary}{_makers_count(self._mirror.dataset, ours, split)}")
        return self._state(about, ours, split)

    def _stream(self, ours: str, split: SplitFetched, pictures: Pictures, tell: Tell) -> SplitFetched:
        """Write the pictures of a split and, once all are there, the file of its rows."""
        part, number = self._rows(ours).with_suffix(".part"), 0
        pictures.counts, pictures.left_out = Counter(), Counter()
        with part.open("w", encoding="utf-8", newline="\n") as lines:
            for number, item in self._items(ours, split.hub):
                if item is None:
                    pictures.left_out["without a picture"] += 1
                elif pictures.put(item, placed := self._layout.place(item)):
                    lines.write(f"{placed.line}\n")
                if number % _STEP == 0:
                    tell(f"{ours}: {number} rows")
        if not pictures.counts.total():
            where = f"{self._mirror.repo}, split {', '.join(split.hub)}"
            raise DataError(
                f"{where}: none of {number} rows has a picture in column {self._mirror.columns['image']!r}."
            )
        part.replace(self._rows(ours))
        counts = {"rows": number, **pictures.counts, "left_out": dict(pictures.left_out)}
        return split.model_copy(update={**counts, "finished": datetime.now(UTC).isoformat(timespec="seconds")})

    def _items(self, ours: str, hub: tuple[str, ...]) -> Iterator[tuple[int, Item | None]]:
        """Number and row; None for a row without a picture."""
        number = 0
        for split in hub:
            for row, raw in enumerate(self._opened.rows(split), start=1):
                number += 1
                if raw.image is None:
                    yield number, None
                    continue
                where = f"{self._mirror.repo}, split {split}, row {row}"
                words = {role: read.read(raw.values[role], where) for role, read in self._words.items()}
                yield number, Item(where, ours, number, raw.image, raw.path, raw.values | words, self._mirror.config)

    def _annotate(self) -> None:
        rows = {split: self._rows(split) for split in self._layout.splits}
        self._layout.annotate(self._path, {split: file for split, file in rows.items() if file.exists()})

    def _rows(self, split: str) -> Path:
        return self._path / HIDDEN / f"{split}.rows"

    def _state(self, about: Fetched, ours: str, split: SplitFetched) -> Fetched:
        about = about.model_copy(update={"splits": {**about.splits, ours: split}})
        part = self._path / HIDDEN / PROVENANCE
        part.write_text(about.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(self._path / PROVENANCE)
        return about


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / HIDDEN / "lock", timeout=0):
            yield
    except Timeout:
        raise ConfigError(f"another fetch is filling {folder}. Wait for its end.") from None
