"""Settings, and where each came from: flag > environment > harness.toml > built-in default.

    harness.toml                              data = "/data/faces"; a table [datasets.expw] with margin = 0.1
    FACE_HARNESS_DATA                         the same in the environment
    FACE_HARNESS_DATASETS__EXPW__MARGIN       two underscores lead into a table
    --data, --set datasets.expw.margin=0.1    the same as flags

What is chosen about models has tables of their names, which hold dots: [protocol."qwen2.5-vl-7b"] max_pixels = 1003520,
as a flag --protocol qwen2.5-vl-7b.max_pixels=1003520, in the environment FACE_HARNESS_PROTOCOL as JSON.

The file is $FACE_HARNESS_CONFIG, else ./harness.toml, else none. Its relative paths start at its own folder.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from harness import keys
from harness.config import DTYPES, profiles
from harness.engines import ENGINES, EndpointOptions, EngineOptions
from harness.errors import ConfigError, UnknownNameError
from harness.executors.options import ExecutorName, RayOptions
from harness.overrides import Choices, pair_of
from harness.places import CACHE_VARIABLE, cache_folder, default_cache
from tasks.datasets.options import DataOptions

PREFIX = "FACE_HARNESS_"
FILE_VARIABLE = f"{PREFIX}CONFIG"
FILE = Path("harness.toml")
DEFAULT = "default"
_SETTINGS_COMMAND = "`python -m harness config`"
_ALLOWED = {"path_type": "it must be a path", "string_type": "it must be a string"}


class Settings(BaseSettings):
    """What a user may settle once for all commands."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )

    data: Path | None = None
    """The folder that holds one folder per dataset; None is the drawn faces."""
    cache: Path = Field(default_factory=default_cache)
    """Where drawn faces, and what else is made once and kept, lie."""
    profile: str = "tiny"
    engine: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = Field(default=None, ge=1)
    """Of the models a run asks; None takes the one of the model list."""
    executor: ExecutorName = "local"
    """Where engines work: in the process of the command, or spread over a Ray cluster."""
    ray: RayOptions = RayOptions()
    """How that cluster is used."""
    maps: Path | None = None
    """The folder of segmentation maps; None is `maps` under the data root."""
    endpoint: EndpointOptions = EndpointOptions()
    """How models behind a server are asked."""
    datasets: DataOptions = DataOptions()
    protocol: Choices = Field(default_factory=dict)
    """Model -> fields of its protocol, such as a pixel budget, that are not to be as the model list has them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The given values alone: `resolve` asks the other sources itself, to know where each value came from."""
        return (init_settings,)

    def engine_options(self) -> EngineOptions:
        """How models are run."""
        names = EngineOptions.model_fields
        return EngineOptions.model_validate({name: value for name, value in self if name in names})


class Layer(NamedTuple):
    """The values of one source, keys with dots, and where each came from."""

    values: dict[str, Any]
    origins: dict[str, str]


class Resolved(NamedTuple):
    """The settings in force, and where each came from."""

    settings: Settings
    origins: dict[str, str]
    """Only of keys that some source gives."""

    def origin(self, key: str) -> str:
        """Such as "environment FACE_HARNESS_DATA"."""
        return self.origins.get(key, DEFAULT)

    def flagged(self, key: str) -> bool:
        """Whether the value was given on the command line."""
        return self.origin(key).startswith("--")

    def rows(self) -> Iterator[tuple[str, Any, str]]:
        """Key, value in JSON's types, origin; in the order of the records."""
        for key, value in keys.flat(self.settings.model_dump(mode="json")).items():
            yield key, value, self.origin(key)

    def export(self) -> None:
        """Let `cache_folder` say what the settings say.

        It goes through the environment, for the processes that a command starts read no flags and may stand in
        another folder, where ./harness.toml is another file or none.
        """
        if self.settings.cache != cache_folder():
            os.environ[CACHE_VARIABLE] = str(self.settings.cache)


def resolve(
    flags: Mapping[str, Any] | None = None, pairs: Sequence[str] = (), protocol: Sequence[str] = ()
) -> Resolved:
    """Settle every key.

    Args:
        flags: key -> value of the options that have a name of their own; None is "not given".
        pairs: the words after each --set, such as "datasets.expw.margin=0.1".
        protocol: the words after each --protocol, such as "qwen2.5-vl-7b.max_pixels=1003520".

    Raises:
        ConfigError: a key that does not exist, a value that is not allowed, a file that is absent or malformed.
        UnknownNameError: a profile, engine or dtype that does not exist.
    """
    layers = [_file_layer(), _environment_layer(), _flag_layer(flags or {}, pairs, protocol)]
    for layer in layers:
        _check(layer)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        values |= layer.values
        origins |= layer.origins
    settings = Settings(**keys.nested(values))
    settings = settings.model_copy(update={"cache": settings.cache.absolute()})
    return Resolved(settings, origins)


