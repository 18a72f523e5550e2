"""The six datasets as their users know them: splits, terms, where they come from. The facts are in sources.toml."""

import tomllib
from pathlib import Path

from harness.errors import DataError, UnknownNameError
from harness.records import Record


class Source(Record):
    """A dataset as its users know it: what it is called, which splits it has and where it comes from."""

    title: str
    splits: tuple[str, ...]
    licence: str
    size: str
    """On disk, in words."""
    page: str
    """The project page, without a scheme."""
    obtain: str
    """A sentence that says how to get the data."""
    mirror: str = ""
    """A repository of the Hugging Face Hub that `data fetch` reads without further arguments."""
    layout: tuple[str, ...]
    """The files below the dataset's folder, a line each."""
    published: dict[str, int]
    """Official split -> number of faces that can be used; "all" where the set has no official split."""

    def check_split(self, split: str) -> None:
        """Raise UnknownNameError unless the dataset has this split."""
        if split not in self.splits:
            raise UnknownNameError.of(f"split of {self.title}", split, self.splits, "docs/datasets.md")

    def find(self, root: Path, *places: str) -> Path:
        """The first of these places under root that exists.

        Raises:
            DataError: none does; the message says what was looked for and how to obtain it.
        """
        for place in places:
            if (root / place).exists():
                return root / place
        gap = f"none of {', '.join(places)} exists in {root}" if root.is_dir() else f"there is no folder {root}"
        raise DataError(f"{self.title}: {gap}. {self.obtain} docs/datasets.md shows the layout.")


SOURCES: dict[str, Source] = {
    name: Source.model_validate(row)
    for name, row in tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8")).items()
}
"""Name of the dataset, which is also its folder under the data root -> what is known of it."""
