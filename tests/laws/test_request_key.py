"""Law: a request's key ignores the path and changes with one pixel, one word or one setting."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.images import digest, read
from harness.plan import Planner
from harness.records import Decoding, ImageRef, Request, request_key
from tasks.asks import offer
from tasks.registry import QUESTIONS, question, samples
from tasks.toy import write_toy
from tests.fakes import case, planned

GENDER = question("fairface.gender")


def plan_one(path: Path, decoding: Decoding | None = None) -> str:
    planner = Planner(path.parent, decoding or Decoding(), limit=None, seed=0)
    (picture,) = planner.look([ImageRef(path=path)])
    return planner.key(path.name, picture, GENDER.render().text)


def test_the_path_does_not_matter(tmp_path: Path):
    image = Image.effect_noise((16, 16), 50).convert("RGB")
    for name in ("25_1_2_leaky_label.png", "other.png"):
        image.save(tmp_path / name)
    assert plan_one(tmp_path / "25_1_2_leaky_label.png") == plan_one(tmp_path / "other.png")


@given(x=st.integers(0, 15), y=st.integers(0, 11), channel=st.integers(0, 2), change=st.integers(1, 255))
def test_one_pixel_matters(x: int, y: int, channel: int, change: int):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    before = digest(Image.fromarray(pixels))
    pixels[y, x, channel] = (int(pixels[y, x, channel]) + change) % 256
    assert digest(Image.fromarray(pixels)) != before


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=2, unique=True))
def test_pixels_and_words_do_not_run_into_each_other(pairs: list[tuple[str, str]]):
    first, second = (request_key(pixels.replace("\0", ""), text, Decoding()) for pixels, text in pairs)
    assert (first == second) == (
        (pairs[0][0].replace("\0", ""), pairs[0][1]) == (pairs[1][0].replace("\0", ""), pairs[1][1])
    )


@pytest.mark.parametrize(
    "other", [Decoding(max_new_tokens=9), Decoding(temperature=0.5), Decoding(stop=("\n",)), Decoding(seed=1)]
)
def test_decoding_matters(other: Decoding):
    assert request_key("p", "w", Decoding()) != request_key("p", "w", other)


def test_a_repaired_image_is_a_new_request(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(b"broken")
    broken = plan_one(path)
    Image.new("RGB", (4, 4)).save(path)
    assert plan_one(path) != broken


def test_a_request_holds_no_gold_label():
    assert not {"gold", "label", "group"} & set(Request.model_fields)
    shown = set(planned([case(0)]).request(case(0)).model_dump())
    assert shown == {"key", "sample_id", "image", "text", "space", "asks"}


@pytest.mark.parametrize("name", QUESTIONS)
def test_asking_for_options_is_another_request(name: str):
    asks = offer(QUESTIONS[name]).asks
    turned = asks[0].model_copy(update={"options": asks[0].options[::-1]})
    ways = [(), asks, asks[1:] or asks * 2, (turned, *asks[1:])]
    assert len({request_key("p", "w", Decoding(), way) for way in ways}) == len(ways)


@given(st.lists(st.integers(0, 5)))
def test_each_key_is_asked_once_for_its_first_case(numbers: list[int]):
    rows = planned([case(number) for number in numbers])
    assert list(rows.first) == list(dict.fromkeys(row.key for row in rows.cases))
    assert all(rows.keys.index(key) == place for key, place in rows.first.items())


def test_the_cases_of_a_plan_are_the_knownof_its_question(tmp_path: Path):
    root = write_toy(tmp_path, test=5, train=0, seed=0, datasets=["expw"])
    plan = Planner(root, Decoding(), limit=None, seed=0).plan(question("expw"))
    known = list(samples("expw", root).samples)
    cases = list(plan.cases)
    assert [(one.sample_id, one.gold, one.image, one.group) for one in cases] == [
        (one.id, one.gold, one.image, one.group) for one in known
    ]
    assert [one.key for one in cases] == list(plan.keys)
    assert [one.size for one in cases] == [read(one.image).size for one in known]
    assert list(plan.cases[1:4]) == cases[1:4]
    assert plan.cases[-1] == cases[-1]
