"""What is exported is what the store holds, whoever reads it: pyarrow, pandas, `datasets`, and the schema."""

import json
import socket
import tracemalloc
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from docs.results import schema as json_schema
from harness.errors import StoreError
from harness.export import columns, export, parquet, results, rows
from harness.export.answers import Answers
from harness.records import Case, ImageRef, Response
from harness.rescore import rescore
from harness.store import RunFolder, rows_file
from tasks.registry import question
from tests.fakes import picture

HOSTILE = (
    "a\0nul",
    "line\nend\r\n\x1b[31m",
    "\u202eevil\u202c \ufeff\u2028",
    "astral \U0001f600 \U0010ffff",
    "'; drop table x; -- <script>",
    "../../etc/passwd",
    "",
)
MODELS = ("hf:org/na+me", "muté")
QUESTIONS = ("fairface.gender", "fairface.gender+terse", "celeba")


def gold_of(name: str, number: int):
    if name == "celeba":
        return {"Smiling": bool(number % 2), "Eyeglasses": False}
    return ("Male", "Female")[number % 2]


def answer_of(case: Case, number: int, model: str) -> Response | None:
    common = {"key": case.key, "sample_id": case.sample_id}
    if number == 8 and model == MODELS[1]:
        return None  # not asked yet
    if number == 7:
        return Response(**common, finish="failed", error="it broke\0 down")
    text = HOSTILE[number % 7] + (" The person is female, smiling." if number % 3 else "")
    if number == 6:
        text = "x" * 1_000_000 + " male"
    counts = {"seconds": 0.25, "prompt_tokens": 9, "new_tokens": 3, "image_tokens": 16}
    scores = {"Male": 0.25, "Female": 0.75} if isinstance(case.gold, str) and number % 2 else None
    return Response(**common, text=text, finish="stop", label_scores=scores, **counts)


def make(path: Path, size: int = 10) -> RunFolder:
    folder = RunFolder(path)
    asked = [question(name) for name in QUESTIONS]
    folder.write_run(
        {
            "name": "made +up\0",
            "profile": "tiny",
            "models": list(MODELS),
            "questions": [one.model_dump(mode="json") for one in asked],
            "prompts": {one.name: one.render().model_dump(mode="json") for one in asked},
            "data_root": str(path / "data"),
        }
    )
    for one in asked:
        cases = [_case(path, one.name, number) for number in range(size)]
        folder.write_cases(one.name, cases)
        for model in MODELS:
            found = [answer_of(case, number, model) for number, case in enumerate(cases)]
            # Newest first on disk, with an older answer to the first that must not count.
            old = Response(key=cases[0].key, sample_id=cases[0].sample_id, finish="failed", error="old")
            folder.append_responses(model, one.name, [old, *filter(None, reversed(found))])
    return folder


