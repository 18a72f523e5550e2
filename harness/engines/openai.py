"""The OpenAI-compatible engine: many requests under way at once, answers in the order in which they come.

The official client repeats what may be repeated (408, 409, 429 with its Retry-After, 5xx, lost connections, timeouts).
What then has no answer is a failed response with a sentence. A wrong key, a model that is not there, an account without
credit or a server that fails every request ends the model; what was not asked stays to be asked.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import openai
from openai import APIStatusError, AsyncOpenAI, BadRequestError

from adapters.spec import Endpoint
from harness.engines import chat
from harness.engines.asks import refuse
from harness.engines.budget import Budget, Ticket
from harness.engines.complaints import fatal, sentence
from harness.engines.endpoint import EndpointOptions
from harness.engines.wire import TICKET, OverBudgetError, Wire
from harness.errors import AdapterError, ImageError
from harness.records import Decoding, Request, Response

PATIENCE = 8
"""So many failures in a row with the same sentence are no bad requests but a broken server."""
_LENGTH, _NEWER_LENGTH = "max_tokens", "max_completion_tokens"


class OpenAIEngine:
    """Answers requests with a model behind a server.

    Args:
        endpoint: model and address.
        options: how it is asked.
        budget: how much; shared by all endpoints of a run.
    """

    def __init__(self, endpoint: Endpoint, options: EndpointOptions, budget: Budget) -> None:
        self.endpoint = endpoint
        self.options = options
        self.budget = budget
        self.key = options.key_for(endpoint.url)
        self.length = _LENGTH
        self.served = f"{endpoint.model}@{endpoint.url}"
        self.failures: deque[str] = deque(maxlen=PATIENCE)

    def identity(self) -> dict[str, object]:
        """What is to be written down about it beside its name; never the key."""
        asked = {"concurrency": self.options.concurrency, "timeout": self.options.timeout}
        return {
            "engine": "openai",
            "client": f"openai {openai.__version__}",
            "url": self.endpoint.url,
            "model": self.endpoint.model,
            **asked,
        }

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """Responses as they come, in any order.

        Raises:
            AdapterError: the server will answer no request, or answers none.
            BudgetError: one more request could go beyond the budget.
        """
        with asyncio.Runner() as loop:
            crowd = _Crowd(self, list(refuse(requests, f"{self.endpoint.model} behind a server")), decoding)
            try:
                while rows := loop.run(crowd.some()):
                    yield rows
            finally:
                loop.run(crowd.close())

    def note(self, failure: str | None) -> None:
        """Remember how a request ended; None is an answer.

        Raises:
            AdapterError: nothing but failures of one kind.
        """
        if failure is None:
            self.failures.clear()
            return
        self.failures.append(failure)
        if len(self.failures) == PATIENCE and len(set(self.failures)) == 1:
            raise AdapterError(
                f"the last {PATIENCE} requests all failed in the same way, so the run stops: {failure}. "
                "After mending the cause, run the same command with --retry-failed."
            )


class _Crowd:
    """The requests of one call of `generate`: those that wait and those that are under way."""

    def __init__(self, engine: OpenAIEngine, requests: Sequence[Request], decoding: Decoding) -> None:
        self.engine = engine
        self.decoding = decoding
        self.waiting = deque(requests)
        self.flying: set[asyncio.Task[Response | None]] = set()
        self.error: AdapterError | None = None
        self.since = time.perf_counter()
        options, url = engine.options, engine.endpoint.url
        self.wire = Wire(url, engine.key, options.timeout)
        self.client = AsyncOpenAI(
            api_key="the wire has it",
            base_url=url,
            timeout=options.timeout,
            max_retries=options.max_retries,
            http_client=self.wire,
        )

    async def some(self) -> list[Response]:
        """The next responses; none when all are there.

        Raises:
            AdapterError, BudgetError: why the rest is not asked, once everything under way has ended.
        """
        self._launch()
        while self.flying:
            done, self.flying = await asyncio.wait(self.flying, return_when=asyncio.FIRST_COMPLETED)
            rows = [row for task in done if (row := task.result()) is not None]
            self._launch()
            if rows:
                return self._timed(rows)
        if self.error:
            raise self.error
        if self.waiting:
            raise self.engine.budget.used_up()
        return []

    async def close(self) -> None:
        """Break off what is under way."""
        for task in self.flying:
            task.cancel()
        await asyncio.gather(*self.flying, return_exceptions=True)
        await self.client.close()
        self.engine.budget.flush()

    def _launch(self) -> None:
        """Fill the free places. What the budget refuses now may fit when dearer guesses have been settled."""
        while self.waiting and not self.error and len(self.flying) < self.engine.options.concurrency:
            ticket = self.engine.budget.ticket(self.decoding.max_new_tokens)
            if ticket is None:
                return
            self.flying.add(asyncio.create_task(self._ask(self.waiting.popleft(), ticket)))

    async def _ask(self, request: Request, ticket: Ticket) -> Response | None:
        """A response, or None where the request is still to be made."""
        TICKET.set(ticket)
        key = self.engine.key
        try:
            body = await self._send(await asyncio.to_thread(chat.message, request))
        except ImageError as error:
            ticket.drop()
            return chat.failed(request, str(error))
        except OverBudgetError:
            self.waiting.appendleft(request)
            return None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one request must not stop the others
            return self._unanswered(request, error)
        if tokens := chat.usage(body):
            ticket.answered(*tokens)
        self.engine.budget.note_served(self.engine.served, chat.served(body, key))
        response = chat.response(request, body, key)
        # A filter judges one answer; a server that filters many in a row is not broken.
        return self._noted(response, None if response.error == chat.FILTERED else response.error)

    async def _send(self, message: dict[str, Any]) -> bytes:
        engine = self.engine
        length = engine.length
        try:
            return await self._create(message, length)
        except BadRequestError as error:
            if length != _LENGTH or _NEWER_LENGTH not in str(error.body):
                raise
        engine.length = _NEWER_LENGTH  # the hosted models' newer word; asked once more, in their own words
        return await self._create(message, engine.length)

    async def _create(self, message: dict[str, Any], length: str) -> bytes:
        body = {"model": self.engine.endpoint.model, "messages": [message], **chat.sampling(self.decoding, length)}
        # Not chat.completions.create: it walks through the whole body once more, which takes a millisecond, and hands
        # out what came back unchecked.
        answer = await self.client.post("/chat/completions", body=body, cast_to=httpx2.Response)
        return answer.content

    def _unanswered(self, request: Request, error: Exception) -> Response | None:
        engine = self.engine
        if isinstance(error, APIStatusError) and (reason := fatal(error, engine.endpoint, engine.key)):
            self.error = self.error or AdapterError(reason)
            self.waiting.appendleft(request)
            return None
        words = sentence(error, engine.options, engine.endpoint, engine.key)
        return self._noted(chat.failed(request, words), words)

    def _noted(self, response: Response, failure: str | None) -> Response:
        try:
            self.engine.note(failure)
        except AdapterError as error:
            self.error = self.error or error
        return response

    def _timed(self, rows: list[Response]) -> list[Response]:
        """With the wall time since the last batch, shared out."""
        now = time.perf_counter()
        seconds, self.since = (now - self.since) / len(rows), now
        return [row.model_copy(update={"seconds": seconds}) if row.finish != "failed" else row for row in rows]
