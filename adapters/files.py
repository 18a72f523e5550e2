"""Where a specialist's one file of weights is, seen without torch.

fairface_alldata_20191111.pt       a file on this disk
FOLDER                             on this disk, with config.json and model.safetensors: the miniatures
owner/name/in/it.pt                a file of a Hugging Face repository
https://host/file.pt               fetched once, into torch's hub folder
"""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_HUB_FILE = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)/(?P<name>(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.[A-Za-z]+)")


class HubFile(NamedTuple):
    """A file of a repository."""

    repo: str
    name: str


def hub_file(source: str) -> HubFile | None:
    """The file of a repository that a source names, if it does; what is on this disk is none."""
    found = None if Path(source).exists() else _HUB_FILE.fullmatch(source)
    return HubFile(found["repo"], found["name"]) if found else None


def is_address(source: str) -> bool:
    """Whether a source is to be fetched from a web server."""
    return source.startswith("https://")


def is_remote(source: str) -> bool:
    """Whether a source is one file that is elsewhere."""
    return is_address(source) or hub_file(source) is not None


def kept(source: str, hub: Path | None = None) -> Path | None:
    """The copy of a remote file on this disk, if there is one; nothing is asked over the network.

    Args:
        source: an address, or a file of a repository.
        hub: the Hugging Face cache; None is the user's.
    """
    if is_address(source):
        file = torch_hub() / Path(urlsplit(source).path).name
        return file if file.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    wanted = hub_file(source)
    found = try_to_load_from_cache(wanted.repo, wanted.name, cache_dir=hub) if wanted else None
    return Path(found) if isinstance(found, str) else None


def torch_hub() -> Path:
    """Where torch keeps files it has fetched."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"
