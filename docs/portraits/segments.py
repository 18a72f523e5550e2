"""pyfacer with its published weights, where this machine has them; nothing is fetched or put in their place."""

import os
from pathlib import Path

from faceinsight.parsing import PyfacerOptions, PyfacerParser
from harness.errors import AdapterError

VARIABLES = ("FACE_HARNESS_FACER_WEIGHTS", "FACE_HARNESS_DETECTOR_WEIGHTS")
"""The environment variables that name the parser's file and the detector's."""
_FETCHED = ("face_parsing.farl.celebm.main_ema_181500_jit.pt", "mobilenet0.25_Final.pth")
"""What torch's hub folder calls them, once `python -m harness segment` has fetched them."""


def opened() -> PyfacerParser:
    """The parser on the processor.

    Raises:
        AdapterError: a file is named by no variable and was not fetched before.
        ConfigError: a file that is named does not exist.
    """
    files = [_file(variable, name) for variable, name in zip(VARIABLES, _FETCHED, strict=True)]
    missing = [name for name, file in zip(_FETCHED, files, strict=True) if file is None]
    if missing:
        raise AdapterError(
            f"no parser weights on this machine: {' and '.join(missing)} are not in torch's hub folder, and "
            f"{' and '.join(VARIABLES)} do not name both files."
        )
    return PyfacerParser(PyfacerOptions(weights=files[0], detector_weights=files[1], device="cpu"))


def _file(variable: str, name: str) -> Path | None:
    if named := os.environ.get(variable):
        return Path(named)
    import torch  # torch knows its own folder

    kept = Path(torch.hub.get_dir()) / "checkpoints" / name
    return kept if kept.is_file() else None
