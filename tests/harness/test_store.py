"""The run folder: what is written comes back, a torn line does not, two writers do not meet."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.records import Response
from harness.store import RunFolder, write_atomically
from tests.fakes import case

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def row(key: str, text: str = "yes") -> Response:
    return Response(key=key, sample_id=f"s{key}", text=text, finish="stop")


@given(texts=st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_comes_back_verbatim(tmp_path_factory: pytest.TempPathFactory, texts: list[str]):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    rows = [row(str(number), text) for number, text in enumerate(texts)]
    folder.append_responses("m", "q", rows)
    assert list(folder.read_responses("m", "q").values()) == rows


@given(cut=st.integers(min_value=1))
def test_a_store_cut_anywhere_keeps_all_whole_lines_and_goes_on(tmp_path_factory: pytest.TempPathFactory, cut: int):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    rows = [row(str(number), "x" * number) for number in range(6)]
    folder.append_responses("m", "q", rows)
    file = folder.path / "responses" / "m" / "q.jsonl"
    content = file.read_bytes()
    kept = content[: len(content) - 1 - cut % (len(content) - 1)]
    file.write_bytes(kept)
    whole = kept.count(b"\n")
    assert list(folder.read_responses("m", "q").values()) == rows[:whole]
    folder.append_responses("m", "q", [row("new")])
    assert list(folder.read_responses("m", "q").values()) == [*rows[:whole], row("new")]


def test_the_newest_row_of_a_key_counts(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.append_responses("m", "q", [row("a", "old"), row("b")])
    folder.append_responses("m", "q", [row("a", "new")])
    assert folder.read_responses("m", "q")["a"].text == "new"


def test_evidence_comes_back_and_a_line_with_impossible_evidence_is_named(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.append_responses("m", "q", [row("a"), row("b").model_copy(update={"label_scores": {"Male": 0.1}})])
    assert [found.label_scores for found in folder.read_responses("m", "q").values()] == [None, {"Male": 0.1}]
    file = tmp_path / "responses" / "m" / "q.jsonl"
    file.write_text(file.read_text().replace("0.1", "1.5"))
    with pytest.raises(StoreError, match=r"m/q\.jsonl, line 2 is damaged.*sample sb: the evidence for 'Male' is 1.5"):
        folder.read_responses("m", "q")


def test_a_damaged_line_is_named(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.append_responses("m", "q", [row("a")])
    file = tmp_path / "responses" / "m" / "q.jsonl"
    file.write_text("{broken}\n" + file.read_text())
    with pytest.raises(StoreError, match=r"q\.jsonl, line 1 is damaged"):
        folder.read_responses("m", "q")


def test_a_model_name_is_never_a_path(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    folder.append_responses("hf:../../org/name", "q", [row("a")])
    assert [path.name for path in (tmp_path / "run" / "responses").iterdir()] == ["hf%3A..%2F..%2Forg%2Fname"]
    assert "a" in folder.read_responses("hf:../../org/name", "q")


def test_a_second_process_is_refused(tmp_path: Path):
    program = (
        "import sys; from pathlib import Path; from harness.store import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): pass"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with RunFolder(tmp_path).lock():
        refused = subprocess.run(command, capture_output=True, text=True)
    assert "another process is writing" in refused.stderr
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_run_json_is_checked(tmp_path: Path):
    folder = RunFolder(tmp_path)
    assert folder.read_run() is None
    with pytest.raises(StoreError, match="is not a run folder"):
        RunFolder.existing(tmp_path)
    for damaged in ("{", "[]"):
        (tmp_path / "run.json").write_text(damaged)
        with pytest.raises(StoreError, match="is damaged"):
            folder.read_run()
    folder.write_run({"models": ["é"]})
    assert RunFolder.existing(tmp_path).read_run() == {"models": ["é"]}


def test_cases_come_back(tmp_path: Path):
    folder = RunFolder(tmp_path)
    cases = [case(0), case(1, gold={"Smiling": True, "Bald": False}), case(2, error="broken")]
    folder.write_cases("q", cases)
    assert folder.read_cases("q") == cases
    assert "Bald" in json.loads((tmp_path / "samples" / "q.jsonl").read_text().splitlines()[1])["gold"]


def test_an_atomic_write_leaves_nothing_behind(tmp_path: Path):
    write_atomically(tmp_path / "a.txt", "one")
    write_atomically(tmp_path / "a.txt", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "two"
