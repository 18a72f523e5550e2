"""The OpenAI-compatible engine against a server that misbehaves: each request ends as one response or is still open."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from adapters.registry import spec
from harness import images
from harness.engines import EndpointOptions, EngineOptions, open_engine
from harness.errors import AdapterError, BudgetError, HarnessError
from harness.records import Decoding, ImageRef, Request, Response
from tests.endpoint import STALL, Act, Server, answer, complaint, serving
from tests.fakes import picture

Script = Callable[[int, dict[str, Any]], Act]
Serve = Callable[..., Server]
KEY = "sk-a-secret-that-nobody-may-see"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with a script; the test's end stops it."""
    with ExitStack() as stack:
        yield lambda *script: stack.enter_context(serving(*script))


@pytest.fixture
def requests(tmp_path: Path) -> list[Request]:
    return made(tmp_path, 12)


def made(folder: Path, count: int) -> list[Request]:
    return [
        Request(
            key=f"key-{number}",
            sample_id=f"sample-{number}",
            image=ImageRef(path=picture(folder / f"secret-name-{number}.png", number)),
            text=f"Question {number}?",
            space="fairface.gender",
        )
        for number in range(count)
    ]


def ask(server: Server, requests: list[Request], decoding: Decoding | None = None, **options: Any) -> list[Response]:
    """All responses, each request's exactly once."""
    engine = opened(server, **options)
    rows = [row for batch in engine.generate(requests, decoding or Decoding()) for row in batch]
    assert sorted(row.key for row in rows) == sorted(request.key for request in requests)
    assert all(bool(row.error) == (row.finish == "failed") for row in rows)
    return sorted(rows, key=lambda row: [request.key for request in requests].index(row.key))


def opened(server: Server, spending: Path | None = None, **options: Any) -> Any:
    quick = {"timeout": 5.0, "max_retries": 1} | options
    place = EngineOptions(endpoint=EndpointOptions(**quick), spending=spending)
    return open_engine(spec(f"openai:face-model@{server.url}"), place)


def until_the_end(engine: Any, requests: list[Request]) -> tuple[list[Response], HarnessError | None]:
    """What was answered, and why the rest was not asked."""
    rows: list[Response] = []
    try:
        for batch in engine.generate(requests, Decoding()):
            rows += batch
    except HarnessError as error:
        return rows, error
    return rows, None


def once(act: Act) -> Script:
    """Misbehave at the first attempt, then behave."""
    return lambda number, body: act if number == 0 else Act()


def always(act: Act) -> Script:
    return lambda number, body: act


def test_answers_carry_their_keys_text_and_tokens(serve: Serve, requests: list[Request]):
    server = serve(lambda number, body: Act(body=answer(body["messages"][0]["content"][1]["text"] + " Yes.")))
    rows = ask(server, requests)
    assert [row.text for row in rows] == [f"{request.text} Yes." for request in requests]
    assert {(row.finish, row.prompt_tokens, row.new_tokens) for row in rows} == {("stop", 100, 3)}
    assert all(row.seconds for row in rows)


