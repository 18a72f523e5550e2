"""The public-domain photographs beside the project: where they are, and what is known of each. They are never copied.

No one is named: a photograph is known by the stem of its file.
"""

import csv
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from harness.errors import DataError
from harness.records import ImageRef, Record

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VARIABLE = "FACE_HARNESS_FACES"
"""The environment variable that names the folder, where it is not beside the project."""
PORTRAITS, ASTRONAUT = "us_congress_pd", "nasa_astronaut/astronaut.png"
_FACTS = ("file", "gender", "birth_year", "first_term", "age_in_2014")

Box = tuple[int, int, int, int]


class Photo(Record):
    """A portrait with what was judged of it."""

    id: str
    path: Path
    gender: str
    """From public metadata, as is the age."""
    age: int
    """In 2014: an upper bound, as the portraits are undated."""
    judged: dict[str, bool]
    """Attribute of CelebA -> whether it is there, judged by eye; what is not judged is not here."""

    @property
    def gold(self) -> dict[str, bool]:
        """What is known of CelebA's attributes."""
        return {"Male": self.gender == "Male", **self.judged}

    @property
    def ref(self) -> ImageRef:
        """The whole picture."""
        return ImageRef(path=self.path)


def folder() -> Path:
    """The folder of photographs: that of the variable, or shared/faces beside or within the project.

    Raises:
        DataError: it is not there.
    """
    named = os.environ.get(VARIABLE)
    places = [Path(named)] if named else [base / "shared" / "faces" for base in (ROOT.parent, ROOT)]
    for place in places:
        if (place / PORTRAITS / "labels.csv").is_file():
            return place
    where = " or ".join(str(place) for place in places)
    raise DataError(
        f"the photographs are not here: {where} holds no {PORTRAITS}/labels.csv. {VARIABLE} names a folder."
    )


def portraits() -> list[Photo]:
    """All portraits, sorted by id.

    Raises:
        DataError: the folder is not there.
    """
    return sorted(_rows(folder() / PORTRAITS), key=lambda photo: photo.id)


def astronaut() -> Path:
    """The photograph of a whole upper body, with one face in it.

    Raises:
        DataError: the folder is not there.
    """
    return folder() / ASTRONAUT


def boxes() -> dict[str, Box]:
    """Id -> the face, for a dozen of the portraits and the astronaut."""
    return dict(tomllib.loads((HERE / "boxes.toml").read_text(encoding="utf-8")))


def _rows(place: Path) -> Iterator[Photo]:
    with (place / "labels.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Photo(
                id=Path(row["file"]).stem,
                path=place / row["file"],
                gender=row["gender"],
                age=int(row["age_in_2014"]),
                judged={name: value == "1" for name, value in row.items() if name not in _FACTS and value},
            )