def _file_layer() -> Layer:
    file = _file()
    if file is None:
        return Layer({}, {})
    try:
        found = TomlConfigSettingsSource(Settings, file)()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} cannot be read as TOML: {error}.") from error
    values = _placed(keys.spelt(Settings, found), file.parent)
    return Layer(values, dict.fromkeys(values, str(file)))


def _placed(values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Paths start at this folder, or at the user's own where they begin with ~, which no shell has replaced."""
    own = keys.paths(Settings)
    return {
        key: base / Path(value).expanduser() if key in own and isinstance(value, str) else value
        for key, value in values.items()
    }


def _file() -> Path | None:
    named = os.environ.get(FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise ConfigError(f"{FILE_VARIABLE} names {named}, which is no file: write it, or unset the variable.")
    return Path(named) if named else FILE if FILE.is_file() else None


def _environment_layer() -> Layer:
    _check_variables()
    try:
        values = _placed(keys.spelt(Settings, EnvSettingsSource(Settings)()), Path())
    except SettingsError as error:
        words = f"environment {PREFIX}DATASETS and {PREFIX}PROTOCOL, where given, must be JSON objects"
        raise ConfigError(f"{words}: {error.__cause__}.") from error
    return Layer(values, {key: f"environment {_variable(key)}" for key in values})


def _check_variables() -> None:
    """A variable that nothing reads is a misspelt one."""
    for name, value in os.environ.items():
        key, _, rest = name.removeprefix(PREFIX).lower().partition("__")
        known = key in keys.tables(Settings) if rest else key in Settings.model_fields
        if name.startswith(PREFIX) and name != FILE_VARIABLE and not known:
            raise _unknown(f"environment {name}", ".".join(filter(None, (key, rest.replace("__", ".")))), value)


def _variable(key: str) -> str:
    """The variable that gives a key: its own, or that of the table around it, which may be given as JSON."""
    parts = key.upper().replace("-", "_").split(".")
    names = [PREFIX + "__".join(parts[:length]) for length in range(len(parts), 0, -1)]
    given = {name.upper() for name in os.environ}
    return next((name for name in names if name in given), names[0])


def _flag_layer(flags: Mapping[str, Any], pairs: Sequence[str], protocol: Sequence[str]) -> Layer:
    given = {key: value for key, value in flags.items() if value is not None}
    origins = {key: f"--{key.rpartition('.')[2].replace('_', '-')}" for key in given}
    words = [("--set", "", pair) for pair in pairs] + [("--protocol", f"{keys.OPEN}.", pair) for pair in protocol]
    for flag, before, pair in words:
        written, value = pair_of(flag, before, pair)
        (key,) = keys.spelt(Settings, {written: ""})
        if given.get(key, value) != value:
            raise ConfigError(f"{key} is given twice, by {origins[key]} and by {flag} {pair}: leave one out.")
        given[key] = value
        origins[key] = f"{flag} {key.removeprefix(before)}"
    return Layer(_placed(given, Path()), origins)


def _check(layer: Layer) -> None:
    """Each source is checked by itself, so that a sentence can name the one that is at fault."""
    known, tables = [*keys.of(Settings), keys.OPEN], keys.tables(Settings) | {keys.OPEN}
    for key, value in layer.values.items():
        if key not in known and not keys.is_open(key):
            raise _unknown(layer.origins[key], key, value)
        if key in tables:
            raise ConfigError(f"{layer.origins[key]}: {key} = {value!r} is not allowed: it must be a table.")
    try:
        Settings(**keys.nested(layer.values))
    except ValidationError as error:
        raise _complaint(layer, error.errors()[0]) from error
    for key, names in {"profile": tuple(profiles()), "engine": ENGINES, "dtype": DTYPES}.items():
        if layer.values.get(key, names[0]) not in names:
            unknown = UnknownNameError.of(key, layer.values[key], names, "`python -m harness run --help`")
            raise UnknownNameError(f"{layer.origins[key]}: {unknown}")


def _complaint(layer: Layer, error: ErrorDetails) -> ConfigError:
    steps = [str(step) for step in error["loc"]]
    key = ".".join(steps[:3] if steps[0] == keys.OPEN else steps)  # then comes the kind of value that it may be
    allowed = _ALLOWED.get(error["type"], error["msg"].replace("Input should be", "it must be", 1))
    return ConfigError(f"{layer.origins[key]}: {key} = {error['input']!r} is not allowed: {allowed}.")


def _unknown(where: str, key: str, value: Any) -> ConfigError:
    return ConfigError(
        f"{where}: {key} = {value!r}: {UnknownNameError.of('setting', key, keys.leaves(Settings), _SETTINGS_COMMAND)}"
    )
