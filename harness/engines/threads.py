"""How many threads torch may use on a CPU."""

import os
from pathlib import Path

import torch

_SMALL = 50_000_000
"""Parameters below which a third thread costs more in waiting than it saves in work."""


def set_threads(parameters: int) -> int:
    """Set torch's threads for a network of this size and say how many.

    A large one gets the physical cores this process may use. A miniature gets two at most and leaves one core to the
    threads that prepare images: threads that wait for each other on a full machine slow it down tenfold.
    OMP_NUM_THREADS, where it is set, is respected: the user knows what else runs on the machine.
    """
    if os.environ.get("OMP_NUM_THREADS"):
        return torch.get_num_threads()
    cores = physical_cores()
    count = min(max(cores - 1, 1), 2) if parameters < _SMALL else cores
    torch.set_num_threads(count)
    return count


def physical_cores() -> int:
    """Cores this process may run on, two hyper-threads of one core counted once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return max(1, len({_siblings(cpu) for cpu in allowed}))


def _siblings(cpu: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
