"""The main job with a real network: what it scores is what scikit-learn scores from the stored answers."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score, average_precision_score, precision_recall_fscore_support

from adapters.registry import spec
from harness import main_job as job
from harness.engines import EngineOptions, open_engine
from harness.errors import ConfigError, StoreError
from harness.main_job import Options, main_job
from harness.records import Decoding, Request
from harness.store import RunFolder

MODEL = "llava-onevision-7b-si"
QUESTIONS = ("raf-db", "utkface.gender")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    from tasks.toy import write_toy

    base = tmp_path_factory.mktemp("job")
    write_toy(base / "data", test=12, train=0, seed=11)
    options = Options(models=(MODEL,), tasks=QUESTIONS, data=base / "data", out=base / "run")
    assert main_job(options, Console(file=io.StringIO())).complete
    return RunFolder.existing(base / "run")


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_are_scikit_learns(folder: RunFolder, question: str):
    (score,) = (row for row in json.loads((folder.path / "scores.json").read_text()) if row["question"] == question)
    rows = (folder.path / "predictions" / MODEL / f"{question}.jsonl").read_text().splitlines()
    said = {row["sample_id"]: row.get("label", "none") for row in map(json.loads, rows)}
    cases = folder.read_cases(question)
    gold = [case.gold for case in cases]
    answers = [said[case.sample_id] for case in cases]
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, answers, labels=sorted(set(gold)), average="macro", zero_division=0
    )
    expected = {"accuracy": accuracy_score(gold, answers), "precision": precision, "recall": recall, "f1": f1}
    assert {name: row["value"] for name, row in score["metrics"].items()} == pytest.approx(expected)


def test_the_network_was_really_asked(folder: RunFolder):
    case = folder.read_cases("raf-db")[0]
    stored = folder.read_responses(MODEL, "raf-db")[case.key]
    engine = open_engine(spec(MODEL), EngineOptions(batch_size=1))
    asked = Request(key=case.key, sample_id=case.sample_id, image=case.image, text=case.text)
    [[alone]] = engine.generate([asked], Decoding(max_new_tokens=128))
    assert alone.text == stored.text
    assert stored.new_tokens is not None
    assert stored.new_tokens > 1


def test_the_run_says_what_was_loaded(folder: RunFolder):
    run = folder.read_run()
    assert run is not None
    assert run["profile"] == "tiny"
    assert run["engines"][MODEL]["parameters"] > 500_000
    assert Path(run["engines"][MODEL]["source"]).name == MODEL
    assert run["versions"]["transformers"].startswith("5.")
    assert run["prompts"]["raf-db"]["template"] == "expr/expression"


def test_the_report_is_there(folder: RunFolder):
    page = (folder.path / "report" / "index.html").read_text()
    assert "TINY PROFILE" in page.upper()
    assert MODEL in page


# --- options instead of free text


def choose(folder: RunFolder, out: Path, **more) -> Options:
    words = {"models": (MODEL,), "tasks": ("raf-db", "celeba"), "answers": "choice", "out": out} | more
    return Options(data=folder.path.parent / "data", **words)


def quietly(options: Options) -> job.Outcome:
    return main_job(options, Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def chosen(folder: RunFolder) -> RunFolder:
    assert quietly(choose(folder, folder.path.parent / "chosen")).complete
    return RunFolder.existing(folder.path.parent / "chosen")


@pytest.mark.parametrize("question", ["raf-db", "celeba"])
def test_every_model_has_evidence_where_options_are_asked_for(chosen: RunFolder, question: str):
    (score,) = (row for row in chosen.read_scores() if row.question == question)
    cases, rows = chosen.read_cases(question), chosen.read_responses(MODEL, question)
    assert score.ranked == score.scored == score.counts["parsed"] == len(cases) == 12
    assert score.mean_average_precision is not None
    for label, value in score.average_precision.items():
        gold = [case.gold[label] if question == "celeba" else case.gold == label for case in cases]
        evidence = [rows[case.key].label_scores[label] for case in cases]
        assert value == pytest.approx(average_precision_score(gold, evidence))
    assert 0 <= score.option_mass <= 1


def test_the_run_says_which_options_were_offered(chosen: RunFolder):
    run = chosen.run()
    assert run["protocol"]["answers"] == "choice"
    assert len(run["asks"]["celeba"]) == 40
    assert run["prompts"]["raf-db"]["text"] == run["asks"]["raf-db"][0]["text"]
    assert "a choice between options" in (chosen.path / "report" / "index.html").read_text()


def test_asked_again_nothing_is_asked_twice(folder: RunFolder, chosen: RunFolder):
    assert quietly(choose(folder, chosen.path)).asked == 0


def test_free_text_and_options_do_not_mix(folder: RunFolder, chosen: RunFolder):
    with pytest.raises(StoreError, match="answers 'choice'"):
        quietly(choose(folder, chosen.path, answers="text"))
    assert choose(folder, None).answers == "choice"
    folders = {job.settings(choose(folder, None, answers=way)).default_folder() for way in ("text", "choice")}
    assert len(folders) == 2


@pytest.mark.parametrize("words", [{"max_new_tokens": 9}, {"temperature": 0.5}])
def test_words_about_text_are_refused_where_none_is_written(folder: RunFolder, tmp_path: Path, words):
    with pytest.raises(ConfigError, match="leave out --max-new-tokens and --temperature"):
        quietly(choose(folder, tmp_path, **words))


def test_a_model_of_free_text_alone_breaks_off_and_the_others_go_on(folder: RunFolder, tmp_path: Path):
    outcome = quietly(choose(folder, tmp_path / "run", models=("echo", MODEL), tasks=("raf-db",)))
    assert "answers in free text alone" in outcome.broken_models["echo"]
    assert outcome.asked == 12


def test_faceinsight_has_evidence_without_being_asked_for_options(folder: RunFolder, tmp_path: Path):
    texts = {}
    for way in ("text", "choice"):
        run = choose(folder, tmp_path / way, models=("faceinsight",), tasks=("raf-db",), answers=way)
        assert quietly(run).complete
        rows = RunFolder.existing(tmp_path / way).read_responses("faceinsight", "raf-db").values()
        assert all(row.label_scores and row.option_mass is None for row in rows)
        texts[way] = {row.sample_id: row.text for row in rows}
    assert texts["text"] == texts["choice"]
