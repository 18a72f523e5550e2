"""A server for tests that speaks OpenAI's chat completions on this machine, and misbehaves as it is told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

STALL = 30.0
"""Seconds of a server that hangs; the test's end cuts it short."""


class Act(NamedTuple):
    """What the server does with one attempt."""

    status: int = 200
    body: bytes | None = None
    """None is a proper answer."""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    pause: float = 0.0
    cut: bool = False
    """Close the connection in the middle of the body."""
    trickle: float = 0.0
    """Seconds between two bytes."""


def answer(text: str | None = "Female.", finish: str | None = "stop", **message: Any) -> bytes:
    whole = {
        "id": "1",
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103},
    }
    return json.dumps(whole).encode()


def complaint(words: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": words, "type": "error", "code": code}}).encode()


class _Http(ThreadingHTTPServer):
    request_queue_size = 128  # of the standard library's 5 the system drops what comes beyond, to be sent again in 1 s


class Server:
    """Remembers every attempt, and how many were under way at once at most."""

    def __init__(self, script: Callable[[int, dict[str, Any]], Act]) -> None:
        self.script = script
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most = 0
        self.ended = threading.Event()
        self._now = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def asked(self) -> list[str]:
        """The question of each attempt, in the order in which they came."""
        return [body["messages"][0]["content"][1]["text"] for body in self.bodies]

    def start(self) -> None:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()

    def enter(self, body: dict[str, Any], headers: dict[str, str]) -> Act:
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            self._now += 1
            self.most = max(self.most, self._now)
        return self.script(number, body)

    def leave(self) -> None:
        with self._lock:
            self._now -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                act = server.enter(body | {"path": self.path}, dict(self.headers))
                try:
                    server.ended.wait(act.pause) if act.pause > 1 else time.sleep(act.pause)
                finally:
                    server.leave()  # before the last byte, after which the client may send the next
                try:
                    self._act(act)
                except OSError:
                    self.close_connection = True  # the client did not wait

            def _act(self, act: Act) -> None:
                content = answer() if act.body is None else act.body
                self.send_response(act.status)
                for name, value in {"Content-Type": "application/json", **act.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if act.cut:
                    content = content[: len(content) // 2]
                    self.close_connection = True
                for byte in content if act.trickle else ():
                    self.wfile.write(bytes([byte]))
                    if server.ended.wait(act.trickle):
                        return
                if not act.trickle:
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def serving(script: Callable[[int, dict[str, Any]], Act] = lambda number, body: Act()) -> Iterator[Server]:
    server = Server(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()
