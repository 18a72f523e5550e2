"""The engine with a model that counts, runs out of memory or breaks on purpose."""

import threading
import time

import pytest
import torch
from PIL import Image

from adapters.base import Reply
from harness.engines.failures import PATIENCE
from harness.engines.hf import AHEAD, HFEngine, out_of_memory
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request


class Fake:
    """Answers with the image's red value and the question; remembers the size of each batch and each thread."""

    def __init__(self, room=99, poison=(), error=None):
        self.room, self.poison = room, poison
        self.error = error or RuntimeError("bad pixels")
        self.sizes, self.prepared, self.threads = [], [], set()

    def image(self, image):
        self.threads.add(threading.current_thread())
        return image.resize((1, 1))

    def inputs(self, images, requests):
        assert len(images) == len(requests)
        self.prepared.append(len(images))
        return [(image.getpixel((0, 0))[0], asked.text) for image, asked in zip(images, requests, strict=True)]

    def answer(self, batch, decoding):
        if len(batch) > self.room:
            raise torch.OutOfMemoryError(f"tried to allocate {len(batch)} GiB")
        if any(red in self.poison for red, _ in batch):
            raise self.error
        self.sizes.append(len(batch))
        return [Reply(text=f"{red} {q}", finish="stop", prompt_tokens=3, new_tokens=2) for red, q in batch]


@pytest.fixture
def requests(tmp_path):
    """Twenty pictures whose red value is their number."""

    def one(number):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
        return Request(key=f"k{number}", sample_id=str(number), image=ImageRef(path=path), text=f"Q{number}")

    return [one(number) for number in range(20)]


def ask(engine, requests):
    return [row for batch in engine.generate(requests, Decoding()) for row in batch]


def answers(requests):
    return [f"{r.sample_id} Q{r.sample_id}" for r in requests]


def eventually(holds):
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.005)
    return holds()


def failed(rows):
    return {row.sample_id: row.error for row in rows if row.finish == "failed"}


@pytest.mark.parametrize("size", [1, 3, 8, 20, 50])
@pytest.mark.parametrize("workers", [1, 4])
def test_every_request_is_answered_once_and_in_order(requests, size, workers):
    fake = Fake()
    rows = ask(HFEngine(fake, size, workers), requests)
    assert [row.key for row in rows] == [request.key for request in requests]
    assert [row.text for row in rows] == answers(requests)
    assert fake.sizes == [min(size, 20 - start) for start in range(0, 20, size)]
    assert all(row.seconds is not None and row.prompt_tokens == 3 and row.new_tokens == 2 for row in rows)


def test_no_request_no_batch():
    assert ask(HFEngine(Fake()), []) == []


def test_a_batch_is_yielded_before_the_next_is_asked(requests):
    fake = Fake()
    stream = HFEngine(fake, 4).generate(requests, Decoding())
    assert [row.sample_id for row in next(stream)] == ["0", "1", "2", "3"]
    assert fake.sizes == [4]
    stream.close()
    assert threading.active_count() < 10
    assert not [t for t in threading.enumerate() if t.name.startswith("images")]


def test_images_are_prepared_ahead_in_other_threads_but_not_without_bound(requests):
    fake = Fake()
    stream = HFEngine(fake, 2).generate(requests, Decoding())
    next(stream)
    assert eventually(lambda: len(fake.prepared) >= AHEAD)
    time.sleep(0.05)
    assert len(fake.prepared) == AHEAD
    assert threading.current_thread() not in fake.threads
    stream.close()


