"""Laws of the spread engine, over a simulated crew: whatever is lost and whenever, nothing twice and nothing lost."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import AdapterError, BudgetError
from harness.executors.ledger import SMALLEST, Ledger
from harness.executors.spread import LOSSES, Answers, Done, Event, Failed, Lost, Ready, SpreadEngine
from harness.records import Decoding, ImageRef, Request, Response


def asked(count: int) -> list[Request]:
    return [
        Request(key=f"k{n}", sample_id=f"{n}.jpg", image=ImageRef(path=f"{n}.jpg"), text="Who?") for n in range(count)
    ]


def row(request: Request) -> Response:
    return Response(key=request.key, sample_id=request.sample_id, text=request.sample_id, finish="stop")


class Crew:
    """Workers whose every step is drawn: to load, to answer some of what they have, to be lost, alone or with a node.

    Args:
        draw: gives the next number below a bound.
        losses: so many workers are lost at most.
        guilty: whether processes die on nodes that live, or nodes are lost.
    """

    def __init__(self, draw, losses: int, guilty: bool) -> None:
        self.draw, self.losses, self.guilty = draw, losses, guilty
        self.loading: set[int] = set()
        self.free: set[int] = set()
        self.busy: dict[int, list[Request]] = {}
        self.dead: set[str] = set()
        self.count = 0
        self.given: list[str] = []
        self.most = 0

    def want(self, count: int) -> None:
        while len(self.loading) + len(self.free) + len(self.busy) < count:
            self.loading.add(self.count)
            self.count += 1
        self.most = max(self.most, count)

    def idle(self) -> list[int]:
        return sorted(self.free)

    def give(self, worker: int, requests: Sequence[Request], decoding: Decoding) -> None:
        assert requests
        self.free.remove(worker)
        self.busy[worker] = list(requests)
        self.given += [request.key for request in requests]

    def wait(self) -> list[Event]:
        workers = sorted(self.loading | set(self.busy))
        worker = workers[self.draw(len(workers))]
        if self.losses > 0 and self.draw(3) == 0:
            return [self.lose(worker)]
        if worker in self.loading:
            self.loading.remove(worker)
            self.free.add(worker)
            return [Ready(worker, {"worker": worker})]
        if not self.busy[worker]:
            del self.busy[worker]
            self.free.add(worker)
            return [Done(worker)]
        cut = 1 + self.draw(len(self.busy[worker]))
        rows = [row(request) for request in self.busy[worker][:cut]]
        self.busy[worker] = self.busy[worker][cut:]
        return [Answers(worker, rows + rows[: self.draw(2)])]  # now and then one arrives twice

    def lose(self, worker: int) -> Lost:
        self.losses -= 1
        loading = worker in self.loading
        self.loading.discard(worker)
        self.busy.pop(worker, None)
        node = f"node of {worker}"
        if not self.guilty:
            self.dead.add(node)
        return Lost(worker, node, "10.0.0.1", loading)

    def alive(self, node: str) -> bool:
        return node not in self.dead

    def dismiss(self, everybody: bool = False) -> None:
        self.busy.clear()
        if everybody:
            self.loading.clear()
            self.free.clear()


def engine(crew: Crew, workers: int) -> SpreadEngine:
    return SpreadEngine("m", crew, workers, {"executor": "test"}, lambda sentence: None)


def keys(spread: SpreadEngine, requests: Sequence[Request], into: list[str]) -> None:
    for batch in spread.generate(requests, Decoding()):
        into += [one.key for one in batch]


def drawn(data):
    return lambda bound: data.draw(st.integers(0, bound - 1))


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(0, 90), st.integers(1, 5), st.integers(0, 12))
def test_whatever_nodes_are_lost_every_request_is_answered_once(data, count: int, workers: int, losses: int):
    crew = Crew(drawn(data), losses, guilty=False)
    spread = engine(crew, workers)
    found: list[str] = []
    for requests in (asked(count)[: count // 2], asked(count)[count // 2 :]):  # two questions, one after the other
        keys(spread, requests, found)
        assert not crew.busy
    assert sorted(found) == sorted(request.key for request in asked(count))
    assert crew.most <= workers


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(1, 90), st.integers(1, 5), st.integers(0, 12))
def test_processes_that_die_end_the_model_and_no_answer_comes_twice(data, count: int, workers: int, losses: int):
    crew = Crew(drawn(data), losses, guilty=True)
    found: list[str] = []
    ended = False
    try:
        keys(engine(crew, workers), asked(count), found)
    except AdapterError:
        ended = True
    assert not ended or losses >= LOSSES
    assert ended or len(found) == count
    assert len(found) == len(set(found))


@pytest.mark.parametrize("workers", [1, 3])
def test_without_a_loss_nothing_is_asked_twice(workers: int):
    crew = Crew(lambda bound: bound - 1, 0, guilty=True)
    found: list[str] = []
    keys(engine(crew, workers), asked(100), found)
    assert sorted(crew.given) == sorted(found) == sorted(request.key for request in asked(100))


def test_what_is_answered_is_not_asked_again_when_its_worker_is_lost():
    ledger = Ledger(asked(10))
    requests = ledger.take(0, 1)
    assert [one.key for one in ledger.answered(0, [row(requests[4]), row(requests[4])])] == ["k4"]
    assert [*ledger.lost(0, "n").requests] == [f"k{n}" for n in range(10) if n != 4]
    assert [one.key for one in ledger.take(1, 1)] == [f"k{n}" for n in range(10) if n != 4]
    assert ledger.open == 9


def test_pieces_are_large_first_and_small_last():
    ledger = Ledger(asked(400))
    sizes = []
    for worker in range(99):
        if not (requests := ledger.take(worker, 4)):
            break
        sizes.append(len(requests))
    assert sizes[0] == 50
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == 400
    assert min(sizes[:-1]) == SMALLEST


def test_one_worker_gets_all_at_once():
    assert len(Ledger(asked(400)).take(0, 1)) == 400


def test_an_engine_that_forgets_a_request_is_an_error():
    ledger = Ledger(asked(3))
    ledger.answered(0, [row(ledger.take(0, 1)[0])])
    with pytest.raises(AdapterError, match="without a response to 2"):
        ledger.finished(0)


class Scripted(Crew):
    """A crew of one worker at a time, whose events are written down."""

    def __init__(self, *events: str) -> None:
        super().__init__(lambda bound: 0, 0, guilty=True)
        self.events = list(events)

    def wait(self) -> list[Event]:
        match self.events.pop(0):
            case "dies":
                return [self.lose(min(self.loading | set(self.busy)))]
            case "budget":
                return [Failed(0, BudgetError("enough"))]
            case "budget and an answer":
                return [Failed(0, BudgetError("enough")), *super().wait()]
        return super().wait()


def test_a_model_whose_process_dies_while_it_loads_is_given_up():
    with pytest.raises(AdapterError, match="died 3 times while it was loading the model"):
        engine(Scripted("dies", "dies", "dies"), 1)


def test_coming_up_in_between_is_forgiven():
    crew = Scripted("dies", "dies", "up", *["works"] * 9)
    found: list[str] = []
    keys(engine(crew, 1), asked(8), found)
    assert len(found) == 8


def test_the_same_requests_three_times_name_the_first_sample():
    crew = Scripted("up", "works", "dies", "up", "works", "dies", "up", "dies")
    found: list[str] = []
    with pytest.raises(AdapterError, match=r"the same 6 requests, that of 2\.jpg first"):
        keys(engine(crew, 1), asked(8), found)
    assert found == ["k0", "k1"]


def test_a_node_that_is_known_as_dead_only_later_is_forgiven():
    crew = Scripted("up", "dies", "up", "dies", "up", "dies", "up", *["works"] * 9)
    spread = engine(crew, 1)
    stream = spread.generate(asked(8), Decoding())
    crew.dead.add("node of 0")
    assert len([one for batch in stream for one in batch]) == 8


def test_a_known_error_ends_the_question_and_lets_the_workers_go():
    crew = Scripted("up", "works", "budget")
    found: list[str] = []
    with pytest.raises(BudgetError):
        keys(engine(crew, 1), asked(8), found)
    assert len(found) == 1
    assert not crew.busy


def test_what_is_answered_beside_an_error_is_kept():
    found: list[str] = []
    with pytest.raises(BudgetError):
        keys(engine(Scripted("up", "budget and an answer"), 1), asked(8), found)
    assert len(found) == 1


def test_a_question_that_is_left_early_lets_the_workers_go():
    crew = Scripted("up", *["works"] * 9)
    stream = engine(crew, 1).generate(asked(8), Decoding())
    next(stream)
    assert crew.busy
    stream.close()
    assert not crew.busy


def test_what_is_written_down_is_the_first_workers_and_the_executors():
    assert engine(Scripted("up"), 2).identity() == {"worker": 0, "executor": "test"}


def test_few_requests_start_no_worker_anew():
    crew = Scripted("up", "dies", *["works"] * 20)
    spread = engine(crew, 4)
    keys(spread, asked(8), [])
    assert crew.count == 4  # the lost one is not replaced: three are there for eight requests
