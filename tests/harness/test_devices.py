"""The device a run would take, and its memory; no torch where the CPU is meant."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness import devices
from harness.devices import device_of


def test_the_cpu_has_a_name_and_memory():
    found = device_of("cpu")
    assert found.kind == "cpu"
    assert found.name.endswith("threads")
    assert found.memory_gb
    assert 0.1 < found.memory_gb < 100_000


def test_the_cpu_needs_no_torch():
    code = "import sys; from harness.devices import device_of; device_of('cpu'); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def fake_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    cuda = SimpleNamespace(
        device_count=lambda: count,
        get_device_name=lambda index: f"GPU {index}",
        mem_get_info=lambda index: (40_000_000_000, 80_000_000_000),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(devices, "_DRIVERS", ("/",))


@pytest.mark.parametrize(
    ("asked", "count", "kind", "name"),
    [
        ("auto", 1, "gpu", "GPU 0"),
        ("cuda", 2, "gpu", "GPU 0"),
        ("cuda:1", 2, "gpu", "GPU 1"),
        ("cuda:1", 1, "none", "cuda:1"),
        ("cuda:x", 1, "none", "cuda:x"),
        ("cuda", 0, "none", "cuda"),
        ("mps", 0, "other", "mps"),
    ],
)
def test_a_gpu_is_the_one_that_is_named(asked: str, count: int, kind: str, name: str, monkeypatch: pytest.MonkeyPatch):
    fake_gpus(monkeypatch, count)
    found = device_of(asked)
    assert (found.kind, found.name) == (kind, name)
    assert found.memory_gb == (40.0 if kind == "gpu" else None)


def test_a_driver_without_a_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch):
    fake_gpus(monkeypatch, 0)
    assert device_of("auto").kind == "cpu"
