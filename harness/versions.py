"""What a number depends on beside the data: versions of the code, the packages and the machine."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("face-perception-harness", "torch", "torchvision", "transformers", "peft", "tokenizers", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Name -> version of Python, the machine, the packages and the repository's commit where there is one."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    commit = _commit()
    return found | ({"git": commit} if commit else {})


def _commit() -> str | None:
    root = Path(__file__).parent.parent
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
