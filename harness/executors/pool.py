"""The workers of one model on Ray: an actor each, with its own cards, replaced when it is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import ray
from ray.exceptions import RayError, RayTaskError

from harness.errors import AdapterError
from harness.executors.nodes import Share
from harness.executors.spread import Answers, Done, Event, Failed, Lost, Ready
from harness.executors.worker import Arrived, Complaint, Opened, Order, Worker
from harness.records import Decoding, Request

_SECONDS = 30.0
"""So long nobody may be up before the user is told what is waited for."""


@dataclass
class _Hand:
    """An actor, and the stream of what it is doing."""

    actor: Any
    stream: Any
    state: Literal["loading", "idle", "busy"] = "loading"
    node: str = ""
    address: str = ""


class Pool:
    """A crew (harness/executors/spread.py) of actors.

    Args:
        order: what each of them loads.
        share: what one of them needs of a node.
        tell: shows a sentence to the user.
    """

    def __init__(self, order: Order, share: Share, tell: Callable[[str], None]) -> None:
        self._order = order
        self._share = share
        self._tell = tell
        self._hands: dict[int, _Hand] = {}
        self._numbers = count()
        self._first: tuple[str, dict[str, object]] | None = None
        """Address and identity of the first that came up, with which the others must agree."""
        self._patient = False

    def want(self, number: int) -> None:
        """Start actors until there are so many; where the cluster has no room, Ray keeps them waiting."""
        while len(self._hands) < number:
            actor = self._actor()
            stream = actor.open.options(num_returns="streaming").remote(self._order)
            self._hands[next(self._numbers)] = _Hand(actor, stream)

    def idle(self) -> list[int]:
        """Those that have loaded the model and nothing to do."""
        return [number for number, hand in self._hands.items() if hand.state == "idle"]

    def give(self, worker: int, requests: Sequence[Request], decoding: Decoding) -> None:
        """Let an idle one answer these."""
        hand = self._hands[worker]
        hand.stream = hand.actor.ask.options(num_returns="streaming").remote(requests, decoding)
        hand.state = "busy"

    def wait(self) -> Sequence[Event]:
        """One event at most of each, as soon as there is any."""
        streams = {hand.stream: number for number, hand in self._hands.items() if hand.state != "idle"}
        ready, _ = ray.wait(list(streams), num_returns=1, timeout=_SECONDS)
        if not ready:
            self._reassure()
            return []
        # All that is there, for ray.wait takes the first of the list, and they would starve the others.
        ready, _ = ray.wait(list(streams), num_returns=len(streams), timeout=0)
        return [event for stream in ready if (event := self._next(streams[stream])) is not None]

    def alive(self, node: str) -> bool:
        """Whether a node is part of the cluster; one that was never known counts as alive."""
        return not node or any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())

    def dismiss(self, everybody: bool = False) -> None:
        """End the processes of those that are at work, or of all."""
        for number, hand in list(self._hands.items()):
            if everybody or hand.state == "busy":
                self._end(number)

    def _actor(self) -> Any:
        needs = {"num_cpus": 1, "num_gpus": self._share.cards, "memory": self._share.memory_bytes}
        return ray.remote(Worker).options(**needs, max_restarts=0, scheduling_strategy="SPREAD").remote()

    def _next(self, number: int) -> Event | None:
        """What a stream has next."""
        hand = self._hands[number]
        try:
            item = ray.get(next(hand.stream))
        except StopIteration:
            hand.state = "idle"
            return Done(number)
        except RayTaskError:
            raise  # a bug of ours or of an engine, with the traceback that it had over there
        except RayError:  # the many ways in which Ray says that a process or its node is gone
            self._end(number)
            return Lost(number, hand.node, hand.address, hand.state == "loading")
        return self._read(number, item)

    def _read(self, number: int, item: Any) -> Event | None:
        hand = self._hands[number]
        match item:
            case Complaint():
                return Failed(number, item.kind(item.sentence))
            case Arrived():
                hand.node, hand.address = item.node, item.address
                return None
            case Opened():
                hand.state = "idle"
                if other := self._differences(hand, item.identity):
                    return Failed(number, AdapterError(other))
                return Ready(number, item.identity)
        return Answers(number, item)

    def _differences(self, hand: _Hand, identity: dict[str, object]) -> str:
        """From what the first has loaded, or nothing: two nodes may have two revisions of a repository."""
        self._first = self._first or (hand.address, identity)
        address, first = self._first
        other = [name for name in {**first, **identity} if first.get(name) != identity.get(name)]
        words = "; ".join(f"{name}: {first.get(name)} and {identity.get(name)}" for name in other)
        return words and (
            f"nodes {address} and {hand.address} have loaded different things ({words}): their answers do not mix"
        )

    def _reassure(self) -> None:
        if not self._patient and all(hand.state == "loading" and not hand.node for hand in self._hands.values()):
            self._tell(f"{self._order.spec.name} waits for room in the cluster: {self._share.in_words()} on one node.")
            self._patient = True

    def _end(self, number: int) -> None:
        ray.kill(self._hands.pop(number).actor)
