"""The weights of networks that transformers does not know: one file, here or in a repository, and nothing is executed.

FILE.pt, FILE.safetensors    the published weights
FOLDER with a config.json    a network of other sizes, such as a miniature: its model.safetensors
FOLDER, owner/name           the published weights in it, under the name they were published by
"""

# mypy: disallow-untyped-calls=False

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers.utils.hub import cached_file, extract_commit_hash

from adapters import guards
from harness.errors import AdapterError

ANY = "any"
"""As the hash of a file: none is asked for."""


class Weights(NamedTuple):
    """What a checkpoint holds."""

    config: Mapping[str, Any]
    """Of its config.json; empty where it has none, and so is of the published size."""
    tensors: Mapping[str, Tensor]
    revision: str | None
    """The commit of a repository."""


def load(source: str, published: str, key: str | None = None, sha256: str = ANY) -> Weights:
    """Read a checkpoint onto the CPU.

    Args:
        source: a file, a folder or a repository id.
        published: the path of the weights in the published repository.
        key: under which a published file keeps them, where it holds more.
        sha256: of the file, in hexadecimal digits.

    Raises:
        AdapterError: there is no such file, its hash is another, or it cannot be read.
    """
    with guards.loading(source):
        config = Path(source, "config.json")
        if config.is_file():
            file, sizes = config.with_name("model.safetensors"), json.loads(config.read_text(encoding="utf-8"))
        else:
            file, sizes = _published(source, published), {}
        _check(file, sha256, source)
        return Weights(sizes, _tensors(file, key), extract_commit_hash(str(file), None))


def _published(source: str, published: str) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        if not (path / published).is_file():
            raise AdapterError(f"folder {source} holds neither {published} nor a config.json, so it is no checkpoint")
        return path / published
    if path.is_absolute() or source.startswith((".", "~")) or source.count("/") != 1:
        raise AdapterError(f"there is no file or folder {source}, and it is not a repository id of the form owner/name")
    return Path(str(cached_file(source, published)))


def _check(file: Path, sha256: str, source: str) -> None:
    if sha256 == ANY:
        return
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256.lower():
        raise AdapterError(
            f"the weights of {source} have the SHA-256 {found}, not {sha256}: download {file.name} again"
        )


def _tensors(file: Path, key: str | None) -> Mapping[str, Tensor]:
    if file.suffix == ".safetensors":
        return load_file(file)
    held = torch.load(file, map_location="cpu", weights_only=True)
    if key is None:
        return held
    if key not in held:
        raise AdapterError(f"file {file.name} holds no '{key}', so it is not the published one: download it again")
    return held[key]
