"""What a model would run on, and how much memory is there. Torch is imported only where a GPU must be asked."""

import os
from pathlib import Path
from typing import Literal

from harness.checkpoints import GB
from harness.records import Record

_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
"""One of these is there wherever torch can see a GPU: drivers of NVIDIA, of Windows' Linux, of AMD."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Device(Record):
    """A device that exists, or the lack of one."""

    kind: Literal["cpu", "gpu", "none", "other"]
    """none: a GPU was asked for and there is none; other: one that cannot say how much memory it has."""
    name: str
    memory_gb: float | None = None
    """Free memory of a GPU, all memory of a CPU; of a cluster, what one node has for one copy of a model."""
    cards: int = 1
    """How many of its kind work side by side."""


def device_of(name: str) -> Device:
    """The device that "auto", "cpu", "cuda", "cuda:1" ... stands for here."""
    if name == "cpu" or (name == "auto" and not any(Path(driver).exists() for driver in _DRIVERS)):
        return _cpu()
    import torch

    if name not in ("auto", "cuda") and not name.startswith("cuda:"):
        return Device(kind="other", name=name)
    index = int(name.partition(":")[2] or 0) if name.partition(":")[2].isdigit() or ":" not in name else -1
    if not 0 <= index < torch.cuda.device_count():
        return _cpu() if name == "auto" else Device(kind="none", name=name)
    free, _ = torch.cuda.mem_get_info(index)
    return Device(kind="gpu", name=torch.cuda.get_device_name(index), memory_gb=free / GB)


def _cpu() -> Device:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Device(kind="cpu", name=f"{_processor()}, {cores} threads", memory_gb=_memory())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else "CPU"


def _memory() -> float | None:
    """All memory of the machine, or what a container may have of it."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in map(Path, _LIMITS):
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):
            continue  # no such limit, or the word "max"
    return min(sizes) / GB
