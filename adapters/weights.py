"""The weights of a specialist: one file, found or fetched, checked by its hash, opened as plain tensors or not at all.

adapters/files.py has the ways to name it.
"""

# mypy: disallow-untyped-calls=False

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.utils.hub import extract_commit_hash

from adapters import files
from faceinsight.parser_files import sha256, weight_file
from harness.errors import AdapterError

IN_FOLDER = "model.safetensors"
CONFIG = "config.json"
ANY = "any"
"""As the hash that a file must have: none is asked for."""
_LENGTH = 64


class Weights(NamedTuple):
    """What one file holds."""

    tensors: Mapping[str, Tensor]
    sha256: str
    config: Mapping[str, Any]
    """Of a folder, what its config.json says; of a file nothing: it is of the published sizes."""
    revision: str | None
    """The commit of a repository."""


def read(source: str, wanted: str = ANY, inside: str = "") -> Weights:
    """Find or fetch, check and open the weights.

    Args:
        source: as adapters/files.py has it.
        wanted: the hash that the file must have, if any.
        inside: the key under which a file has its tensors, where it holds more than those.

    Raises:
        AdapterError: there is no such file, it has another hash, or it holds something else than plain tensors.
    """
    file = locate(source)
    found = sha256(file)
    if wanted != ANY:
        check_hash(file, found, wanted)
    folder = Path(source)
    config = _config(folder / CONFIG) if folder.is_dir() else {}
    return Weights(_tensors(file, inside), found, config, extract_commit_hash(str(file), None))


def locate(source: str) -> Path:
    """The file on this disk; a remote one is fetched where that has not been done before.

    Raises:
        AdapterError: there is none, or it cannot be fetched.
    """
    place = Path(source)
    if place.is_dir():
        place = place / IN_FOLDER
        if not (place.is_file() and place.with_name(CONFIG).is_file()):
            raise AdapterError(f"folder {source} lacks {IN_FOLDER} or {CONFIG}: name a file of weights itself")
    if place.is_file():
        return place
    if files.is_address(source):
        return weight_file(source, None, "NAME@FILE")
    if wanted := files.hub_file(source):
        return _from_hub(wanted)
    raise AdapterError(
        f"there is no file {source}, and it is not a file of a repository (owner/name/FILE) nor an address (https://...)"
    )


def check_hash(file: Path, found: str, wanted: str) -> None:
    """See to it that a file is the one that was meant.

    Raises:
        AdapterError: it has another hash, or the one that is wanted is none.
    """
    wanted = wanted.lower()
    if len(wanted) != _LENGTH or set(wanted) - set("0123456789abcdef"):
        raise AdapterError(f"'{wanted}' is no sha256: that has {_LENGTH} digits of 0 to 9 and a to f")
    if found != wanted:
        raise AdapterError(
            f"{file} has the sha256 {found}, not {wanted}: it is another file than was meant, or not whole; "
            "download it again"
        )


def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put exactly these weights into the network.

    Raises:
        AdapterError: they belong to another network.
    """
    own = network.state_dict()
    lacking, foreign = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    other = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    found = (("lacks", lacking), ("has in other sizes", other), ("has beside them", foreign))
    wrong = [f"{verb} {len(keys)} tensors ('{keys[0]}')" for verb, keys in found if keys]
    if wrong:
        raise AdapterError(
            f"{source} holds the weights of another network: of the {len(own)} that are wanted it {', '.join(wrong)}"
        )
    network.load_state_dict(dict(tensors))


def _tensors(file: Path, inside: str) -> Mapping[str, Tensor]:
    content: Any
    try:
        if file.suffix == ".safetensors":
            content = load_file(file)
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what it likes; of its sentences the first is enough
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise AdapterError(
            f"{file} cannot be opened as plain tensors, and nothing else is: it is not whole, or no file of weights "
            f"({reason[:120]})"
        ) from error
    content = content[inside] if inside and isinstance(content, dict) and inside in content else content
    if not (isinstance(content, dict) and content and all(isinstance(one, Tensor) for one in content.values())):
        raise AdapterError(f"{file} holds something else than tensors by name: it is not this model's file of weights")
    return {str(name): tensor for name, tensor in content.items()}


def _config(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise AdapterError(f"{file} cannot be read: it holds no names with values")
    return found


def _from_hub(wanted: files.HubFile) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(wanted.repo, wanted.name))
    except Exception as error:  # the hub has a tree of errors, requests another
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise AdapterError(
            f"{wanted.name} of {wanted.repo} is not in the cache and cannot be fetched ({reason[:200]}). Download it "
            "on a machine with a network and name it: NAME@FILE"
        ) from error
