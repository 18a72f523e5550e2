"""Progress in the terminal: a bar per model and question with rate and time left, plain lines elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Answers per second, of the answers given now."""

    def render(self, task: Task) -> Text:
        """Empty until the first answer."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


class ProgressListener:
    """Watches a run; a context manager that owns the terminal while it is open."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Progress(
            TextColumn("{task.fields[model]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar: TaskID | None = None
        self._line = ""
        self._count = 0
        self._began = 0.0

    def __enter__(self) -> "ProgressListener":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, model: str, question: str, total: int, done: int) -> None:
        """Show a bar that starts where an earlier run ended."""
        self._bar = self._bars.add_task(question, total=total, completed=done, model=model)
        earlier = f", {done} answered before" if done else ""
        self._line = f"{model:<22} {question:<16} {total} samples{earlier}"
        self._count, self._began = 0, time.monotonic()

    def advance(self, count: int) -> None:
        """Move the bar."""
        self._count += count
        if self._bar is not None:
            self._bars.advance(self._bar, count)

    def end(self) -> None:
        """Close the bar; where there is no terminal, print one line instead."""
        if self._bar is None:
            return
        seconds = time.monotonic() - self._began
        rate = f", {self._count} asked at {self._count / seconds:.1f}/s" if self._count else ""
        if not self.console.is_terminal:
            self.console.print(self._line + rate, highlight=False, soft_wrap=True)
        self._bars.stop_task(self._bar)
        self._bar = None
