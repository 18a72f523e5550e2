"""A helper process at the other end of a line: a server, or one side of a comparison that needs a process to itself."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection


@contextmanager
def beside(serve: Callable[..., None], *told: object) -> Iterator[Connection]:
    """Start `serve(line, *told)` in a new process; the end of the block cuts the line, which ends it.

    The process is started afresh and not forked, so that it shares neither threads nor loaded libraries with this one.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_until_cut, args=(serve, theirs, *told), daemon=True)
    child.start()
    theirs.close()  # else nobody would notice here that the other process has died
    try:
        yield ours
    finally:
        ours.close()
        child.join()


def _until_cut(serve: Callable[..., None], line: Connection, *told: object) -> None:
    with suppress(EOFError):
        serve(line, *told)