def test_what_is_sent_is_pixels_words_and_decoding_alone(serve: Serve, tmp_path: Path):
    file = tmp_path / "secret-name.png"
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "secret-gold")
    Image.effect_noise((31, 45), 90).convert("RGB").save(file, pnginfo=note, icc_profile=b"secret-profile")
    ref = ImageRef(path=file, box=(3, 4, 20, 40))
    request = Request(key="secret-key", sample_id="secret-sample", image=ref, text="Who?", space="secret-space")
    server = serve()
    ask(server, [request], Decoding(max_new_tokens=7, temperature=0.5, stop=("\n",), seed=3))
    [body] = server.bodies
    assert "secret" not in json.dumps([body, server.headers])
    [message] = body.pop("messages")
    first, second = message["content"]
    assert second == {"type": "text", "text": "Who?"}
    sent = base64.b64decode(first["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert b"secret" not in sent
    assert images.digest(Image.open(io.BytesIO(sent))) == images.digest(images.read(ref))
    chosen = {"temperature": 0.5, "top_p": 1.0, "seed": 3, "max_tokens": 7, "stop": ["\n"]}
    assert body == {"model": "face-model", "path": "/v1/chat/completions", **chosen}


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_so_many_are_under_way(serve: Serve, requests: list[Request], most: int):
    server = serve(always(Act(pause=0.02)))
    ask(server, requests, concurrency=most)
    assert server.most == most


@pytest.mark.parametrize(
    "act",
    [
        Act(status=429, headers={"Retry-After": "0.1"}, body=complaint("slow down")),
        Act(status=500, body=b"oops"),
        Act(cut=True),
        Act(pause=STALL),
        Act(trickle=0.05),
    ],
    ids=["429", "500", "cut", "stall", "trickle"],
)
def test_what_passes_is_asked_again(serve: Serve, requests: list[Request], act: Act):
    server = serve(once(act))
    rows = ask(server, requests[:3], timeout=0.5 if act.pause or act.trickle else 10.0)
    assert {row.finish for row in rows} == {"stop"}
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Act(status=500, body=complaint("out of\norder")), "answered 500: out of order"),
        (Act(status=400, body=complaint("picture too small")), "answered 400: picture too small"),
        (Act(status=307, headers={"Location": "http://127.0.0.1:1/v1"}, body=b""), "answered 307"),
        (Act(cut=True), "connection to"),
        (Act(pause=STALL), "no whole answer within 0.3 s (attempts: 1)"),
        (Act(trickle=0.05), "no whole answer within 0.3 s"),
        (Act(body=b'{"choices": ['), "is no chat completion"),
        (Act(body=b"[1, 2]"), "is no chat completion"),
        (Act(body=b"\xff\xfe"), "is no chat completion"),
        (Act(body=b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "is no chat completion"),
        (Act(body=b'{"choices": []}'), "holds no choice"),
        (Act(body=b'{"choices": null, "error": {"message": "overloaded"}}'), "holds no choice: overloaded"),
        (Act(body=answer("Fem", "content_filter")), "content filter"),
        (Act(body=answer(None, "tool_calls")), "for the reason 'tool_calls'"),
        (Act(body=b"{}", headers={"Content-Encoding": "gzip"}), "connection to"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stays_is_a_failed_row_with_a_sentence(serve: Serve, requests: list[Request], act: Act, words: str):
    timeout = 0.3 if act.pause or act.trickle else 10.0  # a busy machine must not turn one failure into another
    rows = ask(serve(always(act)), requests[:2], timeout=timeout, max_retries=0)
    assert all(words in (row.error or "") for row in rows), rows[0].error


def test_finish_and_refusal_are_kept(serve: Serve, requests: list[Request]):
    bodies = [answer("So long", "length"), answer(None, "stop", refusal="I cannot say."), answer(None), answer("")]
    rows = ask(serve(lambda number, body: Act(body=bodies[number])), requests[:4], concurrency=1)
    found = [(row.text, row.finish) for row in rows]
    assert found == [("So long", "length"), ("I cannot say.", "stop"), ("", "stop"), ("", "stop")]


def test_an_answer_without_usage_is_an_answer(serve: Serve, requests: list[Request]):
    body = json.dumps(json.loads(answer()) | {"usage": None}).encode()
    [row] = ask(serve(always(Act(body=body))), requests[:1])
    assert (row.text, row.prompt_tokens, row.new_tokens) == ("Female.", None, None)


def test_a_broken_picture_is_never_sent_and_fails_alone(serve: Serve, requests: list[Request], tmp_path: Path):
    (tmp_path / "secret-name-1.png").write_bytes(b"no picture")
    server = serve()
    rows = ask(server, requests[:3], spending=tmp_path / "endpoints.json")
    assert [row.finish for row in rows] == ["stop", "failed", "stop"]
    assert sorted(server.asked) == ["Question 0?", "Question 2?"]
    assert json.loads((tmp_path / "endpoints.json").read_text())["requests"] == 2


def test_the_newer_word_for_the_longest_answer_is_learnt(serve: Serve, requests: list[Request]):
    no = Act(status=400, body=complaint("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."))
    server = serve(lambda number, body: no if "max_tokens" in body else Act())
    assert {row.finish for row in ask(server, requests, concurrency=2)} == {"stop"}
    assert len(server.bodies) <= len(requests) + 2


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Act(status=404, body=complaint("The model does not exist")), "has no model 'face-model'"),
        (Act(status=401, body=complaint("no key")), "export it as OPENAI_API_KEY"),
        (Act(status=429, body=complaint("pay", code="insufficient_quota")), "no credit left"),
    ],
)
def test_what_no_request_can_mend_ends_the_model(serve: Serve, requests: list[Request], act: Act, words: str):
    server = serve(always(act))
    with pytest.raises(AdapterError, match=words):
        ask(server, requests, concurrency=2, max_retries=0)
    assert len(server.bodies) == 2


