"""Where the harness keeps what it makes beside runs: drawn faces, indexes of datasets, measured speeds."""

import os
from pathlib import Path

CACHE_VARIABLE = "FACE_HARNESS_CACHE"


def cache_folder() -> Path:
    """$FACE_HARNESS_CACHE, into which the command line writes what the settings say, or the user's cache folder."""
    own = os.environ.get(CACHE_VARIABLE)
    return Path(own) if own else default_cache()


def default_cache() -> Path:
    """The user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "face-harness"
