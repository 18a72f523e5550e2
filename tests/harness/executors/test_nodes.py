"""How a model is laid out on a cluster: cards, copies, memory."""

import pytest

from harness.devices import Device
from harness.executors.nodes import Node, Share, device_of_cluster, share_on_cpus, share_on_gpus


def node(gpus: int = 0, card_gb: float | None = None, cpus: int = 8, memory_gb: float = 64.0) -> Node:
    card = Device(kind="gpu", name="NVIDIA A10", memory_gb=card_gb) if card_gb else None
    return Node(id="n", address="10.0.0.1", cpus=cpus, gpus=gpus, memory_gb=memory_gb, card=card)


EIGHT = node(8, 80.0)
SMALL = node(4, 24.0)


@pytest.mark.parametrize(
    ("weights", "nodes", "cards", "room"),
    [
        (14.2, [EIGHT], 1, 8),
        (14.2, [EIGHT, SMALL], 1, 12),
        (70.0, [EIGHT], 1, 8),  # and two more gigabytes, in nine tenths of 80
        (70.1, [EIGHT], 2, 4),
        (145.0, [EIGHT, EIGHT], 4, 4),
        (30.0, [EIGHT, SMALL], 2, 6),  # the smallest card counts
        (1000.0, [EIGHT], 8, 1),  # as much as there is; the forecast has warned
        (None, [EIGHT], 1, 8),
        (500.0, [node(2)], 1, 2),  # nobody knows the card
        (30.0, [node(3, 24.0)], 2, 1),
    ],
)
def test_cards_and_copies(weights: float | None, nodes: list[Node], cards: int, room: int):
    assert share_on_gpus(weights, nodes) == Share(cards=cards, room=room)


def test_the_users_number_of_cards_is_taken():
    assert share_on_gpus(1000.0, [EIGHT], cards=3) == Share(cards=3, room=2)


def test_copies_on_cpus_are_as_many_as_memory_holds():
    assert share_on_cpus(28.0, [node(), node(memory_gb=31.0), node(memory_gb=29.0)]) == Share(memory_gb=30.0, room=3)
    assert share_on_cpus(None, [node(cpus=2)]) == Share(memory_gb=2.0, room=2)
    assert share_on_cpus(28.0, [node(memory_gb=10.0)]) == Share()


def test_the_cluster_as_a_device():
    found = device_of_cluster([EIGHT, SMALL], gpus=True)
    assert (found.kind, found.name) == ("gpu", "Ray, 2 nodes, 12 x NVIDIA A10")
    assert (found.memory_gb, found.cards) == (640.0, 12)
    assert device_of_cluster([node(2)], gpus=True).name == "Ray, 1 node, 2 x GPU"
    found = device_of_cluster([node(), node(memory_gb=32.0)], gpus=False)
    assert (found.kind, found.name, found.memory_gb) == ("cpu", "Ray, 2 nodes, 16 CPUs", 64.0)


def test_in_words():
    assert Share(cards=2).in_words() == "2 GPUs"
    assert Share(cards=1).in_words() == "1 GPU"
    assert Share(memory_gb=30.0).in_words() == "1 CPU and 30.0 GB of memory"
    assert Share().in_words() == "1 CPU"