def test_what_was_answered_before_the_end_is_there(serve: Serve, requests: list[Request]):
    server = serve(lambda number, body: Act() if number < 5 else Act(status=404, body=complaint("gone")))
    rows, error = until_the_end(opened(server, concurrency=3), requests)
    assert isinstance(error, AdapterError)
    assert "gone" in str(error)
    assert len(rows) == 5


def test_a_server_that_fails_every_request_ends_the_model(serve: Serve, requests: list[Request]):
    server = serve(always(Act(status=500, body=complaint("broken"))))
    rows, error = until_the_end(opened(server, concurrency=1, max_retries=0), requests)
    assert isinstance(error, AdapterError)
    assert re.search("last 8 requests.*broken.*--retry-failed", str(error))
    assert len(rows) == len(server.bodies) == 8


def test_a_server_that_is_not_there(requests: list[Request]):
    with serving() as server:
        pass
    rows = ask(server, requests[:2], max_retries=0)
    assert all("is the server running?" in (row.error or "") for row in rows)


def test_a_filter_that_withholds_many_answers_is_no_broken_server(serve: Serve, requests: list[Request]):
    rows = ask(serve(always(Act(body=answer("", "content_filter")))), requests)
    assert {row.finish for row in rows} == {"failed"}


def test_the_budget_of_requests_is_kept_and_a_larger_one_goes_on(serve: Serve, requests: list[Request], tmp_path: Path):
    server = serve(always(Act(pause=0.01)))
    spending = tmp_path / "endpoints.json"
    rows, error = until_the_end(opened(server, spending, max_requests=5, concurrency=4), requests)
    assert isinstance(error, BudgetError)
    assert "--max-requests 5 is used up: 5 requests" in str(error)
    assert len(rows) == len(server.bodies) == 5
    left = [request for request in requests if request.key not in {row.key for row in rows}]
    nothing, again = until_the_end(opened(server, spending, max_requests=5), left)
    assert (nothing, type(again), len(server.bodies)) == ([], BudgetError, 5)
    rest, end = until_the_end(opened(server, spending, max_requests=12), left)
    assert end is None
    assert {row.key for row in rows + rest} == {request.key for request in requests}
    assert len(set(server.asked)) == len(server.asked) == 12


def test_repeats_count_and_are_not_sent_beyond_the_budget(serve: Serve, requests: list[Request]):
    no = Act(status=429, headers={"Retry-After": "0.05"}, body=complaint("slow down"))
    server = serve(lambda number, body: Act() if number == 0 else no)
    rows, error = until_the_end(opened(server, max_requests=4, max_retries=9, concurrency=1), requests)
    assert isinstance(error, BudgetError)
    assert len(server.bodies) == 4
    assert [row.finish for row in rows] == ["stop"]


