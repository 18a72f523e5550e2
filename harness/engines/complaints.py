"""What goes wrong at an endpoint, as sentences that name the cure and never the key."""

from openai import APIConnectionError, APIStatusError, APITimeoutError

from adapters.spec import Endpoint
from harness.engines.chat import words_of
from harness.engines.endpoint import EndpointOptions, Key


def fatal(error: APIStatusError, endpoint: Endpoint, key: Key) -> str | None:
    """Why no other request will fare better; None where one may."""
    said, status = words_of(error.body or error.message, key), error.status_code
    if status == 401:
        return _unauthorised(endpoint, key)
    if status == 402 or (status == 429 and error.code == "insufficient_quota"):
        return f"the account at {endpoint.url} has no credit left ({status}: {said}). Fill it, or ask another model."
    if status == 404:
        return (
            f"{endpoint.url} has no model '{endpoint.model}', or is no OpenAI-compatible address (404: {said}). "
            f"`curl {endpoint.url}/models` lists what it serves; the address usually ends in /v1."
        )
    return None


def sentence(error: Exception, options: EndpointOptions, endpoint: Endpoint, key: Key) -> str:
    """Why one request has no answer."""
    tries = options.max_retries + 1
    if isinstance(error, APITimeoutError):
        return (
            f"{endpoint.url} gave no whole answer within {options.timeout:g} s (attempts: {tries}); "
            "a longer --timeout or a lower --concurrency may help"
        )
    if isinstance(error, APIConnectionError):
        return (
            f"the connection to {endpoint.url} failed (attempts: {tries}): {_cause(error, key)}; is the server running?"
        )
    if isinstance(error, APIStatusError):
        return f"{endpoint.url} answered {error.status_code}: {words_of(error.body or error.message, key)}"
    return words_of(f"{type(error).__name__}: {error}", key)


def _unauthorised(endpoint: Endpoint, key: Key) -> str:
    if key.withheld:
        return (
            f"{endpoint.url} wants a key (401), and {key.variable} is not sent in clear to another machine: use an "
            "https address, or name a variable that is meant for this server with --api-key-env."
        )
    if key:
        return f"{endpoint.url} does not accept the key in {key.variable} (401): export the right one."
    return f"{endpoint.url} wants a key (401): export it as {key.variable}, or name its variable with --api-key-env."


def _cause(error: Exception, key: Key) -> str:
    cause = error.__cause__ or error
    return words_of(f"{type(cause).__name__}: {cause}", key)
