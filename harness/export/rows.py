"""From a run folder to flat rows: one per model, question and sample; one per model and question."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.digests import Seen, look
from harness.export.answers import Answers
from harness.records import METRICS, Case, Prediction, Response, Score
from harness.rescore import asked_in
from harness.score import is_answered
from harness.store import RunFolder, rows_file
from tasks.labels import LabelSpace, label_space
from tasks.registry import Question

Row = dict[str, Any]


def responses(folder: RunFolder) -> Iterator[Row]:
    """The rows of every question, model by model, samples in dataset order; also of samples not asked yet."""
    run = folder.run()
    root = Path(run.get("data_root") or "")
    for asked in asked_in(run):
        digests = [
            seen.digest if isinstance(seen, Seen) else None
            for seen in look(case.image for case in folder.stream_cases(asked.name))
        ]
        common = _identity(run, asked) | _prompt(run, asked)
        for model in run["models"]:
            rows = _of_model(folder, model, asked, root)
            yield from (
                common | row | {"model": model, "image_digest": seen} for row, seen in zip(rows, digests, strict=True)
            )


def _of_model(folder: RunFolder, model: str, asked: Question, root: Path) -> Iterator[Row]:
    space = label_space(asked.space)
    predictions = folder.stream_predictions(model, asked.name)
    waiting = next(predictions, None)
    with Answers(folder.path / rows_file("responses", model, asked.name)) as answers:
        for case in folder.stream_cases(asked.name):
            said = None
            # Predictions are the cases that have an answer, in the same order.
            if waiting is not None and waiting.sample_id == case.sample_id:
                said, waiting = waiting, next(predictions, None)
            yield _sample(case, root) | _answer(answers.get(case.key)) | _reading(said, case, space)


def _identity(run: Mapping[str, Any], asked: Question) -> Row:
    return {
        "run": run.get("name", ""),
        "question": asked.name,
        "plain_question": asked.plain,
        "variant": asked.variant,
        "task": asked.task,
        "dataset": asked.dataset,
        "space": asked.space,
    }


def _prompt(run: Mapping[str, Any], asked: Question) -> Row:
    found = run.get("prompts", {}).get(asked.name, {})
    return {"prompt_template": found.get("template"), "prompt_hash": found.get("template_hash")}


def _sample(case: Case, root: Path) -> Row:
    path = case.image.path
    width, height = case.size or (None, None)
    single = isinstance(case.gold, str)
    return {
        "sample_id": case.sample_id,
        "key": case.key,
        "image_path": str(path.relative_to(root) if path.is_relative_to(root) else path),
        "image_box": case.image.box,
        "image_width": width,
        "image_height": height,
        "group": _listed(case.group, "column"),
        "prompt": case.text,
        "gold": case.gold if single else None,
        "gold_attributes": None if isinstance(case.gold, str) else _listed(case.gold, "label", "present"),
        "cells": 1 if single else len(case.gold),
    }


def _answer(found: Response | None) -> Row:
    if found is None:
        return {}
    return {
        "answer": found.text,
        "finish": found.finish,
        "error": found.error,
        "evidence": None if found.label_scores is None else _listed(found.label_scores, "label", "score"),
        "option_mass": found.option_mass,
        "seconds": found.seconds,
        "prompt_tokens": found.prompt_tokens,
        "new_tokens": found.new_tokens,
        "image_tokens": found.image_tokens,
    }


def _reading(said: Prediction | None, case: Case, space: LabelSpace) -> Row:
    if said is None:
        return {}
    lists = {"labels_yes": said.yes, "labels_no": said.no} if space.kind == "attributes" else {}
    return {
        "status": said.status,
        "label": said.label,
        **lists,
        "contradictions": [{"one": one, "other": other} for one, other in said.contradictions],
        "right": None if said.status == "failed" else _right(said, case, space),
    }


def _right(said: Prediction, case: Case, space: LabelSpace) -> int:
    """Right cells, as they are counted by the accuracy: of what is not answered, none."""
    if not is_answered(said, space):
        return 0
    if isinstance(case.gold, str):
        return int(said.label == case.gold)
    return sum((label in said.yes) == present for label, present in case.gold.items())


def scores(folder: RunFolder) -> Iterator[Row]:
    """The rows of scores.json, flat."""
    run = folder.run()
    asked = {one.name: one for one in asked_in(run)}
    for score in folder.read_scores():
        yield _identity(run, asked[score.question]) | {"model": score.model} | _numbers(score)


def _numbers(score: Score) -> Row:
    plain = ("n", "scored", "baseline_name", "coverage", "contradiction_rate", "gold_contradiction_rate", "option_mass")
    row: Row = {name: getattr(score, name) for name in (*plain, "ranked", "mean_base_rate")}
    row |= {f"count_{status}": count for status, count in score.counts.items()}
    estimates = {name: score.metrics.get(name) for name in METRICS}
    for name, estimate in (estimates | {"mean_average_precision": score.mean_average_precision}).items():
        if estimate is not None:
            row |= {name: estimate.value, f"low_{name}": estimate.low, f"high_{name}": estimate.high}
    row |= {f"answered_{name}": value for name, value in score.answered.items()}
    row |= {f"baseline_{name}": value for name, value in score.baseline.items()}
    return row | {name: _listed(getattr(score, name)) for name in ("average_precision", "base_rates")}


def _listed(values: Mapping[str, Any], name: str = "label", word: str = "value") -> list[Row]:
    return [{name: key, word: value} for key, value in values.items()]