@pytest.mark.parametrize("concurrency", [1, 6])
def test_the_budget_of_dollars_is_never_exceeded(serve: Serve, requests: list[Request], concurrency: int):
    # An answer costs 100 * 10 + 3 * 100 millionths of a dollar; before any is known, 32,000 * 10 + 5 * 100 are feared.
    server = serve(always(Act(pause=0.01)))
    prices = {"price_in": 10.0, "price_out": 100.0}
    engine = opened(server, max_cost=0.33, concurrency=concurrency, **prices)
    rows = [row for batch in engine.generate(requests, Decoding(max_new_tokens=5)) for row in batch]
    assert len(rows) == 12
    assert engine.budget.spent.cost == pytest.approx(12 * 1300e-6)
    rows, error = until_the_end(opened(server, max_cost=0.32, concurrency=concurrency, **prices), requests)
    assert (rows, type(error)) == ([], BudgetError)


def test_an_attempt_whose_end_nobody_saw_costs_the_most_it_can(serve: Serve, requests: list[Request]):
    server = serve(once(Act(cut=True)))
    engine = opened(server, price_in=10.0, price_out=100.0)
    list(engine.generate(requests[:1], Decoding(max_new_tokens=5)))
    assert engine.budget.spent.cost == pytest.approx((32_000 * 10 + 5 * 100 + 1300) / 1e6)
    refused = opened(serve(once(Act(status=500))), price_in=10.0, price_out=100.0)
    list(refused.generate(requests[:1], Decoding(max_new_tokens=5)))
    assert refused.budget.spent.cost == pytest.approx(1300 / 1e6)
    assert refused.budget.spent.requests == 2


def test_breaking_off_leaves_no_request_under_way(serve: Serve, requests: list[Request]):
    server = serve(lambda number, body: Act(pause=0.0 if number == 0 else STALL))
    batches = opened(server, concurrency=3).generate(requests, Decoding())
    assert len(next(batches)) == 1
    batches.close()
    assert len(server.bodies) <= 4


def test_no_key_no_header(serve: Serve, requests: list[Request]):
    server = serve()
    ask(server, requests[:1])
    assert not set(server.headers[0]) & {"authorization", "api-key"}


def test_the_key_comes_from_the_environment(serve: Serve, requests: list[Request], monkeypatch: pytest.MonkeyPatch):
    server = serve()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", "another-secret")
    ask(server, requests[:1])
    ask(server, requests[:1], api_key_env="OTHER_KEY")
    assert [found["authorization"] for found in server.headers] == [f"Bearer {KEY}", "Bearer another-secret"]


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_a_key_that_a_server_repeats_is_not_repeated(
    serve: Serve, requests: list[Request], monkeypatch: pytest.MonkeyPatch, status: int
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = complaint("x" * 285 + f" Authorization: Bearer {KEY}", code="insufficient_quota")
    server = serve(always(Act(status=status, body=answer(f"Bearer {KEY}") if status == 200 else body)))
    engine = opened(server, max_retries=0)
    found = repr((until_the_end(engine, requests[:1]), engine.identity(), engine.key, engine.options))
    assert KEY[:6] not in found
    assert server.headers[0]["authorization"].endswith(KEY)


def test_who_answered_is_written_down(serve: Serve, requests: list[Request], tmp_path: Path):
    whole = json.loads(answer()) | {"model": "face-model-2026-01-31", "system_fingerprint": "fp_1"}
    server = serve(always(Act(body=json.dumps(whole).encode())))
    ask(server, requests[:3], spending=tmp_path / "endpoints.json")
    found = json.loads((tmp_path / "endpoints.json").read_text())
    assert found["served"] == {f"face-model@{server.url}": ["face-model-2026-01-31 fp_1"]}
    assert (found["requests"], found["prompt_tokens"], found["new_tokens"]) == (3, 300, 9)


def test_headers_of_the_environment_do_not_replace_the_key(
    serve: Serve, requests: list[Request], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer another\nX-Other: 1")
    server = serve()
    ask(server, requests[:1])
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(server, requests[:1])
    assert "authorization" not in server.headers[0]
    assert server.headers[1]["authorization"] == f"Bearer {KEY}"
    assert server.headers[1]["x-other"] == "1"