def test_the_next_batch_is_prepared_while_the_model_is_busy(requests):
    """The model waits until the next batch is prepared: were they done in turn, it would wait in vain."""

    in_time = []

    class Waiting(Fake):
        def answer(self, batch, decoding):
            wanted = min(len(self.sizes) + 2, 5)
            in_time.append(eventually(lambda: len(self.prepared) >= wanted))
            return super().answer(batch, decoding)

    assert [row.text for row in ask(HFEngine(Waiting(), 4), requests)] == answers(requests)
    assert in_time == [True] * 5


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_out_of_memory_halves_the_batch_and_the_size_stays_down(requests, room):
    fake = Fake(room=room)
    engine = HFEngine(fake, 16)
    rows = ask(engine, requests)
    assert [row.text for row in rows] == answers(requests)
    assert max(fake.sizes) <= room
    assert engine.batch_size <= room
    before = len(fake.sizes)
    ask(engine, requests[:room])
    assert fake.sizes[before:] in ([room], [engine.batch_size] * (room // engine.batch_size) + [1] * (room % 2))


def test_what_does_not_fit_alone_is_a_failed_row(requests):
    fake = Fake(poison={5}, error=torch.OutOfMemoryError("CUDA out of memory"))
    rows = ask(HFEngine(fake, 8), requests)
    assert failed(rows) == {"5": "OutOfMemoryError: CUDA out of memory"}
    assert [row.text for row in rows if row.finish == "stop"] == answers([r for r in requests if r.sample_id != "5"])


def test_many_large_images_in_a_row_may_run_out_of_memory(requests):
    fake = Fake(poison=set(range(6, 20)), error=torch.OutOfMemoryError("no"))
    assert len(failed(ask(HFEngine(fake, 4), requests))) == 14


def test_a_model_that_never_fits_stops_the_run(requests):
    with pytest.raises(AdapterError, match="all failed in the same way"):
        ask(HFEngine(Fake(room=0), 4), requests)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, full):
    assert out_of_memory(error) is full


def test_one_poisonous_image_kills_nothing_else(requests):
    fake = Fake(poison={7, 12})
    engine = HFEngine(fake, 8)
    rows = ask(engine, requests)
    assert failed(rows) == dict.fromkeys(["7", "12"], "RuntimeError: bad pixels")
    assert sum(row.finish == "stop" for row in rows) == 18
    assert engine.batch_size == 8  # not for want of memory


def test_a_bug_stops_the_run_instead_of_failing_every_row(requests):
    fake = Fake(poison=set(range(20)))
    with pytest.raises(AdapterError, match=f"last {PATIENCE} requests.*bad pixels"):
        ask(HFEngine(fake, 4), requests)


def test_a_device_that_breaks_in_the_middle_stops_the_run(requests):
    with pytest.raises(AdapterError):
        ask(HFEngine(Fake(poison=set(range(6, 20))), 4), requests)


def test_failures_that_differ_are_not_a_bug(requests):
    class Moody(Fake):
        def answer(self, batch, decoding):
            raise ValueError(f"image {batch[0][0]}")

    assert len(failed(ask(HFEngine(Moody(), 4), requests))) == 20


def test_evidence_reaches_the_response_and_impossible_evidence_is_a_failed_row_that_says_why(requests):
    class Believer(Fake):
        def answer(self, batch, decoding):
            plain = super().answer(batch, decoding)
            scores = [{"Male": red / 10 if red != 4 else float("nan")} for red, _ in batch]
            return [Reply(**{**reply.model_dump(), "label_scores": s}) for reply, s in zip(plain, scores, strict=True)]

    rows = ask(HFEngine(Believer(), 4), requests[:8])
    assert [row.label_scores for row in rows if row.finish == "stop"] == [
        {"Male": n / 10} for n in (0, 1, 2, 3, 5, 6, 7)
    ]
    assert "the evidence for 'Male' is nan" in failed(rows)["4"]
    assert len(failed(rows)) == 1


def test_an_unreadable_image_is_one_failed_row(requests):
    requests[2].image.path.write_bytes(b"\x89PNG broken")
    requests[9].image.path.unlink()
    fake = Fake()
    rows = ask(HFEngine(fake, 5), requests)
    assert set(failed(rows)) == {"2", "9"}
    assert "does not exist" in failed(rows)["9"]
    assert [row.sample_id for row in rows] == [r.sample_id for r in requests]
    assert fake.sizes == [4, 4, 5, 5]


def test_many_unreadable_images_are_no_bug(requests):
    for request in requests:
        request.image.path.unlink()
    fake = Fake()
    assert len(failed(ask(HFEngine(fake, 5), requests))) == 20
    assert fake.sizes == []


def test_a_broken_image_step_is_a_bug(requests):
    class Typo(Fake):
        def image(self, image):
            return image.resized()

    with pytest.raises(AdapterError, match="resized"):
        ask(HFEngine(Typo(), 4), requests)


def test_a_preprocessor_that_breaks_on_one_image_fails_that_row_only(requests):
    class Picky(Fake):
        def inputs(self, images, requests):
            if any(image.getpixel((0, 0))[0] == 11 for image in images):
                raise ValueError("aspect ratio must be smaller than 200")
            return super().inputs(images, requests)

    rows = ask(HFEngine(Picky(), 8), requests)
    assert failed(rows) == {"11": "ValueError: aspect ratio must be smaller than 200"}


def test_a_question_the_model_refuses_stops_the_run(requests):
    class Strict(Fake):
        def inputs(self, images, requests):
            raise AdapterError("the question contains '<image>'")

    with pytest.raises(AdapterError, match="<image>"):
        ask(HFEngine(Strict(), 4), requests)
