"""Where a run's engines work, as far as a user may choose it."""

from typing import Literal

from pydantic import Field

from harness.records import Record

ExecutorName = Literal["local", "ray"]


class RayOptions(Record):
    """How a Ray cluster is used."""

    address: str | None = None
    """Of the cluster, as Ray takes it: HOST:PORT, "auto", "local"; None is RAY_ADDRESS, or else a Ray that is started
    on this machine and ends with the run."""
    shards: int | None = Field(default=None, ge=1)
    """Copies of a model that are asked side by side; None is as many as the cluster has room for."""
    cards: int | None = Field(default=None, ge=1)
    """GPUs of one copy; None is as many as its weights need."""
