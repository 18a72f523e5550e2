"""Where things are kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder of drawn faces, indexes and measured speeds: $FACE_HARNESS_CACHE, or the user's cache folder."""
    own = os.environ.get("FACE_HARNESS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "face-harness"
