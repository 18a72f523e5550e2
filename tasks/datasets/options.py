"""What a user may choose about the datasets. Each choice changes pixels, labels or samples, so a run records all."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from harness.errors import ConfigError
from harness.records import Record


class _Splittable(Record):
    split: Path | None = None
    """A file with a line "NAME SPLIT" per picture, in place of the official or the hash split (docs/datasets.md)."""


class CelebA(_Splittable):
    """CelebA has no choice but the split."""


class Maad(_Splittable):
    """MAAD-Face on VGGFace2."""

    undefined: Literal["dropped", "negative"] = "dropped"
    """What a 0 in the labels is: a cell that is not scored, or an absent attribute."""


class FairFace(_Splittable):
    """FairFace."""

    padding: Literal["0.25", "1.25"] = "0.25"
    """Which of the two sets of pictures: close crops of 224 pixels, or wide ones of 448."""
    ages: Literal["nine", "decades"] = "nine"
    """FairFace's nine bins, or UTKFace's eight decades."""
    races: Literal["seven", "five"] = "seven"
    """FairFace's seven races, or UTKFace's five."""


class UTKFace(_Splittable):
    """UTKFace."""

    images: Literal["cropped", "wild"] = "cropped"
    """The aligned faces in UTKFace/, or the photographs in part1/, part2/ and part3/."""
    ages: Literal["decades", "fairface"] = "decades"
    """Eight decades, or FairFace's nine bins."""


class ExpW(_Splittable):
    """ExpW."""

    margin: float = Field(default=0.0, ge=0.0, le=1.0)
    """How much of the box's width and height is added on each side before the face is cropped."""


class RafDB(_Splittable):
    """RAF-DB."""

    classes: Literal["basic", "compound"] = "basic"
    """The seven basic expressions, or the eleven compound ones."""
    images: Literal["aligned", "original"] = "aligned"
    """Faces of 100 pixels, or the photographs they were cut from."""


class DataOptions(Record):
    """The choices of all datasets; the keys are the datasets' names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    celeba: CelebA = CelebA()
    maad: Maad = Maad()
    fairface: FairFace = FairFace()
    utkface: UTKFace = UTKFace()
    expw: ExpW = ExpW()
    raf_db: RafDB = Field(default=RafDB(), alias="raf-db")

    def of(self, dataset: str) -> _Splittable:
        """The choices of one dataset, by its name."""
        found: _Splittable = getattr(self, dataset.replace("-", "_"))
        return found

    def protocol(self) -> dict[str, dict[str, Any]]:
        """What two runs must share: dataset -> choices that differ from the defaults, a list of splits as its hash.

        Raises:
            ConfigError: a list of splits cannot be read.
        """
        chosen = {name: self.of(name).model_dump(mode="json", exclude_defaults=True) for name in _names()}
        for name, own in chosen.items():
            file = self.of(name).split
            if file is not None:
                own["split"] = _hash(file)
        return {name: own for name, own in chosen.items() if own}


def _names() -> list[str]:
    return [field.alias or name for name, field in DataOptions.model_fields.items()]


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ConfigError(f"the list of splits {file} cannot be read: {error.strerror or error}.") from error
