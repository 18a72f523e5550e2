"""How endpoints are asked: everything a user may choose about it, and where the key comes from. No torch, no client."""

import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field

from harness.errors import ConfigError
from harness.records import Record

KEY_VARIABLE = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[!-~]+")
_ESCAPED = re.compile(r"[\"'\\]")
"""Characters that are written in more than one way, so that a key with them could not be hidden."""
_SECRET = 8
"""Shorter keys (EMPTY, none) are words that local servers are given for want of a key; they may stand in an answer."""


class EndpointOptions(Record):
    """How OpenAI-compatible endpoints are asked, and how much."""

    concurrency: int = Field(default=8, ge=1)
    """Requests under way at once."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds for one attempt, from the connection to the last byte."""
    max_retries: int = Field(default=4, ge=0)
    """Further attempts after 408, 409, 429, 5xx, a timeout or a lost connection."""
    max_requests: int | None = Field(default=None, ge=1)
    """Attempts of a run folder, those of earlier commands included; None is no limit."""
    max_cost: float | None = Field(default=None, gt=0)
    """Dollars of a run folder, those of earlier commands included; None is no limit."""
    price_in: float | None = Field(default=None, ge=0)
    """Dollars per million tokens of prompts, pictures included."""
    price_out: float | None = Field(default=None, ge=0)
    """Dollars per million generated tokens."""
    api_key_env: str = KEY_VARIABLE
    """The environment variable that holds the key."""

    def check(self) -> None:
        """Before anything is asked or written down.

        Raises:
            ConfigError: a limit on the cost without prices, or a key that is named and not there.
        """
        if self.max_cost is not None and (self.price_in is None or self.price_out is None):
            raise ConfigError(
                "--max-cost needs to know what a token costs: give --price-in and --price-out in dollars per million "
                "tokens, or limit the number of requests with --max-requests."
            )
        # No sentence repeats the value: it may be the key itself, given by mistake.
        if not _VARIABLE.fullmatch(self.api_key_env):
            raise ConfigError("--api-key-env must name an environment variable, and never hold the key itself.")
        if self.api_key_env != KEY_VARIABLE and not os.environ.get(self.api_key_env):
            raise ConfigError("the environment variable that --api-key-env names is not set: export it with the key.")

    def key_for(self, url: str) -> "Key":
        """The key that goes to a server.

        The key of OPENAI_API_KEY lies in many an environment for other ends, so it never travels in clear to another
        machine; a variable that was named is meant.

        Raises:
            ConfigError: it holds characters that no key has.
        """
        value = os.environ.get(self.api_key_env, "").strip()
        if value and (not _KEY.fullmatch(value) or _ESCAPED.search(value)):
            raise ConfigError(f"the key in {self.api_key_env} holds characters that no key has: export it again.")
        withheld = bool(value) and self.api_key_env == KEY_VARIABLE and url.startswith("http:") and not loopback(url)
        return Key("" if withheld else value, self.api_key_env, withheld)


class Key:
    """A key that never shows itself: neither in a repr, nor in what passes through `hidden`."""

    def __init__(self, value: str, variable: str = KEY_VARIABLE, withheld: bool = False) -> None:
        self._value = value
        self.variable = variable
        self.withheld = withheld
        """There is one, but it is not sent in clear to another machine."""

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Key of {self.variable}"

    def reveal(self) -> str:
        """For the header alone."""
        return self._value

    def hidden(self, text: str) -> str:
        """The text without the key; servers repeat headers in their errors."""
        return text.replace(self._value, "[key]") if len(self._value) >= _SECRET else text


def loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
