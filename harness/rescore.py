"""From stored responses to predictions and scores: seconds, on a laptop, without a model."""

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.records import Case, Prediction, Response, Score
from harness.score import predict, score
from harness.store import RunFolder
from tasks.labels import label_space
from tasks.registry import Question

LARGE = 2_000_000
"""Bytes of responses from which several processes are worth their start."""


def rescore(folder: RunFolder, jobs: int | None = None) -> list[Score]:
    """Parse every stored response again and replace predictions/ and scores.json.

    Args:
        folder: of the run.
        jobs: processes; by default one for each core where there is much to read, else none but this.

    Raises:
        StoreError: the folder holds no run.
    """
    _cases.cache_clear()
    run = folder.run()
    pairs = [(model, asked) for asked in asked_in(run) for model in run["models"]]
    scores = [row for row in _map(folder, pairs, jobs or _jobs(folder)) if row is not None]
    folder.write_scores(scores)
    return scores


def asked_in(run: Mapping[str, Any]) -> list[Question]:
    """The questions that run.json lists."""
    return [Question.model_validate(row) for row in run["questions"]]


def _map(folder: RunFolder, pairs: Sequence[tuple[str, Question]], jobs: int) -> Iterator[Score | None]:
    models, questions = zip(*pairs, strict=True) if pairs else ((), ())
    folders = [folder.path] * len(pairs)
    # A fork would take torch's threads along where a run has loaded it.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) if jobs > 1 else nullcontext() as pool:
        yield from (pool.map if pool else map)(_score_one, folders, models, questions)


def _jobs(folder: RunFolder) -> int:
    size = sum(file.stat().st_size for file in (folder.path / "responses").rglob("*.jsonl"))
    return len(os.sched_getaffinity(0)) if size > LARGE and hasattr(os, "sched_getaffinity") else 1


def _score_one(path: Path, model: str, asked: Question) -> Score | None:
    folder = RunFolder(path)
    responses = folder.read_responses(model, asked.name)
    cases = [case for case in _cases(path, asked.name) if case.key in responses]
    if not cases:
        return None
    kept: list[Prediction] = []
    folder.write_predictions(model, asked.name, _predictions(cases, responses, asked, kept))
    return score(asked, model, [case.sample() for case in cases], kept)


def _predictions(
    cases: Sequence[Case], responses: Mapping[str, Response], asked: Question, kept: list[Prediction]
) -> Iterator[Prediction]:
    """One prediction after the other, each kept too, but for its mentions: most of its memory, and nothing to score."""
    for case in cases:
        prediction = _predict(case, responses[case.key], asked)
        kept.append(prediction.model_copy(update={"mentions": ()}))
        yield prediction


@lru_cache(maxsize=1)
def _cases(path: Path, question: str) -> list[Case]:
    """The samples of a question, which its models follow one another in needing."""
    return RunFolder(path).read_cases(question)


def _predict(case: Case, response: Response, asked: Question) -> Prediction:
    # Equal pictures share one response; each sample gets a prediction under its own id.
    own = case.sample_id == response.sample_id
    mine = response if own else response.model_copy(update={"sample_id": case.sample_id})
    return predict(mine, label_space(asked.space))
