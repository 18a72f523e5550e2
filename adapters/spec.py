"""What is known about a model, and which of its checkpoints is loaded. Imports no torch until `load` is called."""

import importlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from adapters.base import Profile, Value
from adapters.resolution import Policy
from harness.errors import AdapterError, UnknownNameError
from harness.records import Record

MINIATURES = Path(__file__).parent / "miniatures"
CONFIG = "config.json"

Group = Literal["mllm", "specialist", "floor"]


def _eight() -> dict[Profile, int]:
    return {"tiny": 8, "paper": 8}


class Endpoint(Record):
    """A model behind a server that speaks OpenAI's chat completions."""

    model: str
    """As the server calls it."""
    url: str
    """Without the last part, chat/completions."""


class ModelSpec(Record):
    """A model as asked for on the command line."""

    name: str
    adapter: str
    """"module:Class" or "path/to/file.py:Class"."""
    group: Group = "mllm"
    """A multimodal LLM; a network that decides between labels of its own; or what any model should be better than."""
    spaces: tuple[str, ...] | None = None
    """The label spaces it can answer in; None is any."""
    repo: str | None = None
    """The published checkpoint; of a specialist one file: owner/name/FILE of a repository, or an address."""
    by_hand: str | None = None
    """Which file to download from where, when no program can fetch the published one."""
    trained: str | None = None
    """Where a user's own training puts the checkpoint of a model that nobody has published."""
    licence: str = "unknown"
    parameters: float | None = None
    """Billions, of the published checkpoint."""
    size_gb: float | None = None
    batch_size: dict[Profile, int] = Field(default_factory=_eight)
    protocol: dict[Profile, dict[str, Value]] = Field(default_factory=dict)
    policy: Policy | None = None
    """What becomes of a picture, and what of it can be chosen; None where only the adapter knows."""
    note: str = ""
    finetune: bool = False
    """Whether `python -m harness finetune` knows the parts of its network."""
    engines: tuple[str, ...] = ("hf",)
    """The engines that can run it."""
    fidelity: str = ""
    """What is proven to equal the upstream code; tests/golden/NAME/note.toml has the whole of it."""
    unproven: str = ""
    """What could not be compared, beside the published weights."""
    checkpoint: str | None = None
    """Another checkpoint than the published one, after "@" or "hf:"."""
    endpoint: Endpoint | None = None
    """Where a model is asked that is not run here; its checkpoint is MODEL@URL, for nobody can see its weights."""

    @property
    def listed(self) -> bool:
        """Whether this is a model of the list, on weights of the list: not echo, not a user's own."""
        return (self.repo or self.by_hand or self.trained) is not None and self.checkpoint is None

    def answers_in(self, space: str) -> bool:
        """Whether the model can be asked in a label space."""
        return self.spaces is None or space in self.spaces

    @property
    def miniature(self) -> Path:
        """Where the miniature of this model lies, or would lie."""
        return MINIATURES / self.name

    def source(self, profile: Profile) -> str:
        """The checkpoint to load: the one after "@", the miniature (tiny) or the published repository (paper).

        Raises:
            AdapterError: there is none.
        """
        if self.checkpoint is not None:
            return self.checkpoint
        if profile == "tiny" and self.listed:
            return self._miniature_folder()
        if reason := self.lacking(profile):
            raise AdapterError(reason)
        if self.trained is not None:
            return self.trained
        repo = self.repo or getattr(self.load(), "repo", None)
        if repo is None and not self._needs_weights():
            return ""
        if repo is None:
            raise AdapterError(f"model '{self.name}' names no checkpoint; write '{self.name}@FOLDER_OR_REPO'")
        return str(repo)

    def chosen(self, profile: Profile, fields: Mapping[str, Value]) -> "ModelSpec":
        """The same model with these fields of its protocol in a profile.

        Raises:
            UnknownNameError: the model has no such field.
            AdapterError: the field is fixed, or the value is of another kind than it should be.
        """
        if self.policy is not None:
            self.policy.check(self.name, fields)
        own = {**self.protocol.get(profile, {}), **fields}
        return self.model_copy(update={"protocol": {**self.protocol, profile: own}}) if fields else self

    def fitted(self, profile: Profile) -> "ModelSpec":
        """The same model with the label spaces in which its checkpoint says that it answers, if it says so."""
        if self.group != "floor":
            return self
        try:
            found = json.loads(Path(self.source(profile), CONFIG).read_bytes())["answers_in"]
            return self.model_copy(update={"spaces": tuple(map(str, found))})
        except (OSError, ValueError, KeyError, TypeError):
            return self  # what is wrong with it is said when it is loaded

    def untrained(self, profile: Profile) -> bool:
        """Whether the checkpoint is one that the user's own training has yet to write."""
        own = self.trained is not None and self.checkpoint is None and profile != "tiny"
        return own and not Path(str(self.trained)).is_dir()

    def lacking(self, profile: Profile) -> str:
        """Why there is no checkpoint to load before the user does something, and what; empty where there is one."""
        if self.untrained(profile):
            return (
                f"nobody has published weights of '{self.name}', and there is no {self.trained}: train it with "
                f"`python -m harness train {self.name}`, or name a checkpoint: '{self.name}@FOLDER'"
            )
        if self.by_hand and self.checkpoint is None and profile != "tiny":
            return (
                f"no program can fetch the weights of '{self.name}': download {self.by_hand} in a browser, and name "
                f"the file: '{self.name}@FILE'"
            )
        return ""

    def load(self) -> type[Any]:
        """The adapter class; this is where torch comes in.

        Raises:
            AdapterError: the module or the class is not there, or fails to import.
        """
        place, _, attribute = self.adapter.rpartition(":")
        try:
            module = _module_of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        except AdapterError:
            raise
        except Exception as error:  # a user's file may raise anything while it is imported
            raise AdapterError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
        found = getattr(module, attribute, None)
        if not isinstance(found, type):
            classes = [name for name, value in vars(module).items() if isinstance(value, type)]
            raise AdapterError(str(UnknownNameError.of("class", attribute, classes, place)))
        return found

    def _miniature_folder(self) -> str:
        if not (self.miniature / CONFIG).is_file():
            raise AdapterError(
                f"the miniature of '{self.name}' is not at {self.miniature}: restore the folder, "
                f"or use the published weights with --profile paper, or name a checkpoint: '{self.name}@FOLDER'"
            )
        return str(self.miniature)

    def _needs_weights(self) -> bool:
        return hasattr(self.load(), "answer")  # an engine of its own, such as echo, may need none


def _module_of_file(path: Path) -> Any:
    if not path.is_file():
        raise AdapterError(f"there is no file {path}; `python -m harness adapters new NAME` writes one to start from")
    found = importlib.util.spec_from_file_location(f"face_harness_own_{path.stem}", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
