"""The floors' miniatures in the repository: small, without pickles, and as good on new faces as their cards say."""

import re

import pytest

from adapters.registry import spec
from adapters.spec import MINIATURES
from harness.floors import NAMES
from harness.miniatures import corpus, evaluate
from tasks.labels import SPACE_NAMES
from tasks.toy import write_toy

FACES = 24
QUESTIONS = ("celeba", "fairface.gender", "raf-db")


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """Faces of a seed that no training and no card has used."""
    root = write_toy(tmp_path_factory.mktemp("toy"), test=FACES, train=1, seed=78)
    return [lesson for lesson in corpus.lessons(root, "test") if lesson.question in QUESTIONS]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_answers_as_its_card_says(name, lessons):
    folder = MINIATURES / name
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 3e6
    assert {file.suffix for file in files} <= {".json", ".md", ".safetensors"}
    known = spec(name).fitted("tiny")
    assert {space for space in SPACE_NAMES if known.answers_in(space)} == set(SPACE_NAMES) - {"raf-db.compound"}
    card = (folder / "README.md").read_text(encoding="utf-8")
    for question, row in evaluate.evaluate(evaluate.load(name, folder), lessons).items():
        assert row.statuses == {"parsed": FACES}
        said = float(re.search(rf"^\| {re.escape(question)} \| \d+ \| ([\d.]+) \|", card, re.MULTILINE)[1])
        assert abs(row.accuracy - said) < (0.06 if question == "celeba" else 0.35)
        assert name != "clip-probe" or row.accuracy > row.baseline
