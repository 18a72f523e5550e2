"""results.json: what a run was and what came of it, in one file with a schema (docs/results.schema.json)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict

from harness.records import Answers, Decoding, Record, Score
from harness.rescore import asked_in
from harness.store import RunFolder
from harness.versions import versions
from tasks.labels import label_space
from tasks.registry import Question

FILE = "results.json"


class Documented(Record):
    """A record whose docstrings are the descriptions of the schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class RunIdentity(Documented):
    """The identity of a run."""

    name: str
    """Name of the run folder."""
    profile: str
    """tiny: miniatures on drawn toy faces, which say nothing about real models; paper: the published ones."""
    started: str | None
    """When its first command began: a date and time with its offset from UTC."""
    command: str | None
    """The last command that wrote into the folder."""
    data_root: str | None
    """The folder that held the datasets."""


class Settings(Documented):
    """What decided the numbers, beside models and questions."""

    decoding: Decoding
    """How every answer was generated."""
    answers: Answers
    """text: free text, parsed; choice: the options' probabilities as the first token."""
    limit: int | None
    """At most so many samples a question; null is all of the test set."""
    seed: int
    """Of the subset."""
    datasets: dict[str, Any]
    """What was chosen about the datasets, where it differs from the defaults."""


class AskedModel(Documented):
    """One model that was asked."""

    name: str
    """As in the scores."""
    checkpoint: str | None
    """Fingerprint of its weights."""
    policy: dict[str, Any]
    """What was chosen about its pictures in place of the model list's values."""
    engine: dict[str, Any]
    """What was loaded: source, revision, dtype, device and all of its protocol; empty before it was."""


class AskedQuestion(Documented):
    """One question, in one wording."""

    name: str
    """As in the scores; under a paraphrase with its variant, as in expw+terse."""
    plain: str
    """The same without the variant."""
    variant: str
    """Whose words it was asked in."""
    task: str
    """attr, agr or expr."""
    dataset: str
    """Where the pictures come from."""
    space: str
    """Name of the label space."""
    kind: str
    """choice: one label of a list; ages: one bin of years; attributes: a yes or no for each."""
    labels: tuple[str, ...]
    """All labels of the space, in its order."""
    prompt: str | None
    """The words; of attributes under --answers choice with dots for the name of each."""
    prompt_template: str | None
    """The template they came from."""
    prompt_hash: str | None
    """Hash of the template."""
    tally: dict[str, Any]
    """How many faces of the dataset were kept, and how many left out or mended, by reason."""


class Results(Documented):
    """A run and its scores."""

    version: Literal[1] = 1
    """Of this format: any change of the fields is a new one."""
    run: RunIdentity
    """Which run this is."""
    settings: Settings
    """What decided the numbers."""
    versions: dict[str, str]
    """Of code, packages and machine when the models were asked."""
    exported_with: dict[str, str]
    """Of code, packages and machine when this was written: answers may be parsed by later code than asked them."""
    models: tuple[AskedModel, ...]
    """In the order of the run."""
    questions: tuple[AskedQuestion, ...]
    """In the order of the run."""
    scores: tuple[Score, ...]
    """One for each model and question that has answers."""


def collect(folder: RunFolder) -> Results:
    """Put together what run.json and scores.json say."""
    run = folder.run()
    protocol = run.get("protocol", {})
    return Results(
        run=RunIdentity(
            name=run.get("name", folder.path.name), profile=run.get("profile", ""),
            **{name: run.get(name) for name in ("started", "command", "data_root")},
        ),
        settings=Settings(
            decoding=Decoding.model_validate(run.get("decoding", {})), answers=protocol.get("answers", "text"),
            limit=run.get("limit"), seed=run.get("seed") or 0, datasets=protocol.get("datasets", {}),
        ),
        versions=run.get("versions", {}),
        exported_with=versions(),
        models=tuple(_model(run, name) for name in run["models"]),
        questions=tuple(_question(run, asked) for asked in asked_in(run)),
        scores=tuple(folder.read_scores()),
    )  # fmt: skip


def read(file: Path) -> Results:
    """A results.json, checked.

    Raises:
        pydantic.ValidationError: it does not follow the schema.
    """
    return Results.model_validate_json(file.read_bytes())


def _model(run: Mapping[str, Any], name: str) -> AskedModel:
    return AskedModel(
        name=name,
        checkpoint=run.get("checkpoints", {}).get(name),
        policy=run.get("policies", {}).get(name, {}),
        engine=run.get("engines", {}).get(name, {}),
    )


def _question(run: Mapping[str, Any], asked: Question) -> AskedQuestion:
    space = label_space(asked.space)
    prompt = run.get("prompts", {}).get(asked.name, {})
    return AskedQuestion(
        name=asked.name,
        plain=asked.plain,
        variant=asked.variant,
        task=asked.task,
        dataset=asked.dataset,
        space=asked.space,
        kind=space.kind,
        labels=space.labels,
        prompt=prompt.get("text"),
        prompt_template=prompt.get("template"),
        prompt_hash=prompt.get("template_hash"),
        tally=run.get("tallies", {}).get(asked.name, {}),
    )
