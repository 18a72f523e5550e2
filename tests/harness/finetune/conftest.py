"""Toy faces and recipes of a few steps, for miniatures."""

import pytest

from adapters.registry import spec
from harness.finetune.lessons import lessons
from harness.finetune.network import Pupil
from harness.finetune.recipe import Data, Learning, Lora, Recipe
from harness.finetune.training import Course, FineTuner
from harness.records import Decoding
from tasks.registry import questions_of
from tasks.toy import write_toy

NAMES = ("llava-v1.5-7b", "llava-onevision-7b-si", "nvila-8b")
DATASETS = ("maad", "celeba", "fairface", "expw", "raf-db")


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), test=6, train=24, seed=5, datasets=DATASETS)


def recipe(method="lora", encoder=(), rates=(3e-3,), **training):
    """A recipe of eight steps in float32."""
    plan = {"steps": 8, "batch": 4, "evaluate_every": 4, "precision": "float32"} | training
    return Recipe(
        title="a test", hardware="any", memory_gb=1, hours=0.01, method=method, rates=rates,
        train_image_encoder=dict.fromkeys(encoder, True), lora=Lora(rank=8, alpha=16, dropout=0.0),
        data=Data(validation=0.25, validation_limit=4), training=Learning(**plan),
    )  # fmt: skip


def adapter(name, source=None, dtype="float32"):
    found = spec(name)
    return found.load()(source or found.source("tiny"), device="cpu", dtype=dtype)


def tuner(name, own, root, folder, task="expr", callbacks=(), source=None, dtype="float32"):
    """A training that has not begun."""
    train, held = lessons(questions_of([task]), root, own.data)
    pupil = Pupil(adapter(name, source, dtype), own, own.train_image_encoder.get(name, False), own.training.seed)
    decoding = Decoding(max_new_tokens=40)
    return FineTuner(Course(pupil, own.at(own.rates[0]), train, held, "equal", decoding, folder, callbacks))
