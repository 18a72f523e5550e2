"""What a run is: everything that decides its numbers. harness/settings.py has what a user settles for all runs."""

import hashlib
import json
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from harness.errors import ConfigError, UnknownNameError
from harness.overrides import Choices
from harness.records import Answers, Decoding, Record
from tasks.datasets.options import DataOptions

DTYPES = ("auto", "float32", "bfloat16", "float16")
_CHOICES = {"datasets", "policies", "answers"}
"""What a user need not choose: written down where it differs from the default."""
PROFILE_FILE = Path(__file__).with_name("profiles.toml")


class Profile(Record):
    """A named set of defaults."""

    name: str
    title: str
    max_new_tokens: int
    limit: int | None = None


class RunConfig(Record):
    """Everything that decides the numbers of a run. Batch size and device do not, so they are not here."""

    profile: str
    tasks: tuple[str, ...]
    models: dict[str, str]
    """Name -> fingerprint of its checkpoint."""
    decoding: Decoding
    limit: int | None = Field(default=None, ge=1)
    seed: int = 0
    answers: Answers = "text"
    data_root: Path
    datasets: DataOptions = DataOptions()
    """What was chosen about the datasets."""
    policies: Choices = Field(default_factory=dict)
    """What was chosen about the models; of each, answers of one choice only lie in a folder (harness/manifest.py)."""

    def protocol(self) -> dict[str, object]:
        """What two runs must share for their answers to lie in one folder.

        Raises:
            ConfigError: a list of splits cannot be read.
        """
        return self.model_dump(mode="json", exclude={"models", "tasks", *_CHOICES}) | self._chosen()

    def default_folder(self) -> Path:
        """runs/<profile>-<hash of the protocol, models and tasks>: the same command finds its folder again."""
        chosen = self._chosen() | ({"policies": self.policies} if self.policies else {})
        whole = self.model_dump_json(exclude=_CHOICES) + (json.dumps(chosen, sort_keys=True) if chosen else "")
        return Path("runs") / f"{self.profile}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    def _chosen(self) -> dict[str, object]:
        """Nothing where nothing was chosen: folders of runs from before there was a choice stay valid."""
        chosen = {"datasets": self.datasets.protocol(), "answers": self.answers if self.answers != "text" else None}
        return {name: value for name, value in chosen.items() if value}


@cache
def profiles() -> dict[str, Profile]:
    """All profiles by name."""
    content = tomllib.loads(PROFILE_FILE.read_text(encoding="utf-8"))
    return {name: Profile(name=name, **values) for name, values in content.items()}


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in profiles():
        raise UnknownNameError.of("profile", name, profiles(), "`python -m harness run --help`")
    return profiles()[name]


def data_root(profile_name: str, given: Path | None) -> Path | None:
    """The folder that holds one folder per dataset; None means the toy faces, which are drawn on demand.

    Raises:
        ConfigError: the profile needs real data and no folder was named.
    """
    if given is None and profile_name != "tiny":
        raise ConfigError(
            f"profile '{profile_name}' reads real datasets: name the folder that holds celeba/, maad/, fairface/, "
            "utkface/, expw/ and raf-db/ with --data, or as `data` in harness.toml. "
            "docs/datasets.md says how each is obtained."
        )
    if given is not None and not given.is_dir():
        raise ConfigError(
            f"the data root {given} is not a folder. --data, FACE_HARNESS_DATA or `data` in harness.toml must name one "
            "that holds one folder per dataset, see docs/datasets.md; `python -m harness config` shows which did."
        )
    return given
