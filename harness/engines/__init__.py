"""Engines: what answers requests. All are interchangeable behind one method; torch is imported only by `open_engine`."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from harness.records import Decoding, Record, Request, Response


class EngineOptions(Record):
    """How a model is run; none of it may change an answer, beyond rounding."""

    profile: str = "tiny"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    """None takes the adapter's default."""


class Engine(Protocol):
    """What answers requests: HF transformers, echo, later vLLM and endpoints."""

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """Yield the responses batch by batch, each as soon as it is complete."""
