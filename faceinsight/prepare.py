"""From a recipe and a data root to a course: faces, weights, rules, the correlation map, the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import TrainerCallback

from faceinsight import ground_truth
from faceinsight.assembly import Built, Frozen, assemble
from faceinsight.correlations import Correlations, count
from faceinsight.faces import LabelledFaces
from faceinsight.labels import JointLabels, join, joint_labels
from faceinsight.lessons import Lessons
from faceinsight.recipe import Data, Recipe
from faceinsight.rules import Rules, load_rules
from faceinsight.sampling import few, train_and_val, weights
from faceinsight.training import Course
from tasks.datasets.options import DataOptions
from tasks.registry import QUESTIONS


@dataclass(frozen=True)
class Material:
    """What a recipe says of data, read: faces to learn from and to stop at, and the rules that hold of them."""

    train: LabelledFaces
    validation: LabelledFaces
    rules: Rules
    table: str
    """How often ground truth breaks each rule, in plain text."""

    @cached_property
    def correlations(self) -> Correlations:
        """Co-occurrence in the training faces."""
        return count(self.train)


def material(recipe: Recipe, root: Path, options: DataOptions = DataOptions()) -> Material:
    """Read the faces of a recipe.

    Raises:
        HarnessError: datasets are missing or malformed, or a rule speaks of an unknown characteristic.
    """
    data = recipe.data
    labels = labels_of(data.questions)
    train, held = train_and_val(root, data.datasets, data.validation, labels, data.limit, recipe.training.seed, options)
    rules = (load_rules(Path(recipe.rules)) if recipe.rules else load_rules()).within(labels.names)
    counted = ground_truth.tallies(train, rules)
    kept = ground_truth.kept(rules, ground_truth.add(list(counted.values())), recipe.rule_threshold)
    table = ground_truth.table(rules, counted, recipe.rule_threshold)
    return Material(train, few(held, data.validation_limit), kept, table)


def labels_of(questions: Sequence[str] | None) -> JointLabels:
    """The joint space of some questions, or of all."""
    return joint_labels() if questions is None else join(QUESTIONS[name] for name in questions)


def course(
    recipe: Recipe,
    found: Material,
    frozen: Frozen,
    maps: Path | None,
    folder: Path,
    callbacks: Sequence[TrainerCallback] = (),
) -> Course:
    """Assemble the model of a recipe and put everything together that its training needs."""
    settings, data, seed = recipe.model, recipe.data, recipe.training.seed
    built = assemble(frozen, settings, found.train.joint, found.rules, found.correlations.counts, seed)
    return Course(
        built=built,
        training=recipe.training,
        train=lessons(built, found.train, maps, data, seed, settings.lm_weight > 0),
        validation=lessons(built, found.validation, maps, data, seed, written=False),
        weights=weights(found.train, data.shares),
        folder=folder,
        callbacks=callbacks,
    )


def lessons(built: Built, faces: LabelledFaces, maps: Path | None, data: Data, seed: int, written: bool) -> Lessons:
    """The faces as examples for a model."""
    wanted = maps if built.model.config.seg_config is not None else None
    return Lessons(faces, built.processor, wanted, seed, written, data.keep_in_memory)
