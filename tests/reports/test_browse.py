"""The data of the sample browser: complete, once each, capped, cut, and without a character that HTML would read."""

import base64
import json
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Case, ImageRef
from reports import browse, gallery, load, picks
from reports.browse import Browser
from reports.style import visible
from tests.reports.conftest import make_run

LABEL = "</script><!--<script>\u2028\u202e&'\""
EVIL = f"{LABEL}\ud800"  # no file can hold half a character


def browser_of(folder):
    run = load.read(folder)
    browser = Browser(run)
    for question in run.questions():
        browser.add(question.name, gallery.read(run, question, browser.most))
    return browser


def unpacked(block):
    """What the page's own script makes of a block."""
    found = json.loads(block)
    return found | json.loads(zlib.decompress(base64.b64decode(found["packed"])))


@pytest.fixture(scope="module")
def data(run_folder):
    return unpacked(browser_of(run_folder).block())


def rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_answer_of_the_run_is_in_with_its_status_labels_and_words(data, run_folder):
    cases = {(data["questions"][case[0]][0], case[1]): case for case in data["cases"]}
    for place, (model, _) in enumerate(data["models"]):
        for question, *_ in data["questions"]:
            answers = {row["key"]: row for row in rows(run_folder / "responses" / model / f"{question}.jsonl")}
            for said in rows(run_folder / "predictions" / model / f"{question}.jsonl"):
                status, _, labels, reply = cases[question, said["sample_id"]][-1][place]
                assert data["statuses"][status] == said["status"]
                assert [data["labels"][x] for x in labels] == ([said["label"]] if said["label"] else said["yes"])
                words = "".join(data["strings"][piece[0]] for piece in data["replies"][reply][0])
                assert words == visible(answers[said["key"]]["text"][: browse.CUT])


def test_each_picture_is_in_once(data):
    assert len(data["cases"]) == 200
    assert len(data["thumbs"]) == len(set(data["thumbs"])) == 19  # of twenty faces one is gone
    assert {case[2] for case in data["cases"] if case[1] == "000007.jpg"} == {
        next(case[2] for case in data["cases"] if isinstance(case[2], str))
    }


def test_marks_are_those_of_the_gallery(data):
    verdicts = [piece[1] for reply in data["replies"] for piece in reply[0]]
    assert set(verdicts) == {0, 1, 2, 3}


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_escaped_json_is_ascii_without_markup_and_reads_the_same(value):
    block = str(browse.escaped([value, EVIL]))
    assert block.isascii()
    assert not set("<>&") & set(block)
    assert json.loads(block) == [value, EVIL]


def test_hostile_labels_stay_in_the_block(small_run):
    file = small_run / "samples" / "expw.jsonl"
    file.write_text("".join(json.dumps(row | {"gold": LABEL}) + "\n" for row in rows(file)))
    block = str(browser_of(small_run).block())
    assert not re.search(r"[<>&\u2028\u202e]", block)
    assert visible(LABEL) in unpacked(block)["labels"]


def test_a_long_answer_is_cut_and_says_so(data):
    cuts = [data["strings"][reply[4]] for reply in data["replies"]]
    assert [cut for cut in cuts if cut.startswith("20,000 of 1,0")]


def test_a_run_of_more_samples_than_fit_keeps_the_cards_and_says_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr(browse, "FACES", 28)
    folder = make_run(tmp_path / "run", samples=20, questions=("maad", "expw"))
    browser = browser_of(folder)
    assert (browser.most, browser.shown, browser.total) == (14, 28, 40)
    run = load.read(folder)
    asked = gallery.read(run, run.questions()[0], 14)
    assert [case.sample_id for case in asked.browsed][: len(asked.cards)] == [card.sample_id for card in asked.cards]


def test_the_rest_is_drawn_by_hash_whatever_the_order_of_the_dataset():
    cases = [Case(key=str(n), sample_id=f"s{n}", image=ImageRef(path="x"), gold="a", text="?") for n in range(100)]
    chosen = picks.first(cases, [picks.Pick(cases[7], ("refused",))], 20)
    assert chosen[0] is cases[7]
    assert chosen == picks.first(cases[::-1], [picks.Pick(cases[7], ("refused",))], 20)
    assert len({case.sample_id for case in chosen}) == 20
