"""What a cluster is made of, and how a model is laid out on it. Only `nodes` asks Ray; the rest is arithmetic."""

from collections.abc import Sequence

from harness.checkpoints import GB
from harness.devices import Device
from harness.memory import ALLOWANCE_GB
from harness.records import Record

_USABLE = 0.9
"""Of a card's free memory: vLLM leaves a tenth to others, and keys and values must fit beside the weights."""


class Node(Record):
    """A machine of the cluster, as Ray counts it."""

    id: str
    address: str
    cpus: float = 0.0
    gpus: float = 0.0
    memory_gb: float = 0.0
    card: Device | None = None
    """The first of its GPUs; None where there is none, or nobody could ask it."""


class Share(Record):
    """What one copy of a model takes of a node, and for how many the cluster has room."""

    cards: int = 0
    memory_gb: float = 0.0
    """Of the machine; what Ray is to keep free for a copy on a CPU."""
    room: int = 1

    @property
    def memory_bytes(self) -> int:
        """For Ray."""
        return int(self.memory_gb * GB)

    def in_words(self) -> str:
        """Such as "2 GPUs"."""
        if self.cards:
            return f"{self.cards} GPU" + ("s" if self.cards > 1 else "")
        return "1 CPU" + (f" and {self.memory_gb:.1f} GB of memory" if self.memory_gb else "")


def share_on_gpus(weights_gb: float | None, nodes: Sequence[Node], cards: int | None = None) -> Share:
    """One card where a copy fits, else the fewest of 2, 4, 8 ... of one node that hold it, or else all that one has.

    Powers of two, for tensor parallelism divides the heads of a network. Ray gives any card of the cluster, so the
    smallest counts; one whose memory is not known holds everything.

    Args:
        weights_gb: of the model; None where nobody knows.
        nodes: of the cluster.
        cards: of one copy, where the user has chosen.
    """
    most = max(int(node.gpus) for node in nodes)
    sizes = [node.card.memory_gb for node in nodes if node.card and node.card.memory_gb]
    chosen = cards or 1
    while not cards and sizes and 2 * chosen <= most and not _holds(min(sizes), weights_gb or 0.0, chosen):
        chosen *= 2
    return Share(cards=chosen, room=max(1, sum(int(node.gpus // chosen) for node in nodes)))


def share_on_cpus(weights_gb: float | None, nodes: Sequence[Node]) -> Share:
    """A CPU a copy, as far as memory goes; where no node has enough, one copy all the same, as without Ray."""
    need = (weights_gb or 0.0) + ALLOWANCE_GB
    room = sum(int(min(node.cpus, node.memory_gb // need)) for node in nodes)
    return Share(memory_gb=need, room=room) if room else Share()


def device_of_cluster(nodes: Sequence[Node], gpus: bool) -> Device:
    """The cluster as one device: its name is that of a speed, its memory what the largest node has for one copy."""
    machines = f"{len(nodes)} node" + ("s" if len(nodes) > 1 else "")
    if not gpus:
        cpus = int(sum(node.cpus for node in nodes))
        memory = max((node.memory_gb for node in nodes), default=None)
        return Device(kind="cpu", name=f"Ray, {machines}, {cpus} CPUs", memory_gb=memory)
    count = int(sum(node.gpus for node in nodes))
    kinds = " and ".join(sorted({node.card.name for node in nodes if node.card and node.card.memory_gb})) or "GPU"
    memories = [int(node.gpus) * node.card.memory_gb for node in nodes if node.card and node.card.memory_gb]
    memory = max(memories, default=None)
    return Device(kind="gpu", name=f"Ray, {machines}, {count} x {kinds}", memory_gb=memory, cards=max(count, 1))


def _holds(card_gb: float, weights_gb: float, cards: int) -> bool:
    return weights_gb / cards + ALLOWANCE_GB <= _USABLE * card_gb
