"""The Ray executor: starts or joins a cluster, and opens engines that are spread over it.

Imported only for `--executor ray`, with Ray's settings in the environment before Ray is.
"""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adapters.spec import ModelSpec
from harness.checkpoints import GB, fingerprint
from harness.devices import Device, device_of
from harness.engines import Engine, EngineOptions, open_engine
from harness.errors import ConfigError
from harness.executors.ledger import SMALLEST
from harness.executors.nodes import Node, Share, device_of_cluster, share_on_cpus, share_on_gpus
from harness.executors.options import RayOptions
from harness.executors.spread import SpreadEngine
from harness.executors.worker import Order, code
from harness.memory import weights_gb
from harness.versions import versions

_PASSED_ON = (
    "FACE_HARNESS_CACHE", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TOKENIZERS_PARALLELISM",
)  # fmt: skip
"""Variables that the processes on other nodes get. Never one that may hold a secret: Ray shows what it is given."""
_STORE = 128 * 2**20
"""Bytes of a local Ray's shared memory: requests and responses are a few kilobytes."""
_CARD = 0.01
"""Of a GPU, for the moment in which it is asked for its name and memory."""
_KNOCK = 10.0
"""Seconds in which a cluster must answer the door."""
_SECONDS = 60.0
"""So long a node may take to say what card it has: all may be at work for others."""


class RayExecutor:
    """A cluster for the time of one run; a context manager.

    Args:
        options: which cluster, and how it is used.
        engine: how models are run.
        tell: shows a sentence to the user.

    Raises:
        ConfigError: on entering: no such cluster, or a device that Ray cannot choose.
    """

    def __init__(self, options: RayOptions, engine: EngineOptions, tell: Callable[[str], None]) -> None:
        self._options = options
        self._tell = tell
        self._wanted = engine.device
        self._nodes: list[Node] = []
        self._open: SpreadEngine | None = None
        self._gpus = False
        self._code = code()

    def __enter__(self) -> "RayExecutor":
        if self._wanted not in ("auto", "cpu", "cuda"):
            raise ConfigError(
                f"with --executor ray it is Ray that chooses the card, so --device {self._wanted} has no meaning: "
                "--device auto, cpu or cuda."
            )
        address = self._options.address or os.environ.get("RAY_ADDRESS") or "local"
        _start(address)
        try:
            self._look_around(address)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        import ray

        self._close()
        ray.shutdown()

    @property
    def device(self) -> Device:
        """The whole cluster."""
        return device_of_cluster(self._nodes, self._gpus)

    def open_engine(self, spec: ModelSpec, options: EngineOptions, requests: int) -> Engine:
        """Load a model on as many nodes as its requests are worth; the model before it makes room.

        Raises:
            AdapterError: as in harness/engines, or the nodes differ.
        """
        self._close()
        if spec.endpoint is not None:
            return open_engine(spec, options)  # its key stays on this machine
        from harness.executors.pool import Pool

        share = self._share(spec, options)
        workers = min(self._options.shards or share.room, max(1, -(-requests // SMALLEST)))
        about: dict[str, object] = {"executor": "ray", "shards": workers, "cards": share.cards}
        pool = Pool(self._order(spec, options, share), share, self._tell)
        try:
            self._open = SpreadEngine(spec.name, pool, workers, about, self._tell)
        except BaseException:
            pool.dismiss(everybody=True)
            raise
        return self._open

    def _look_around(self, address: str) -> None:
        nodes = _nodes()
        self._gpus = self._wanted != "cpu" and any(node.gpus >= 1 for node in nodes)
        self._nodes = _with_cards(nodes) if self._gpus else nodes
        if self._wanted == "cuda" and not self._gpus:
            raise ConfigError(f"the Ray cluster at {address} has no GPU: --device auto takes what is there.")

    def _share(self, spec: ModelSpec, options: EngineOptions) -> Share:
        weights = weights_gb(spec, options, self.device)
        if self._gpus:
            return share_on_gpus(weights, self._nodes, self._options.cards)
        return share_on_cpus(weights, self._nodes)

    def _order(self, spec: ModelSpec, options: EngineOptions, share: Share) -> Order:
        place = {"device": "cuda" if self._gpus else "cpu", "cards": max(share.cards, 1)}
        return Order(
            spec=spec,
            options=options.model_copy(update=place),
            folder=Path.cwd(),
            environment={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            fingerprint=fingerprint(spec.source(options.profile)),
            versions=versions(),
            code=self._code,
        )

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _start(address: str) -> None:
    """Connect to a cluster, or start one on this machine that ends with this process."""
    if address.startswith("ray://"):
        raise ConfigError(
            f"{address} is Ray Client, which cannot stream: start the command on a machine of the cluster, with "
            "--address auto, or with the HOST:PORT that `ray start` has printed."
        )
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == "local":
        settings |= {"include_dashboard": False, "object_store_memory": _STORE, **_own_network()}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ConfigError(f"--executor ray needs the package {error.name}: pip install -e .[ray]") from error
    try:
        _knock(address)
        ray.init(address=address, **settings)
    except (ray.exceptions.RayError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"there is no Ray cluster at {address} that can be joined: {reason} `ray status` on its head shows whether "
            "it is up. A cluster with a token wants RAY_AUTH_MODE=token here too; without --address a Ray is started "
            "on this machine."
        ) from error


def _knock(address: str) -> None:
    """Ray tries for minutes where nobody listens; a look takes seconds. Raises OSError."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()


def _own_network() -> dict[str, str]:
    """Keep a local Ray to this machine and this run: its ports take none but who has the token of this process.

    Ray listens on all interfaces whatever it is told, and replaces 127.0.0.1 by the machine's address, so the token is
    what protects it; the other loopback address keeps its own connections off the network. The user's own choice stays.
    """
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    return {"_node_ip_address": "127.0.0.2"} if sys.platform == "linux" else {}


def _nodes() -> list[Node]:
    """The nodes that are alive, without their cards."""
    import ray

    return [
        Node(
            id=one["NodeID"],
            address=one["NodeManagerAddress"],
            cpus=one["Resources"].get("CPU", 0.0),
            gpus=one["Resources"].get("GPU", 0.0),
            memory_gb=one["Resources"].get("memory", 0.0) / GB,
        )
        for one in ray.nodes()
        if one["Alive"]
    ]


def _with_cards(nodes: Sequence[Node]) -> list[Node]:
    """Each node with the name and free memory of its first free card, where it can be asked; all at once."""
    import ray

    asked = {node.id: _ask_card(node) for node in nodes if node.gpus >= 1}
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=_SECONDS)
    return [node.model_copy(update={"card": _card(asked[node.id])}) if node.id in asked else node for node in nodes]


def _ask_card(node: Node) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
    task = ray.remote(device_of).options(num_cpus=0, num_gpus=_CARD, scheduling_strategy=there, max_retries=0)
    return task.remote("cuda")


def _card(answer: Any) -> Device | None:
    import ray
    from ray.exceptions import RayError

    try:
        device: Device = ray.get(answer, timeout=0)
    except RayError:  # the node is gone, or busy
        ray.cancel(answer)
        return None
    return device if device.kind == "gpu" else None
