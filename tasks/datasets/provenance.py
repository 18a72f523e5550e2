"""Where the files of a dataset come from, kept beside them: repository, commit, columns, counts and date."""

from pathlib import Path

from pydantic import Field, ValidationError

from harness.errors import DataError
from harness.records import Record

PROVENANCE = "fetched.json"


class SplitFetched(Record):
    """What came of one split."""

    hub: tuple[str, ...]
    """The mirror's names of it."""
    commit: str | None
    rows: int = 0
    written: int = 0
    already: int = 0
    """Pictures that were on disk, byte for byte."""
    left_out: dict[str, int] = Field(default_factory=dict)
    finished: str | None = None
    """When; None while it is under way."""

    @property
    def summary(self) -> str:
        """The counts as words."""
        out = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{self.rows} rows, {self.written} pictures written, {self.already} already there, left out: {out or 0}"


class Fetched(Record):
    """Where the pictures and labels of a folder come from; kept beside them as fetched.json."""

    dataset: str
    repo: str
    config: str | None
    revision: str | None
    columns: dict[str, str]
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    note: str = ""
    splits: dict[str, SplitFetched] = Field(default_factory=dict)


def read_provenance(folder: Path) -> Fetched | None:
    """Where the pictures of a folder were fetched from, if they were.

    Raises:
        DataError: its fetched.json is damaged.
    """
    try:
        return Fetched.model_validate_json((folder / PROVENANCE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(f"{folder / PROVENANCE} is damaged. Remove the folder and fetch again.") from error
