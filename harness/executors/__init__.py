"""An executor says where engines work: in this process, or spread over a cluster. Imports no Ray before it must.

The driver keeps the only writer of the run folder; an executor gives it engines (adapters/base.py), and an engine whose
answers come from many machines is still one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from adapters.spec import ModelSpec
from harness.devices import Device, device_of
from harness.engines import Engine, EngineOptions, open_engine
from harness.executors.options import ExecutorName, RayOptions


class Executor(Protocol):
    """Where engines work."""

    @property
    def device(self) -> Device:
        """What they work on, for the forecast and for speeds."""

    def open_engine(self, spec: ModelSpec, options: EngineOptions, requests: int) -> Engine:
        """Load a model for so many requests; the engine of the model before it may be closed.

        Raises:
            AdapterError: the model cannot be found or loaded.
            ConfigError: the engine that is asked for is not installed.
        """


class Local(NamedTuple):
    """Engines work in this process."""

    device: Device

    def open_engine(self, spec: ModelSpec, options: EngineOptions, requests: int) -> Engine:
        """Load a model; see `Executor`."""
        return open_engine(spec, options)


@contextmanager
def executor(
    name: ExecutorName, ray: RayOptions, engine: EngineOptions, tell: Callable[[str], None]
) -> Iterator[Executor]:
    """The executor of that name, for the time of a run.

    Args:
        name: of the executor.
        ray: how a cluster is used, where it is.
        engine: how models are run.
        tell: shows a sentence to the user.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
    """
    if name == "local":
        yield Local(device_of(engine.device))
        return
    from harness.executors.cluster import RayExecutor

    with RayExecutor(ray, engine, tell) as cluster:
        yield cluster
