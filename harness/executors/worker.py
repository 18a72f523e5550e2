"""What runs on a node: one copy of one model. Ray makes a process of its own for it; nothing here knows the run folder.

Known errors go back as values: Ray would log an exception with its traceback, and the driver needs the sentence alone.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.spec import ModelSpec
from harness import images
from harness.checkpoints import fingerprint
from harness.engines import Engine, EngineOptions, open_engine
from harness.errors import AdapterError, HarnessError, ImageError
from harness.records import Decoding, Record, Request, Response, request_key
from harness.versions import versions

_MAY_DIFFER = ("machine", "git")  # `code` is finer: a commit changes with every word of documentation


class Order(Record):
    """What a worker is to load, and what must be there as it is on the driver's machine."""

    spec: ModelSpec
    options: EngineOptions
    folder: Path
    """Where the command was started: relative paths begin there."""
    environment: dict[str, str]
    """Variables that say where caches lie; no keys."""
    fingerprint: str
    """Of the checkpoint."""
    versions: dict[str, str]
    code: str
    """A hash of the harness's own modules, see `code`."""


class Arrived(Record):
    """The worker's process is up on this node."""

    node: str
    address: str


class Opened(Record):
    """The model is loaded."""

    identity: dict[str, object]


class Complaint(Record):
    """A known error that ended a call."""

    kind: type[HarnessError]
    sentence: str

    @classmethod
    def of(cls, error: HarnessError) -> "Complaint":
        """What goes back of an error."""
        return cls(kind=type(error), sentence=str(error))


def code() -> str:
    """A hash of the modules that answer requests: of harness, adapters and faceinsight."""
    root = Path(images.__file__).parents[1]
    files = sorted(
        file for package in ("harness", "adapters", "faceinsight") for file in (root / package).rglob("*.py")
    )
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


class Worker:
    """Loads one model and answers requests with it; each method is a stream of what it has so far."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._address = ""

    def open(self, order: Order) -> Iterator[Arrived | Opened | Complaint]:
        """Load the model."""
        import ray

        self._address = ray.util.get_node_ip_address()
        yield Arrived(node=ray.get_runtime_context().get_node_id(), address=self._address)
        os.environ.update(order.environment)
        try:
            self._same_place(order)
            self._engine = open_engine(order.spec, order.options)
        except HarnessError as error:
            yield Complaint.of(error)
            return
        identity = getattr(self._engine, "identity", dict[str, object])
        yield Opened(identity=identity())

    def ask(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response] | Complaint]:
        """Batches of responses; the first picture is compared with the one that the driver has read."""
        assert self._engine is not None
        try:
            self._same_picture(requests[0], decoding)
            for rows in self._engine.generate(requests, decoding):
                yield [self._signed(row) for row in rows]
        except HarnessError as error:
            yield Complaint.of(error)

    def _same_place(self, order: Order) -> None:
        try:
            os.chdir(order.folder)
        except OSError:
            raise AdapterError(
                f"node {self._address} has no folder {order.folder}: start the command in one that every node has"
            ) from None
        here = versions()
        other = [name for name, one in order.versions.items() if name not in _MAY_DIFFER and here.get(name) != one]
        if other:
            words = ", ".join(f"{name} {here.get(name, 'none')} instead of {order.versions[name]}" for name in other)
            raise AdapterError(f"node {self._address} has {words}: install the same environment on every node")
        if code() != order.code:
            raise AdapterError(
                f"node {self._address} has other code of the harness than the command when it started: use the same "
                "checkout on every node, and start the command again after a change"
            )
        source = order.spec.source(order.options.profile)
        if fingerprint(source) != order.fingerprint:
            raise AdapterError(
                f"node {self._address} has other weights in {source}, or none: put the checkpoint on a disk that all "
                "nodes share, or copy it with its times of change (rsync -a)"
            )

    def _same_picture(self, request: Request, decoding: Decoding) -> None:
        path = request.image.path
        try:
            here = request_key(images.digest(images.read(request.image)), request.text, decoding, request.asks)
        except ImageError as error:
            raise AdapterError(
                f"node {self._address}: {error}, and it could be read where the command was started: the data must lie "
                "under the same path on every node"
            ) from None
        if here != request.key:
            raise AdapterError(
                f"node {self._address} has another picture in {path} than the machine on which the command was "
                "started: all nodes must have the same data"
            )

    def _signed(self, row: Response) -> Response:
        """A failure with the node on which it came about."""
        return row.model_copy(update={"error": f"{row.error} (on node {self._address})"}) if row.error else row
