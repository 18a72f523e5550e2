"""One engine out of many: hands the requests of a question to workers, and outlives the loss of any of them.

Whose fault a loss is: a process that dies on a node that lives has met something in the model or in a picture, and
after `LOSSES` such deaths with the same requests the model is given up. A node that is lost is nobody's fault, however
often. A node may be known as dead only some seconds after its processes are, so deaths are judged by the nodes that are
alive when it matters, at the last of them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from harness.errors import AdapterError, HarnessError
from harness.executors.ledger import SMALLEST, Ledger
from harness.records import Decoding, Request, Response

LOSSES = 3
"""Deaths of processes, on nodes that live, after which a model is given up."""


class Ready(NamedTuple):
    """A worker has loaded the model."""

    worker: int
    identity: dict[str, object]


class Answers(NamedTuple):
    """A worker has answered a batch."""

    worker: int
    rows: Sequence[Response]


class Done(NamedTuple):
    """A worker has answered all that it was given."""

    worker: int


class Lost(NamedTuple):
    """A worker is gone."""

    worker: int
    node: str
    """Its id; empty where the worker died before it was anywhere."""
    address: str
    """Of the node, for the user."""
    loading: bool
    """Whether it had not loaded the model yet."""


class Failed(NamedTuple):
    """A worker has met a known error."""

    worker: int
    error: HarnessError


Event = Ready | Answers | Done | Lost | Failed


class Crew(Protocol):
    """The workers of one model, each with a copy of it. harness/executors/pool.py has those on Ray."""

    def want(self, count: int) -> None:
        """Let there be so many, those that are still loading included."""

    def idle(self) -> list[int]:
        """Those that have loaded the model and nothing to do."""

    def give(self, worker: int, requests: Sequence[Request], decoding: Decoding) -> None:
        """Let an idle worker answer these."""

    def wait(self) -> Sequence[Event]:
        """What happened since, one event of each at most; waits until something does."""

    def alive(self, node: str) -> bool:
        """Whether a node is part of the cluster; an unknown one counts as alive."""

    def dismiss(self, everybody: bool = False) -> None:
        """Let go of those that are at work, or of all."""


class SpreadEngine:
    """Answers requests with a crew.

    Args:
        name: of the model.
        crew: who answers.
        workers: how many of them, at most.
        about: what is to be written down beside what a worker says of its engine.
        tell: shows a sentence to the user.

    Raises:
        AdapterError: the model cannot be loaded.
    """

    def __init__(
        self, name: str, crew: Crew, workers: int, about: dict[str, object], tell: Callable[[str], None]
    ) -> None:
        self.name = name
        self.crew = crew
        self.workers = workers
        self._tell = tell
        self._stillborn: list[str] = []
        """The nodes on which a process died while it was loading, since the last that came up."""
        crew.want(workers)
        self._identity = self._first() | about

    def identity(self) -> dict[str, object]:
        """What is to be written down about the loaded model beside its name."""
        return self._identity

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """The batches of all workers as they come; their order is not that of the requests.

        Raises:
            HarnessError: what a worker met that its engine raises here too.
            AdapterError: the process of a worker died again and again.
        """
        ledger = Ledger(requests)
        try:
            while not ledger.closed:
                self._hand_out(ledger, decoding)
                for event in self._events():
                    if rows := self._heed(event, ledger):
                        yield rows
        finally:  # whoever is still at work does so for nobody
            self.crew.dismiss()

    def close(self) -> None:
        """Give the devices back."""
        self.crew.dismiss(everybody=True)

    def _first(self) -> dict[str, object]:
        """What the first worker says of itself once it has loaded the model."""
        nothing = Ledger([])
        while True:
            events = self._events()
            for event in events:
                self._heed(event, nothing)
            if up := [event.identity for event in events if isinstance(event, Ready)]:
                return up[0]

    def _events(self) -> list[Event]:
        """What happened, with all that may end the question last: what is answered is stored before."""
        return sorted(self.crew.wait(), key=lambda event: isinstance(event, Lost | Failed))

    def _hand_out(self, ledger: Ledger, decoding: Decoding) -> None:
        self.crew.want(min(self.workers, -(-ledger.open // SMALLEST)))
        for worker in self.crew.idle():
            if requests := ledger.take(worker, self.workers):
                self.crew.give(worker, requests, decoding)

    def _heed(self, event: Event, ledger: Ledger) -> list[Response]:
        """Enter an event in the books; the responses that are new."""
        match event:
            case Ready():
                self._stillborn.clear()
            case Answers(worker, rows):
                return ledger.answered(worker, rows)
            case Done(worker):
                ledger.finished(worker)
            case Lost():
                self._lose(event, ledger)
            case Failed():
                raise event.error
        return []

    def _lose(self, event: Lost, ledger: Ledger) -> None:
        """Enter a loss in the books, see whose fault it is, and let another worker come."""
        chunk = ledger.lost(event.worker, event.node)
        where = f"on {event.address} " if event.address else ""
        self._tell(f"{self.name}: a copy {where}was lost with {len(chunk.requests)} requests, which are asked again.")
        if event.loading:
            self._stillborn.append(event.node)
            self._judge(self._stillborn, "loading the model")
            self.crew.want(self.workers)
        elif chunk.requests:
            first = next(iter(chunk.requests.values())).sample_id
            self._judge(chunk.deaths, f"answering the same {len(chunk.requests)} requests, that of {first} first")

    def _judge(self, deaths: Sequence[str], doing: str) -> None:
        guilty = sum(map(self.crew.alive, deaths))
        if guilty >= LOSSES:
            raise AdapterError(
                f"its process died {guilty} times while it was {doing}, on nodes that are alive: too little memory, or "
                "native code that breaks. `--executor local` shows its last words; what was answered is stored."
            )