def _case(path: Path, name: str, number: int) -> Case:
    file = path / "data" / f"{number}.png"
    return Case(
        key=f"{name} {number}",
        sample_id=f"{number} {HOSTILE[number % 7]}",
        image=ImageRef(path=file, box=(1, 2, 9, 10) if number % 2 else None),
        gold=gold_of(name, number),
        group={"race": "Ind\0ian"} if number % 2 else {},
        text=question(name).render().text,
        size=(8, 8),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    cache = tmp_path_factory.mktemp("cache")
    path = tmp_path_factory.mktemp("export") / "run"
    for number in range(9):  # the tenth is gone
        picture(path / "data" / f"{number}.png", number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACE_HARNESS_CACHE", str(cache))
        made = make(path)
        done = export(made)
    assert done.responses == 2 * 3 * 10
    assert done.scores == 6
    return made


def stored(folder: RunFolder):
    """Every row that is to be exported, put together from the store's own readers."""
    for name in QUESTIONS:
        for model in MODELS:
            said = folder.read_responses(model, name)
            read = {one.sample_id: one for one in folder.stream_predictions(model, name)}
            for case in folder.read_cases(name):
                yield name, model, case, said.get(case.key), read.get(case.sample_id)


def tables(folder: RunFolder, tmp_path: Path) -> dict[str, list[dict]]:
    """The rows as each reader sees them, lists made plain."""
    import datasets

    file = folder.path / "export" / "responses.parquet"
    loaded = datasets.load_dataset(str(file.parent), "responses", split="test", cache_dir=str(tmp_path))
    frame = pd.read_parquet(file, dtype_backend="pyarrow")
    frame = frame.astype(object).where(frame.notna(), None)
    return {"pyarrow": pq.read_table(file).to_pylist(), "datasets": list(loaded), "pandas": frame.to_dict("records")}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def plain(value):
    return [dict(one) if isinstance(one, dict) else one for one in value] if hasattr(value, "__len__") else value


def test_all_readers_see_what_the_store_holds(folder: RunFolder, tmp_path: Path, offline: None):
    for reader, found in tables(folder, tmp_path).items():
        expected = list(stored(folder))
        assert len(found) == len(expected)
        for row, (name, model, case, said, read) in zip(found, expected, strict=True):
            where = f"{reader}: {model} on {name}, {case.sample_id!r}"
            assert (row["question"], row["model"], row["sample_id"], row["key"]) == (
                *(name, model),
                *(case.sample_id, case.key),
            ), where
            assert row["run"] == "made +up\0"
            assert row["plain_question"] == name.removesuffix("+terse")
            assert row["prompt"] == case.text
            assert row["image_path"] == case.image.path.name
            assert (None if row["image_box"] is None else tuple(row["image_box"])) == case.image.box
            group = {one["column"]: one["value"] for one in plain(row["group"])}
            assert group == case.group
            attributes = row["gold_attributes"]
            gold = row["gold"] if attributes is None else {one["label"]: one["present"] for one in plain(attributes)}
            assert gold == case.gold
            same(row, said, read, where)


def same(row, said, read, where):
    fields = ("finish", "error", "seconds", "prompt_tokens", "new_tokens", "image_tokens")
    assert row["answer"] == (said.text if said else None), where
    assert {name: row[name] for name in fields} == {name: getattr(said, name) if said else None for name in fields}
    evidence = None if row["evidence"] is None else {one["label"]: one["score"] for one in plain(row["evidence"])}
    assert evidence == (said.label_scores if said else None)
    assert (row["status"], row["label"]) == ((read.status, read.label) if read else (None, None)), where
    if read and row["gold_attributes"] is not None:
        assert (tuple(row["labels_yes"]), tuple(row["labels_no"])) == (read.yes, read.no)
    else:
        assert row["labels_yes"] is None


def test_the_digest_is_of_the_pixels(folder: RunFolder):
    from harness.images import digest, read

    for row in pq.read_table(folder.path / "export" / "responses.parquet").to_pylist():
        file = folder.path / "data" / row["image_path"]
        box = row["image_box"]
        there = digest(read(ImageRef(path=file, box=box and tuple(box)))) if file.exists() else None
        assert row["image_digest"] == there


def test_accuracy_can_be_summed_from_the_rows(folder: RunFolder):
    table = pd.read_parquet(folder.path / "export" / "responses.parquet")
    scored = table[table["right"].notna()]
    sums = scored.groupby(["model", "question"])[["right", "cells"]].sum()
    scores = folder.read_scores()
    assert len(sums) == len(scores) == 6
    for score in scores:
        row = sums.loc[(score.model, score.question)]
        assert row["right"] / row["cells"] == pytest.approx(score.metrics["accuracy"].value)
        counted = table[(table["model"] == score.model) & (table["question"] == score.question)]["status"]
        assert counted.value_counts().to_dict() == {name: count for name, count in score.counts.items() if count}


def test_scores_are_those_of_the_run(folder: RunFolder, tmp_path: Path, offline: None):
    import datasets

    loaded = datasets.load_dataset(str(folder.path / "export"), "scores", split="test", cache_dir=str(tmp_path))
    for row, score in zip(loaded, folder.read_scores(), strict=True):
        assert (row["model"], row["question"], row["n"], row["scored"]) == (
            *(score.model, score.question),
            *(score.n, score.scored),
        )
        assert {name: row[f"count_{name}"] for name in score.counts} == score.counts
        for name, estimate in score.metrics.items():
            assert (row[name], row[f"low_{name}"], row[f"high_{name}"]) == (estimate.value, estimate.low, estimate.high)
        assert {name: row[f"baseline_{name}"] for name in score.baseline} == score.baseline
        assert {one["label"]: one["value"] for one in row["average_precision"]} == score.average_precision


def test_results_follow_their_schema(folder: RunFolder):
    file = folder.path / "export" / results.FILE
    found = results.read(file)
    assert found.scores == tuple(folder.read_scores())
    assert [one.name for one in found.questions] == list(QUESTIONS)
    assert [(one.plain, one.variant) for one in found.questions][1] == ("fairface.gender", "terse")
    assert found.questions[0].labels == ("Male", "Female")
    assert found.run.name == "made +up\0"
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(file.read_text()))
    with pytest.raises(ValidationError):
        results.Results.model_validate(found.model_dump() | {"version": 2})


def test_types_do_not_depend_on_what_there_is(folder: RunFolder, tmp_path: Path):
    empty = RunFolder(tmp_path)
    empty.write_run({"name": "x", "models": [], "questions": [question("expw").model_dump(mode="json")]})
    export(empty, tmp_path / "out")
    for name in ("responses", "scores"):
        full = pq.read_schema(folder.path / "export" / f"{name}.parquet")
        assert pq.read_schema(tmp_path / "out" / f"{name}.parquet").equals(full, check_metadata=True)
    described = {field.name: field.metadata[b"description"].decode() for field in full}
    assert described == {column.name: column.words for column in columns.SCORES}


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=200)), min_size=1, max_size=30))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives(tmp_path: Path, texts):
    made = [
        {"sample_id": name, "answer": text, "gold_attributes": [{"label": name, "present": True}]}
        for name, text in texts
    ]
    file = tmp_path / "x.parquet"
    assert parquet.write(file, columns.schema(columns.RESPONSES), iter(made)) == len(made)
    for row, want in zip(pq.read_table(file).to_pylist(), made, strict=True):
        assert {name: row[name] for name in want} == want
    assert [one.name for one in tmp_path.iterdir()] == ["x.parquet"]


