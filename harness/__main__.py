"""`python -m harness`: known errors are one sentence and exit code 2, everything else is a bug with a traceback."""

import os
import sys


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from harness.cli import app
    from harness.errors import HarnessError

    try:
        app()
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
