"""A user's own split: a file with a line "NAME SPLIT" per picture, which takes the place of any other split."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.base import SPLITS, Count, bad_value, claim, lines


class SplitList:
    """Which picture is in which split.

    Args:
        file: text; NAME is the face's id without the "#2" of one face among several, SPLIT is train, val or test.

    Raises:
        DataError: a line of another form, or a name that is there twice.
    """

    def __init__(self, file: Path) -> None:
        names: list[str] = []
        codes: list[int] = []
        seen: set[str] = set()
        for row, text in lines(file):
            name, _, split = text.replace("\t", " ").rpartition(" ")
            if split not in SPLITS or not name:
                raise bad_value(file, row, text[:80], "the name of a picture followed by train, val or test")
            claim(seen, name.strip(), file, row)
            names.append(name.strip())
            codes.append(SPLITS.index(split))
        self._names = pa.array(names, pa.string())
        self._codes = pa.array(codes, pa.int8())

    def apply(self, blocks: Iterator[pa.RecordBatch], count: Count) -> Iterator[pa.RecordBatch]:
        """The faces whose picture is in the list, with its split; counts the others, and names without a face."""
        met: set[int] = set()
        for block in blocks:
            pictures = pc.replace_substring_regex(block.column("id"), pattern=r"#[^#/]*$", replacement="")
            places = pc.index_in(pictures, value_set=self._names)
            met.update(pc.unique(places.drop_null()).to_pylist())
            if places.null_count:
                count.dropped["not in the list of splits"] += places.null_count
            kept = block.filter(places.is_valid())
            yield kept.set_column(0, kept.schema.field(0), self._codes.take(places.drop_null()))
        if unmet := len(self._names) - len(met):
            count.dropped["in the list of splits only"] += unmet
