"""Where tables are printed."""

from rich.console import Console

_WIDTH = 98
"""Of what stands in no terminal: a log, a mail."""


def terminal(console: Console | None = None) -> Console:
    """The terminal as it is; a file or pipe, which has no width of its own, gets lines long enough for the tables."""
    console = console or Console()
    return console if console.is_terminal else Console(file=console.file, width=_WIDTH)
