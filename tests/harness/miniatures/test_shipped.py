"""The miniatures in the repository: small, complete, loadable by plain transformers, and not blind."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoModelForImageTextToText, AutoProcessor

from adapters.registry import spec as spec_of
from adapters.spec import MINIATURES
from harness.miniatures import build, corpus, evaluate
from tasks.toy import write_toy
from tests import goldens

NAMES = build.RECIPES.names()
PORTS = {name for name in NAMES if "hub_keys" not in build.RECIPES.read(name)}
DIM = ("minicpm-llama3-v2.5", "monkey-chat")
"""Their resamplers gather a view into few tokens, and learnt few attributes (docs/log.md)."""
FACES = 24
QUESTIONS = ("fairface.gender", "raf-db")


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """Questions about faces of a seed that no training and no card has used."""
    root = write_toy(tmp_path_factory.mktemp("toy"), test=FACES, train=1, seed=77)
    return [lesson for lesson in corpus.lessons(root, "test") if lesson.question in (*QUESTIONS, "celeba")]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_complete_and_small(name):
    folder = MINIATURES / name
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= files
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3.5e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"python -m harness.miniatures train {name}" in card
    assert "say nothing about the real" in card


@pytest.mark.parametrize("name", NAMES)
def test_plain_transformers_loads_it_without_a_missing_weight(name):
    spec_of(name).load()  # registers a port; nothing else is needed
    model, report = AutoModelForImageTextToText.from_pretrained(MINIATURES / name, output_loading_info=True)
    assert not any(report.values())
    assert model.dtype == torch.bfloat16
    assert 5e5 < sum(weight.numel() for weight in model.parameters()) < 2e6
    assert model.config.text_config.hidden_size // model.config.text_config.num_attention_heads >= 32  # vLLM on a CPU
    processor = AutoProcessor.from_pretrained(MINIATURES / name)
    assert processor.tokenizer.convert_tokens_to_ids(processor.image_token) == model.config.image_token_id


@pytest.mark.parametrize("name", NAMES)
def test_its_chat_template_says_what_the_adapter_says(name):
    """So `hf:FOLDER`, which needs no code, asks the same question as the adapter does."""
    spec = spec_of(name)
    own = spec.load()(spec.source("tiny"))
    generic = spec_of(f"hf:{MINIATURES / name}").load()(str(MINIATURES / name))
    assert generic.prompt("Is it?") == own.prompt("Is it?")
    face = Image.new("RGB", (100, 100))
    assert (
        generic.batch([face], ["Is it?"])["input_ids"].tolist() == own.batch([face], ["Is it?"])["input_ids"].tolist()
    )


@pytest.mark.parametrize("name", NAMES)
def test_weights_have_the_names_of_the_published_checkpoint(name):
    with safe_open(MINIATURES / name / "model.safetensors", "pt") as file:
        heads = {key.split(".")[0] for key in file.keys()}  # noqa: SIM118 - a file of tensors is no mapping
    if name in PORTS:
        published = {key.split(".")[0] for key in goldens.weights(name)}
    else:
        published = {"visual", "model", "lm_head"} if name.startswith("qwen") else {"vision_tower", "language_model"}
    assert published <= heads


@pytest.mark.parametrize("name", NAMES)
def test_it_sees_new_faces_as_its_card_says(name, lessons):
    """Marks and expressions clearly, attributes too, but for two that see few of them."""
    figures = evaluate.evaluate(evaluate.load(name, MINIATURES / name), lessons)
    for question in QUESTIONS:
        row = figures[question]
        assert row.faces == FACES
        assert row.accuracy > row.baseline + 0.2, (question, row)
    cells = figures["celeba"]
    assert cells.accuracy > cells.baseline + (0 if name in DIM else 0.05)
    assert abs(cells.accuracy - on_card(name, "celeba")) < 0.05
    assert sum(sight.seen for sight in cells.attributes.values()) > (3 if name in DIM else len(cells.attributes) / 2)


def on_card(name, question):
    """The accuracy the card gives for a question."""
    card = (MINIATURES / name / "README.md").read_text(encoding="utf-8")
    return float(re.search(rf"^\| {question} \| \d+ \| ([\d.]+) \|", card, re.MULTILINE)[1])


@pytest.mark.parametrize("name", NAMES)
def test_its_description_depends_on_the_face(name, lessons):
    faces = [lesson for lesson in lessons if lesson.question == "celeba"][:8]
    answers = list(evaluate.replies(evaluate.load(name, MINIATURES / name), faces))
    assert len(set(answers)) > 4
    assert np.mean([answer.strip().endswith(".") or "\n- " in answer for answer in answers]) > 0.8
