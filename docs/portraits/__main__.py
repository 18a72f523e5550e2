"""`python -m docs.portraits --out DIR` writes DIR/portraits.html; a known error is one sentence and exit code 2."""

import argparse
import sys
from pathlib import Path

from docs.portraits.page import render
from docs.portraits.photos import folder
from docs.portraits.segments import opened
from harness.errors import AdapterError, ConfigError, HarnessError

NAME = "portraits.html"


def write(out: Path) -> Path:
    """Write the page into a folder and return its file.

    Raises:
        DataError: the photographs are not on this machine.
        ConfigError: the folder cannot be written.
    """
    folder()  # before pyfacer is opened, which takes seconds
    try:
        parser, trouble = opened(), ""
    except AdapterError as error:
        parser, trouble = None, str(error)
    text = render(parser, trouble)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / NAME).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out / NAME} cannot be written: {error.strerror}. --out names a folder.") from error
    return out / NAME


def main(words: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = argparse.ArgumentParser(prog="python -m docs.portraits", description=__doc__)
    options.add_argument("--out", type=Path, required=True, help="the folder of the page; it holds photographs")
    try:
        file = write(options.parse_args(words).out)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
