"""What a user chooses about endpoints, where the key comes from, and the account of what was spent."""

from pathlib import Path

import pytest

from harness.engines.budget import Budget
from harness.engines.endpoint import EndpointOptions, Key, loopback
from harness.errors import ConfigError, StoreError

LOCAL, LAN, HOSTED = "http://127.0.0.1:8000/v1", "http://gpu7:8000/v1", "https://api.example.com/v1"
KEY = "sk-a-secret-that-nobody-may-see"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def test_a_limit_on_the_cost_needs_both_prices():
    for prices in ({}, {"price_in": 1.0}, {"price_out": 1.0}):
        with pytest.raises(ConfigError, match="give --price-in and --price-out"):
            EndpointOptions(max_cost=1.0, **prices).check()
    EndpointOptions(max_cost=1.0, price_in=0.0, price_out=1.0).check()


@pytest.mark.parametrize("given", [KEY, "SECRETTHATISNOVARIABLE", "", "A B"])
def test_a_key_in_place_of_its_variable_is_not_repeated(given: str):
    with pytest.raises(ConfigError, match="--api-key-env") as caught:
        EndpointOptions(api_key_env=given).check()
    assert not given or given not in str(caught.value)


def test_the_usual_key_never_travels_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch):
    usual = EndpointOptions()
    assert [bool(usual.key_for(url)) for url in (LOCAL, LAN, HOSTED)] == [True, False, True]
    assert usual.key_for(LAN).withheld
    monkeypatch.setenv("LAN_KEY", "another-secret")
    named = EndpointOptions(api_key_env="LAN_KEY")
    assert [named.key_for(url).reveal() for url in (LOCAL, LAN, HOSTED)] == ["another-secret"] * 3


@pytest.mark.parametrize("value", [f"{KEY}\nX-Header: 1", f"{KEY} {KEY}", f"{KEY}\u00e9", f"{KEY}\\"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(ConfigError, match="no key has") as caught:
        EndpointOptions().key_for(LOCAL)
    assert KEY not in str(caught.value)


def test_white_space_around_a_key_is_none_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert EndpointOptions().key_for(LOCAL).reveal() == KEY


def test_what_is_hidden():
    assert Key(KEY).hidden(f"Bearer {KEY}.") == "Bearer [key]."
    assert Key("EMPTY").hidden("The chair is EMPTY.") == "The chair is EMPTY."
    assert Key("").hidden("Nothing.") == "Nothing."
    assert KEY not in f"{Key(KEY)} {Key(KEY)!r}"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (LOCAL, True),
        ("http://localhost/v1", True),
        ("http://[::1]:80/v1", True),
        (LAN, False),
        ("http://127.0.0.1.example.com", False),
        ("http://0.0.0.0:8000/v1", False),
    ],
)
def test_which_addresses_are_this_machines_own(url: str, own: bool):
    assert loopback(url) is own


def test_charges_survive_a_killed_process(tmp_path: Path):
    file = tmp_path / "endpoints.json"
    options = EndpointOptions(max_requests=2, price_in=1.0, price_out=1.0)
    assert Budget(options, file).ticket(100) is not None  # and then nothing: killed before the answer
    later = Budget(options, file)
    assert later.spent.requests == 1
    assert later.spent.cost == pytest.approx(0.0321)
    assert later.ticket(100) is not None
    assert later.ticket(100) is None


def test_what_an_answer_took_replaces_what_was_feared(tmp_path: Path):
    budget = Budget(EndpointOptions(price_in=1.0, price_out=10.0), tmp_path / "endpoints.json")
    ticket = budget.ticket(100)
    assert ticket is not None
    assert ticket.attempt()
    ticket.answered(200, 5)
    ticket.drop()  # it was sent, so there is nothing to give back
    budget.flush()
    spent = Budget(EndpointOptions(), tmp_path / "endpoints.json").spent
    assert (spent.requests, spent.prompt_tokens, spent.new_tokens, spent.longest_prompt) == (1, 200, 5, 200)
    assert spent.cost == pytest.approx(250e-6)
    assert budget.charge(100) == pytest.approx((2 * 200 + 10 * 100) / 1e6)


def test_a_damaged_account_is_a_sentence(tmp_path: Path):
    (tmp_path / "endpoints.json").write_text("{")
    with pytest.raises(StoreError, match=r"endpoints\.json is damaged.*remove it"):
        Budget(EndpointOptions(), tmp_path / "endpoints.json")
