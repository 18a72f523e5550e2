"""The HTTP client beneath the OpenAI client: it sees every attempt, those that the OpenAI client repeats included."""

import asyncio
from contextvars import ContextVar
from typing import Any

import httpx2
from openai import OpenAIError

from harness.engines.budget import Ticket
from harness.engines.endpoint import Key, loopback

TICKET: ContextVar[Ticket] = ContextVar("TICKET")
"""The ticket of the request that a task is about."""


class OverBudgetError(OpenAIError):
    """An attempt that the budget does not allow; being an OpenAIError, it is not repeated."""


class Wire(httpx2.AsyncClient):
    """Sends attempts as far as the budget allows, each with one limit of time from its first byte to its last.

    The OpenAI client's own timeout is one between two bytes, which a server that trickles never exceeds.
    """

    def __init__(self, url: str, key: Key, seconds: float) -> None:
        # A proxy cannot reach this machine's own servers. A redirect would take the picture where nobody sent it.
        super().__init__(trust_env=not loopback(url), follow_redirects=False, timeout=seconds)
        self._key = key
        self._seconds = seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """One attempt.

        Raises:
            OverBudgetError: it may not be sent.
            httpx2.RequestError: there is no whole answer.
        """
        ticket = TICKET.get()
        if not ticket.attempt():
            raise OverBudgetError
        # The OpenAI client insists on a key, and takes headers from OPENAI_CUSTOM_HEADERS; this one is settled here.
        request.headers.pop("Authorization", None)
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        try:
            async with asyncio.timeout(self._seconds):
                response = await super().send(request, **options)
        except TimeoutError:
            raise httpx2.ReadTimeout("the answer was not complete in time", request=request) from None
        if response.status_code >= 300:
            ticket.refused()
        return response
