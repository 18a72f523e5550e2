"""What is written about fidelity is what the proofs say: the page of cards, the README's table, and no remote code."""

import re
import subprocess
from pathlib import Path

import pytest

from adapters.registry import spec
from docs import cards
from tests import goldens

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORD = "trust" + "_remote_code"


def test_the_page_of_cards_is_current():
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == cards.page(), "run `python -m docs.cards`"


PROVEN = sorted(file.parent.name for file in goldens.FOLDER.glob("*/note.toml"))


@pytest.mark.parametrize("name", [name for name in PROVEN if spec(name).group == "mllm"])
def test_the_table_of_the_readme_has_a_row_per_proof(name):
    note = goldens.note(name)
    (row,) = re.findall(rf"^\| {re.escape(name)} \|.*$", README, re.MULTILINE)
    assert note["revision"][:7] in row
    ids, pixels, logits, tokens = (cell.strip() for cell in row.split("|")[3:7])
    assert ids == tokens == "equal"
    assert float(pixels) <= 1e-5
    assert float(logits) <= 1e-4


def test_remote_code_is_named_in_one_sentence_only():
    done = subprocess.run(["git", "grep", "-l", WORD], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        pytest.skip("not a git checkout")
    assert done.stdout.splitlines() == ["README.md"]
    assert README.count(WORD) == 1
