"""What a run is: the settings that decide its numbers, and where they come from (flag > profile)."""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from harness.engines import EngineOptions
from harness.errors import ConfigError, UnknownNameError
from harness.records import Decoding, Record

DTYPES = ("auto", "float32", "bfloat16", "float16")
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
    data_root: Path

    def protocol(self) -> dict[str, object]:
        """What two runs must share for their answers to lie in one folder."""
        return self.model_dump(mode="json", exclude={"models", "tasks"})

    def default_folder(self) -> Path:
        """runs/<profile>-<hash of the protocol, models and tasks>: the same command finds its folder again."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]
        return Path("runs") / f"{self.profile}-{digest}"


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


def engine_options(
    profile_name: str, device: str, dtype: str, batch_size: int | None = None, maps: Path | None = None
) -> EngineOptions:
    """Options of the command line as a record.

    Raises:
        UnknownNameError: a profile or a dtype that does not exist.
    """
    if dtype not in DTYPES:
        raise UnknownNameError.of("dtype", dtype, DTYPES, "`python -m harness run --help`")
    return EngineOptions.model_validate(
        {
            "profile": profile(profile_name).name,
            "device": device,
            "dtype": dtype,
            "batch_size": batch_size,
            "maps": maps,
        }
    )


def data_root(profile_name: str, given: Path | None) -> Path | None:
    """The folder that holds one folder per dataset; None means the toy faces, which are drawn on demand.

    Raises:
        ConfigError: the profile needs real data and no folder was named.
    """
    if given is None and profile_name != "tiny":
        raise ConfigError(
            f"profile '{profile_name}' reads real datasets: name the folder that holds celeba/, maad/, fairface/, "
            "utkface/, expw/ and raf-db/ with --data. docs/datasets.md says how each is obtained."
        )
    if given is not None and not given.is_dir():
        raise ConfigError(f"--data {given} is not a folder. It must hold one folder per dataset, see docs/datasets.md.")
    return given
