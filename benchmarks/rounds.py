"""Timing that holds on a shared machine: arms in turn, whole processes by the operating system's own account.

A machine that others use drifts, so two arms are never timed one after the other but round by round, and compared
within each round. CPU seconds stand beside wall time: what others do hardly moves them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_TAIL = 2000
"""Characters of a failed command's words that are worth reading."""


class Span(NamedTuple):
    """How long something took."""

    seconds: float
    cpu: float
    """Seconds of work on all cores: on a machine that others use this hardly moves, where wall time does."""


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    cpu: float
    mib: float
    """Its peak memory; that of the largest, where it started others. Linux counts its parent's at the start in, so who
    measures small processes must stay small: no numpy, no torch."""
    output: str
    """Standard output and standard error."""


def interleaved(arms: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Every arm once a round, and each round begun by the next arm, so that none always goes first."""
    names = list(arms)
    found: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(arms[name]())
    return found


def spent(run: Callable[[], object]) -> Span:
    """What one call took of this process."""
    started, worked = time.perf_counter(), time.process_time()
    run()
    return Span(time.perf_counter() - started, time.process_time() - worked)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """One ratio a round: both arms of a round had the same machine."""
    return [one / other for one, other in zip(above, below, strict=True)]


def shares(ours: Sequence[Span], theirs: Sequence[Span]) -> tuple[list[float], list[float]]:
    """Our speed as a share of theirs, and our work as a multiple of theirs, one of each a round."""
    speed = ratios([one.seconds for one in theirs], [one.seconds for one in ours])
    return speed, ratios([one.cpu for one in ours], [one.cpu for one in theirs])


def differences(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """One difference a round."""
    return [one - other for one, other in zip(above, below, strict=True)]


def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: variables beside those of this process.

    Raises:
        RuntimeError: it ended with an error; its last words are in the message.
    """
    started = time.perf_counter()
    child = subprocess.Popen(  # not run(): wait4 alone tells what this one child took
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
    )
    assert child.stdout is not None
    words = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {words[-_TAIL:]}")
    kib = usage.ru_maxrss / (1 if sys.platform != "darwin" else 1024)
    return Cost(took, usage.ru_utime + usage.ru_stime, kib / 1024, words)
