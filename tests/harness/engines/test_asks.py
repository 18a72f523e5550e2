"""Requests for options are taken apart and put together again: nothing is lost, doubled or mixed up.

The networks are miniatures; the oracle for their evidence is one plain forward pass, without generate.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters.registry import names, spec
from harness.engines import EngineOptions, open_engine
from harness.engines.asks import answers, ask_by_ask
from harness.errors import AdapterError
from harness.images import read
from harness.records import Ask, Decoding, ImageRef, Request, Response
from tasks.asks import offer
from tasks.registry import QUESTIONS
from tests.fakes import ScriptedEngine, picture

AB = ("A", "B")
WITH_WORDS = [name for name in names() if spec(name).group == "mllm" and spec(name).listed and name != "faceinsight"]


class Chooser:
    """Has `choose`, which is all that is looked at."""

    def choose(self):
        raise NotImplementedError


def request(number, asks):
    made = [Ask(text=f"{number}.{place}", options=AB, labels=(f"l{place}", None)) for place in range(asks)]
    return Request(key=f"k{number}", sample_id=f"s{number}", image=ImageRef(path="x.png"), text="?", asks=tuple(made))


def answer(one):
    """To one ask, with evidence that its words decide."""
    number, place = map(int, one.text.split("."))
    share = (number * 7 + place) % 10 / 10
    return Response(
        key=one.key, sample_id=one.sample_id, text="A" if share > 0.5 else "B", finish="stop", seconds=1.0,
        prompt_tokens=3, new_tokens=1, image_tokens=2, label_scores={"A": share, "B": 1 - share}, option_mass=share,
    )  # fmt: skip


@given(sizes=st.lists(st.integers(0, 5), max_size=6), batch=st.integers(1, 4), random=st.randoms())
def test_each_request_is_answered_once_whatever_order_its_asks_come_back_in(sizes, batch, random):
    asked = [request(number, asks) for number, asks in enumerate(sizes)]

    def generate(singles):
        waiting = list(singles)
        assert [one.sample_id for one in waiting if one.asks] == [one.sample_id for one in asked for _ in one.asks]
        random.shuffle(waiting)
        while waiting:
            part, waiting = waiting[:batch], waiting[batch:]
            yield [
                answer(one) if one.asks else Response(key=one.key, sample_id=one.sample_id, text="hm", finish="stop")
                for one in part
            ]

    rows = {row.key: row for rows in ask_by_ask(Chooser(), asked, generate) for row in rows}
    assert sorted(rows) == sorted(one.key for one in asked)
    for number, one in enumerate(asked):
        row, shares = rows[one.key], [(number * 7 + place) % 10 / 10 for place in range(sizes[number])]
        assert row.sample_id == one.sample_id
        if not shares:
            assert (row.text, row.label_scores) == ("hm", None)
            continue
        assert row.label_scores == {f"l{place}": share for place, share in enumerate(shares)}
        assert row.text == " ".join("A" if share > 0.5 else "B" for share in shares)
        assert row.option_mass == pytest.approx(sum(shares) / len(shares))
        assert (row.seconds, row.prompt_tokens, row.new_tokens) == (len(shares), 3 * len(shares), len(shares))
        assert row.image_tokens == 2


def test_an_ask_without_an_answer_fails_its_request_and_no_other():
    def generate(singles):
        for one in singles:
            bad = one.text == "0.1"
            yield [Response(key=one.key, sample_id="", finish="failed", error="no room") if bad else answer(one)]

    first, second = (row for rows in ask_by_ask(Chooser(), [request(0, 3), request(1, 3)], generate) for row in rows)
    assert (first.key, first.sample_id, first.finish, first.error) == ("k0", "s0", "failed", "no room")
    assert (second.key, second.finish) == ("k1", "stop")


def test_a_model_that_cannot_choose_is_refused():
    with pytest.raises(AdapterError, match="answers in free text alone"):
        list(ask_by_ask(object(), [request(0, 1)], lambda singles: ([answer(one)] for one in singles)))


def test_an_engine_that_does_not_know_of_asks_is_found_out():
    with pytest.raises(AdapterError, match="scripted answers in free text alone"):
        list(answers(ScriptedEngine(), "scripted", [request(0, 1)], Decoding()))
    plain = request(0, 0)
    assert [row.key for rows in answers(ScriptedEngine(), "scripted", [plain], Decoding()) for row in rows] == ["k0"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return [picture(folder / f"{number}.png", number, (60 + number, 50)) for number in range(3)]


def ask_for(name, path):
    asked = QUESTIONS[name]
    ref = ImageRef(path=path)
    return Request(key=f"{name} {path.name}", sample_id=path.name, image=ref, text="?", asks=offer(asked).asks)


@pytest.mark.parametrize("name", WITH_WORDS)
def test_evidence_is_that_of_a_plain_forward_pass(name, pictures):
    engine = open_engine(spec(name), EngineOptions(device="cpu", dtype="float32", batch_size=4))
    requests = [ask_for(question, path) for question in ("expw", "fairface.age") for path in pictures]
    rows = {row.key: row for batch in engine.generate(requests, Decoding(max_new_tokens=1)) for row in batch}
    for one in requests:
        (ask,) = one.asks
        batch = engine.model.batch([engine.model.image(read(one.image))], [ask.text])
        with torch.inference_mode():
            last = engine.model.model(**batch.to("cpu", torch.float32)).logits[0, -1].double().softmax(0)
        tokens = engine.model.options.of(ask.options)
        masses = {option: float(last[list(ids)].sum()) for option, ids in tokens.items()}
        whole = sum(masses.values())
        by_label = {label: masses[option] / whole for option, label in zip(ask.options, ask.labels, strict=True)}
        assert rows[one.key].label_scores == pytest.approx(by_label, rel=1e-3)
        assert rows[one.key].option_mass == pytest.approx(whole, rel=1e-3)
        assert ask.labels[ask.options.index(rows[one.key].text)] == max(by_label, key=by_label.__getitem__)


def test_attributes_are_asked_one_by_one(pictures):
    engine = open_engine(spec("qwen2.5-vl-7b"), EngineOptions(device="cpu", dtype="float32", batch_size=16))
    request = ask_for("celeba", pictures[0])
    [row] = [row for batch in engine.generate([request], Decoding(max_new_tokens=1)) for row in batch]
    assert list(row.label_scores) == [ask.labels[0] for ask in request.asks]
    alone = [one.model_copy(update={"asks": (ask,)}) for ask in request.asks[:3] for one in [request]]
    rows = [row for batch in engine.generate(alone, Decoding(max_new_tokens=1)) for row in batch]
    found = {label: value for row in rows for label, value in row.label_scores.items()}
    assert found == pytest.approx({label: row.label_scores[label] for label in found}, rel=1e-3)
