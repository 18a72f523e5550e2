"""Chat completions, both ways: a request as the body that is sent, the body that came back as a response."""

import base64
import io
from typing import Any

from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from harness import images
from harness.engines.endpoint import Key
from harness.records import Decoding, Request, Response

FILTERED = "the server's content filter withheld the answer or its end"
_LONGEST = 300
"""Characters of a server's own words that are kept in an error."""


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Completion(BaseModel):
    """As much of an answer as is read; servers add fields of their own."""

    choices: list[_Choice] | None = None
    error: Any = None
    usage: Any = None
    model: Any = None
    system_fingerprint: Any = None


def message(request: Request) -> dict[str, Any]:
    """The picture, then the question: pixels and words, and nothing by which the sample could be known.

    Raises:
        ImageError: the picture cannot be read.
    """
    picture = {"type": "image_url", "image_url": {"url": data_url(images.read(request.image))}}
    return {"role": "user", "content": [picture, {"type": "text", "text": request.text}]}


def data_url(image: Image.Image) -> str:
    """The pixels as PNG, which loses none; comments, profiles and dates of the file stay behind."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG", compress_level=1)  # up to a sixth larger than by default, and three to five times as fast
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def sampling(decoding: Decoding, length: str) -> dict[str, Any]:
    """The decoding, spelt out: no default of a server comes in.

    Args:
        decoding: of the run.
        length: how the server calls the longest answer, "max_tokens" or "max_completion_tokens".
    """
    stop = {"stop": list(decoding.stop)} if decoding.stop else {}
    chosen = {"temperature": decoding.temperature, "top_p": 1.0, "seed": decoding.seed}
    return {length: decoding.max_new_tokens, **chosen, **stop}


def failed(request: Request, error: str) -> Response:
    """A request without an answer."""
    return Response(key=request.key, sample_id=request.sample_id, finish="failed", error=error)


def response(request: Request, body: bytes, key: Key) -> Response:
    """What came back with status 200, which need not be an answer."""
    try:
        found = _Completion.model_validate_json(body)
    except ValidationError as error:
        return failed(request, f"the server's answer is no chat completion: {key.hidden(error.errors()[0]['msg'])}")
    if not found.choices:
        return failed(request, f"the server's answer holds no choice{_because(found.error, key)}")
    choice = found.choices[0]
    tokens = usage(body)
    named = {
        "key": request.key,
        "sample_id": request.sample_id,
        "text": key.hidden(choice.message.content or choice.message.refusal or ""),
        "prompt_tokens": tokens[0] if tokens else None,
        "new_tokens": tokens[1] if tokens else None,
    }
    if choice.finish_reason in ("stop", "length"):
        return Response(**named, finish=choice.finish_reason)
    return Response(**named, finish="failed", error=_unfinished(choice.finish_reason, key))


def served(body: bytes, key: Key) -> str:
    """Who answered, in the server's words; nothing where it does not say."""
    try:
        found = _Completion.model_validate_json(body)
    except ValidationError:
        return ""
    return words_of(" ".join(str(one) for one in (found.model, found.system_fingerprint) if one), key)


def usage(body: bytes) -> tuple[int, int] | None:
    """Tokens of the prompt and of the answer; None where the server does not say."""
    try:
        found = _Usage.model_validate(_Completion.model_validate_json(body).usage)
    except ValidationError:
        return None
    return found.prompt_tokens, found.completion_tokens


def words_of(error: Any, key: Key) -> str:
    """What a server says is wrong, on one line, without the key."""
    inner = error.get("message", error) if isinstance(error, dict) else error
    line = " ".join(key.hidden(str(inner)).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + " ..."


def _because(error: Any, key: Key) -> str:
    return f": {words_of(error, key)}" if error else ""


def _unfinished(reason: str | None, key: Key) -> str:
    if reason == "content_filter":
        return FILTERED
    return f"the server broke the answer off for the reason '{words_of(reason, key)}'"
