"""The miniature of FaceInsight in the repository: small, whole, loadable by transformers, and not blind."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

import faceinsight.auto  # noqa: F401 - registers the classes
from adapters.spec import MINIATURES
from faceinsight.labels import joint_labels
from faceinsight.rules import load_rules
from harness.miniatures import corpus, evaluate
from tasks.toy import write_toy

FOLDER = MINIATURES / "faceinsight"
FACES = 24
QUESTIONS = ("celeba", "fairface.gender", "raf-db")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Faces of a seed that no training and no card has used."""
    return write_toy(tmp_path_factory.mktemp("toy"), test=FACES, train=1, seed=77)


@pytest.fixture(scope="module")
def figures(root):
    lessons = [lesson for lesson in corpus.lessons(root, "test") if lesson.question in QUESTIONS]
    return evaluate.evaluate(evaluate.load("faceinsight", FOLDER, root / "maps"), lessons)


def test_the_folder_is_complete_and_small():
    files = {path.name for path in FOLDER.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json", "README.md"} <= files
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5e6
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "python -m harness.miniatures train faceinsight" in card
    assert "say nothing about FaceInsight at the paper's scale" in card


def test_transformers_loads_it_without_a_missing_weight():
    model, report = AutoModelForImageTextToText.from_pretrained(FOLDER, output_loading_info=True)
    assert not any(report.values())
    assert 5e5 < sum(weight.numel() for weight in model.parameters()) < 2e6
    assert model.config.labels == joint_labels()
    assert model.config.rule_set == load_rules()
    assert model.config.gcn_layers == 2
    assert model.config.seg_config is not None
    assert model.model.correlation.correlation.sum(1) == pytest.approx(torch.ones(80))
    assert (model.model.correlation.correlation != torch.eye(80)).any()
    assert AutoProcessor.from_pretrained(FOLDER).characteristics == 80


def test_nothing_of_the_machine_it_was_made_on_is_in_it():
    text = (FOLDER / "config.json").read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert '"parts": null' in text or '"parts"' not in text


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_sees_new_faces_as_its_card_says(figures, question):
    row = figures[question]
    assert row.faces == FACES
    assert row.statuses == {"parsed": FACES}
    assert row.accuracy > row.baseline + (0.05 if question == "celeba" else 0.2)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    said = float(re.search(rf"^\| {re.escape(question)} \| \d+ \| ([\d.]+) \|", card, re.MULTILINE)[1])
    assert abs(row.accuracy - said) < (0.05 if question == "celeba" else 0.2)
