"""The table of what each model saw: counted again from the files, its words escaped, and absent where unknown."""

import json
from collections import defaultdict

import numpy as np
import pytest

from harness.store import quoted
from reports import gallery, load, page, seen
from tests.reports.conftest import LABELS, MODELS, SCRIPT, make_run
from tests.reports.markup import parsed

QWEN, LLAVA, MANTIS, ONEVISION = MODELS
OWN = f"{QWEN}@own"
WORDS = "resized to between 784 and 50,176 pixels"


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def count(folder, model, draw):
    """Write image tokens into the answers that did not fail; return them by dataset."""
    found = defaultdict(list)
    for name in LABELS:
        path = folder / "responses" / quoted(model) / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            if row["finish"] != "failed":
                row["image_tokens"] = draw()
                found[name.split(".")[0]].append(row["image_tokens"])
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return found


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """One model saw many sizes, one always the same, one was counted by nobody, and one ran under a choice."""
    folder = make_run(tmp_path_factory.mktemp("seen") / "run", samples=9, models=(*MODELS, OWN))
    rng = np.random.default_rng(5)
    tokens = {
        QWEN: count(folder, QWEN, lambda: int(rng.integers(64, 1297))),
        LLAVA: count(folder, LLAVA, lambda: 576),
        OWN: count(folder, OWN, lambda: 64),
    }
    engines = {
        QWEN: {"protocol": {"min_pixels": 200704, "max_pixels": 1003520}, "policy": "resized"},
        LLAVA: {"protocol": {"image_size": 336, "note": SCRIPT}},
        OWN: {"protocol": {"min_pixels": 784, "max_pixels": 50176}, "policy": WORDS + SCRIPT},
        MANTIS: "no mapping at all",
    }
    edit(folder / "run.json", lambda run: run.update(engines=engines, policies={OWN: {"max_pixels": 50176}}))
    return folder, tokens


def table(folder):
    run = load.read(folder)
    return seen.table(run, [gallery.read(run, question) for question in run.questions()])


def test_lowest_median_and_highest_are_those_of_the_files(counted):
    folder, tokens = counted
    found = table(folder)
    assert found.datasets == ("maad", "celeba", "fairface", "utkface", "expw", "raf-db")
    rows = {row.model: row for row in found.rows}
    for model, by_dataset in tokens.items():
        every = [number for numbers in by_dataset.values() for number in numbers]
        parts = zip(
            [*rows[model].datasets, rows[model].all], [*map(by_dataset.get, found.datasets), every], strict=True
        )
        for spread, numbers in parts:
            middle = np.percentile(numbers, 50, method="lower")
            assert (spread.low, spread.middle, spread.high) == (min(numbers), middle, max(numbers))
        assert rows[model].requests == len(every)
    assert rows[MANTIS].all is None
    assert set(rows[MANTIS].datasets) == {None}


def test_policies_in_words_else_in_fields_else_nothing(counted):
    rows = {row.model: row for row in table(counted[0]).rows}
    assert rows[QWEN].policy == "resized"
    assert rows[LLAVA].policy.startswith("image_size 336, note ")
    assert rows[MANTIS].policy == rows[ONEVISION].policy == "not recorded"
    assert rows[OWN].chosen == "max_pixels 50176"


def test_what_must_be_said_is_said(counted):
    chosen, network, unequal = table(counted[0]).notes
    assert chosen.startswith(f"{OWN} was run with max_pixels 50176, in place of")
    changes = "min_pixels 200704 / 784, max_pixels 1003520 / 50176"
    assert network == f"{QWEN} and {OWN} are one architecture under two policies: {changes}."
    assert f"64 image tokens to {OWN}" in unequal


def test_the_last_answer_to_a_key_counts(counted):
    answers = load.Answers()
    row = load.Response(key="k", sample_id="s", finish="stop", image_tokens=64)
    answers.add(row, ())
    answers.add(row.model_copy(update={"image_tokens": 256}), ())
    assert answers.image_tokens == {"k": 256}
    answers.add(row.model_copy(update={"finish": "failed", "image_tokens": None}), ())
    assert answers.image_tokens == {}


def test_the_page_has_it_escaped_and_stays_well_formed(counted):
    html = page.render(load.read(counted[0]))
    checked = parsed(html)
    assert checked.open == []
    assert "seen" in checked.ids
    section = html[html.index('<section id="seen"') :].split("</section>")[0]
    assert WORDS in section
    assert SCRIPT not in html
    assert "chosen for this run: max_pixels 50176" in section
    assert ">576<" in section.replace("\n", "")


def test_a_run_of_before_there_was_a_count_is_shown_without_the_table(tmp_path):
    folder = make_run(tmp_path / "run", samples=3)
    edit(folder / "run.json", lambda run: run.pop("engines"))
    html = page.render(load.read(folder))
    assert not table(folder).any
    assert "What each model saw" not in html
    assert 'href="#seen"' not in html


def test_numbers_alike_are_one_number():
    assert seen.spread([]) is None
    assert seen.spread([576, 576]).text == "576"
    assert seen.spread([1296, 64, 256]).text == "64 / 256 / 1,296"


def test_a_model_that_sees_one_dataset_finer_than_another_is_named(tmp_path):
    folder = make_run(tmp_path / "run", samples=3, models=(QWEN,))
    count(folder, QWEN, lambda: 256)
    path = folder / "responses" / QWEN / "celeba.jsonl"
    path.write_text(path.read_text().replace('"image_tokens": 256', '"image_tokens": 3328'))
    assert table(folder).notes == (
        f"{QWEN} does not see all datasets alike: 256 image tokens of a typical MAAD request, 3,328 of one of CelebA.",
    )
