"""Stand-ins for tests: an engine that answers from a script and remembers what it was asked."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from adapters.base import Reply
from harness.images import digest
from harness.plan import PlannedQuestion
from harness.records import Case, Decoding, Gold, ImageRef, Request, Response, request_key
from harness.runner import Outcome, Runner
from harness.store import RunFolder
from tasks.datasets.base import Tally
from tasks.registry import question


class ScriptedEngine:
    """Answers every request with one text, `batch` at a time; may sleep before, or die after, a batch."""

    def __init__(self, text: str = "The person is female.", batch: int = 4, pause: float = 0.0, die_after: int = -1):
        self.text, self.batch, self.pause, self.die_after = text, batch, pause, die_after
        self.asked: list[str] = []

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        for start in range(0, len(requests), self.batch):
            if len(self.asked) == self.die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.pause)
            part = requests[start : start + self.batch]
            self.asked += [request.key for request in part]
            yield [Response(key=r.key, sample_id=r.sample_id, text=self.text, finish="stop") for r in part]


class Recorder:
    """A model that writes down all it is told: pixels, words, and whatever hangs on the objects it is given."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def image(self, image: Image.Image) -> Image.Image:
        attributes = {name: value for name, value in vars(image).items() if name not in ("_im", "im")}
        self.told.append(repr((digest(image), type(image).__name__, sorted(map(str, attributes.items())))))
        return image

    def inputs(self, images: Sequence[Image.Image], requests: Sequence[Request]) -> list[tuple[str, str, str]]:
        return [(digest(image), one.text, one.space) for image, one in zip(images, requests, strict=True)]

    def answer(self, batch: list[tuple[str, str, str]], decoding: Decoding) -> list[Reply]:
        self.told += map(repr, batch)
        return [Reply(text="calm", finish="stop", prompt_tokens=1, new_tokens=1) for _ in batch]

    def heard(self, words: str) -> bool:
        """Whether these words were in anything it was told."""
        return any(words in one for one in self.told)


class Watcher:
    """A listener that counts."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, int, int]] = []
        self.advanced = 0

    def begin(self, model: str, question: str, total: int, done: int) -> None:
        self.begun.append((model, question, total, done))

    def advance(self, count: int) -> None:
        self.advanced += count

    def end(self) -> None:
        pass


def case(number: int, gold: Gold = "Female", error: str | None = None) -> Case:
    text = "What is the gender?"
    key = request_key(f"pixels {number}", text, Decoding())
    image = ImageRef(path=Path(f"{number}.jpg"))
    return Case(key=key, sample_id=f"{number}.jpg", image=image, gold=gold, text=text, error=error)


def planned(cases: Sequence[Case], name: str = "fairface.gender") -> PlannedQuestion:
    asked = question(name)
    return PlannedQuestion(
        question=asked,
        prompt=asked.render(),
        cases=cases,
        keys=[case.key for case in cases],
        tally=Tally(kept=len(cases)),
        text=asked.render().text,
    )


def ask(folder: RunFolder, engine: ScriptedEngine, cases: Sequence[Case], retry_failed: bool = False) -> Outcome:
    runner = Runner(folder, Decoding(), lambda _: engine, Watcher())
    return runner.run({"scripted": [planned(cases)]}, retry_failed)


def picture(path: Path, seed: int, size: tuple[int, int] = (32, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(size, 40 + seed % 60).convert("RGB").point(lambda v: (v + seed * 7) % 256).save(path)
    return path


if __name__ == "__main__":  # run by a test as a process of its own, to be killed
    count, die_after, pause = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    run_folder = RunFolder(Path(sys.argv[1]))
    with run_folder.lock():
        ask(run_folder, ScriptedEngine(pause=pause, die_after=die_after), [case(n) for n in range(count)])
