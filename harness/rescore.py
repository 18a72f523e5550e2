"""From stored responses to predictions and scores: seconds, on a laptop, without a model."""

from collections.abc import Sequence

from harness.records import Case, Prediction, Response, Sample, Score
from harness.score import predict, score
from harness.store import RunFolder
from tasks.labels import label_space
from tasks.registry import Question


def rescore(folder: RunFolder) -> list[Score]:
    """Parse every stored response again and replace predictions/ and scores.json.

    Raises:
        StoreError: the folder holds no run.
    """
    run = folder.run()
    questions = [Question.model_validate(row) for row in run["questions"]]
    found = [_score_one(folder, model, asked) for asked in questions for model in run["models"]]
    scores = [row for row in found if row is not None]
    folder.write_scores(scores)
    return scores


def _score_one(folder: RunFolder, model: str, asked: Question) -> Score | None:
    responses = folder.read_responses(model, asked.name)
    cases = [case for case in folder.read_cases(asked.name) if case.key in responses]
    if not cases:
        return None
    predictions = [_predict(case, responses[case.key], asked) for case in cases]
    folder.write_predictions(model, asked.name, predictions)
    return score(asked, model, _samples(cases), predictions)


def _predict(case: Case, response: Response, asked: Question) -> Prediction:
    # Equal pictures share one response; each sample gets a prediction under its own id.
    own = response.model_copy(update={"sample_id": case.sample_id})
    return predict(own, label_space(asked.space))


def _samples(cases: Sequence[Case]) -> list[Sample]:
    return [Sample(id=case.sample_id, image=case.image, gold=case.gold, group=case.group) for case in cases]
