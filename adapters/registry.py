"""From a model's name to what is known about it. Imports no torch.

    llava-v1.5-7b                 a name of adapters/models.toml, or of another package's plug-in
    llava-v1.5-7b@FOLDER_OR_REPO  the same adapter on another checkpoint, or on what a training left in FOLDER/model
    hf:FOLDER_OR_REPO             any chat model that transformers loads
    openai:MODEL@URL              a model behind an OpenAI-compatible server: vllm serve, SGLang, a hosted one
    path/to/file.py:Class         a class of your own; @FOLDER_OR_REPO may follow

Other packages add models through the entry-point group `face_harness.adapters`: name -> "module:Class".
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

from adapters.base import Profile
from adapters.resolution import Policy
from adapters.spec import CONFIG, Endpoint, Group, ModelSpec
from harness.errors import AdapterError, UnknownNameError

GROUP = "face_harness.adapters"
GROUPS: dict[str, Group] = {"all": "mllm", "specialists": "specialist", "floors": "floor"}
"""The words of the command line for all listed models of a group."""
_HERE = Path(__file__).parent
_ENDPOINT = re.compile(r"openai:(?P<model>\S+?)@(?P<url>https?://\S+)")
_LONGEST = 240
"""Characters of an endpoint's name as a folder's; file systems take 255 bytes."""
_OWN = re.compile(r"(?P<adapter>.+\.py:[A-Za-z_]\w*)(?:@(?P<checkpoint>.+))?", re.DOTALL)


def names() -> list[str]:
    """All models that have a name: those of the list first, then the plug-ins of other packages."""
    return [*_table(), *sorted(set(_plugins()) - set(_table()))]


def named(words: Sequence[str], profile: Profile) -> tuple[str, ...]:
    """The names that are meant on a command line: a word of GROUPS stands for all it has that have weights."""
    left_out = set(lacking(words, profile)) - set(words)
    found = dict.fromkeys(name for word in words for name in (_group(word) if word in GROUPS else [word]))
    return tuple(name for name in found if name not in left_out)


def lacking(words: Sequence[str], profile: Profile) -> dict[str, str]:
    """Models of the groups among these words that have no checkpoint before the user does something, and what."""
    members = (name for word in words if word in GROUPS for name in _group(word))
    reasons = {name: spec(name).lacking(profile) for name in members}
    return {name: reason for name, reason in reasons.items() if reason}


def _group(word: str) -> list[str]:
    """The listed models of a group, in the order of the list."""
    return [name for name, found in _table().items() if found.listed and found.group == GROUPS[word]]


def spec(name: str) -> ModelSpec:
    """What is known about a model.

    Raises:
        UnknownNameError: no model has this name.
        AdapterError: an endpoint that is not of the form openai:MODEL@URL.
    """
    if name.startswith("openai:"):
        return _endpoint(name)
    if name.startswith("hf:"):
        return ModelSpec(name=name, adapter="adapters.generic:Generic", checkpoint=name.removeprefix("hf:"))
    if own := _OWN.fullmatch(name):
        return ModelSpec(name=name, adapter=own["adapter"], checkpoint=own["checkpoint"])
    base, _, checkpoint = name.partition("@")
    return _named(base).model_copy(update={"name": name, "checkpoint": _result_of(checkpoint) or None})


def _result_of(checkpoint: str) -> str:
    """The checkpoint itself, or the one that a training left in this folder."""
    model = Path(checkpoint, "model")
    inside = checkpoint and not Path(checkpoint, CONFIG).is_file() and (model / CONFIG).is_file()
    return str(model) if inside else checkpoint


def _endpoint(name: str) -> ModelSpec:
    # What follows the first "@" may hold a password, so no sentence repeats it.
    form, shown = "write openai:MODEL@URL, such as openai:my-model@http://localhost:8000/v1", name.partition("@")[0]
    found = _ENDPOINT.fullmatch(name)
    if not found:
        raise AdapterError(f"'{shown}...' names no model at an http or https address: {form}")
    if wrong := _wrong_with(found["url"]):
        raise AdapterError(f"the address of '{shown}' {wrong}: {form}")
    if len(quote(name, safe="")) > _LONGEST:
        raise AdapterError(f"'{shown}' with its address is too long for a folder's name: serve it under a shorter name")
    endpoint = Endpoint(model=found["model"], url=found["url"].rstrip("/"))
    return ModelSpec(
        name=name,
        adapter="harness.engines.openai:OpenAIEngine",
        checkpoint=f"{endpoint.model}@{endpoint.url}",
        engines=("openai",),
        endpoint=endpoint,
    )


def _wrong_with(url: str) -> str | None:
    """What keeps an address from being that of an endpoint."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "cannot be read"
    if not host:
        return "has no host"
    if "@" in parts.netloc:
        return "holds a user or a password, which would be written down; keys come from the environment alone"
    if parts.query or parts.fragment:
        return "has a part after '?' or '#', where keys like to stand; leave it out"
    if parts.path.rstrip("/").endswith("/completions"):
        return "goes too far; leave out chat/completions"
    return None


def _named(name: str) -> ModelSpec:
    if name in _table():
        return _table()[name]
    if name in _plugins():
        return ModelSpec(name=name, adapter=_plugins()[name].value)
    raise UnknownNameError.of("model", name, names(), "`python -m harness models`")


@cache
def _table() -> dict[str, ModelSpec]:
    rows = tomllib.loads((_HERE / "models.toml").read_text(encoding="utf-8"))
    none = {"policy": Policy()}  # of echo: it looks at nothing
    return {name: ModelSpec(name=name, **cast(dict[str, Any], none | row)) for name, row in rows.items()}


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