def test_half_a_surrogate_pair_can_be_stored_nowhere(tmp_path: Path):
    with pytest.raises(PydanticSerializationError):
        RunFolder(tmp_path).append_responses(
            "m", "expw", [Response(key="k", sample_id="i", text="\ud800", finish="stop")]
        )
    with pytest.raises(UnicodeEncodeError):
        parquet.write(tmp_path / "x.parquet", columns.schema(columns.RESPONSES), [{"answer": "\ud800"}])
    assert not (tmp_path / "x.parquet").exists()


def test_row_groups_hold_few_rows_or_few_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "ROWS", 4)
    monkeypatch.setattr(parquet, "CHARACTERS", 100)
    lengths = [0, 0, 0, 0, 0, 99, 1, 500, None, 10]
    made = [{"answer": None if length is None else "x" * length} for length in lengths]
    parquet.write(tmp_path / "x.parquet", columns.schema(columns.RESPONSES), made)
    about = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert [about.row_group(place).num_rows for place in range(about.num_row_groups)] == [4, 3, 1, 2]


def test_memory_does_not_grow_with_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "CHARACTERS", 500_000)
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    folder = make(tmp_path / "run", size=2)
    cases = [_case(tmp_path / "run", "celeba", number) for number in range(60)]
    folder.write_cases("celeba", cases)
    long = [Response(key=case.key, sample_id=case.sample_id, text="y" * 250_000, finish="stop") for case in cases]
    for model in MODELS:
        folder.append_responses(model, "celeba", long)
    size = sum(len(row.text) for row in long) * 2
    del long
    tracemalloc.start()
    parquet.write(tmp_path / "x.parquet", columns.schema(columns.RESPONSES), rows.responses(folder))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 30_000_000
    assert peak < size / 5


def test_a_torn_line_is_no_answer_and_a_damaged_one_an_error(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.append_responses("m", "expw", [Response(key="k", sample_id="i", text="one", finish="stop")])
    file = tmp_path / rows_file("responses", "m", "expw")
    whole = file.read_bytes()
    file.write_bytes(whole + whole.replace(b"one", b"two")[:-1])
    with Answers(file) as answers:
        assert answers.get("k").text == "one"
        assert answers.get("other") is None
    file.write_bytes(whole + b"nonsense\n")
    with pytest.raises(StoreError, match="damaged"), Answers(file):
        pass
    with Answers(tmp_path / "absent") as answers:
        assert answers.get("k") is None


def test_answers_that_were_not_scored_are_scored_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    folder = make(tmp_path / "run", size=3)
    assert folder.read_scores() == []
    assert export(folder).scores == 6
    assert folder.read_scores() == rescore(folder)
