"""The stand-ins of FaceInsight's miniature: what they are taught, and that they learn it."""

import numpy as np
import pytest
import torch

from faceinsight.faces import load
from faceinsight.labels import joint_labels
from faceinsight.prompt import TEMPLATE
from harness.miniatures.build import train_tokenizer
from harness.miniatures.faceinsight import clip, language, segmentation
from harness.miniatures.faceinsight.standins import LANGUAGE_TOKENS
from tasks.toy import write_toy
from tests.faceinsight import tiny

LABELS = joint_labels()


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return load(write_toy(tmp_path_factory.mktemp("toy"), test=1, train=12, seed=4), split="train")


@pytest.fixture(scope="module")
def teacher():
    texts = language.Teacher(None, TEMPLATE, LABELS).texts()
    return language.Teacher(train_tokenizer(LANGUAGE_TOKENS, texts * 20), TEMPLATE, LABELS)


def test_a_lesson_says_what_is_there_and_asks_what_is_known(teacher, faces):
    yes, no = language.yes_no(teacher.tokenizer)
    rng = np.random.default_rng(0)
    for row in range(len(faces)):
        present, known = faces.labels_NK[row], faces.mask_NK[row]
        said = [place.follows for place in teacher._slots(present, known, bool(row % 2), rng)]
        assert said.count(yes) == min((present & known).sum(), language.SLOTS // 2)
        assert said.count(no) == min((~present & known).sum(), language.SLOTS // 2)


def test_slots_are_behind_the_characteristics_they_ask_for(teacher):
    yes, no = language.yes_no(teacher.tokenizer)
    present, known = np.zeros(80, dtype=bool), np.zeros(80, dtype=bool)
    bald, hat = LABELS.names.index("Bald"), LABELS.names.index("Wearing_Hat")
    known[[bald, hat]] = present[hat] = True
    for seed in range(8):
        lesson = teacher.lesson("celeba", present, known, np.random.default_rng(seed))
        asked = [place for place in lesson if place.follows in (yes, no)]
        for place in asked:
            words = teacher.tokenizer.encode(teacher.phrase(hat if place.follows == yes else bald))[-1]
            assert words in place.tokens


def test_statements_are_true_of_just_the_pictures_they_are_said_to_be_true_of(faces):
    batches = clip.pairs(faces, 8, seed=0)
    phrases = {one.phrase: column for column, one in enumerate(LABELS.characteristics)}
    for _ in range(12):
        batch = next(batches)
        assert batch.true_BB.diagonal().bool().all()
        for column, text in enumerate(batch.captions):
            facts = [phrases[fact] for fact in text.partition(": ")[2].split(", ")]
            truth = faces.labels_NK[np.ix_(batch.faces, facts)].all(1)
            assert batch.true_BB[:, column].bool().tolist() == truth.tolist()


def test_the_llama_learns_to_read(teacher, faces):
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    config = tiny.frozen().language_model.config
    config.vocab_size = len(teacher.tokenizer)
    model, said = LlamaForCausalLM(config), language.yes_no(teacher.tokenizer)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _, batch in zip(range(40), language.lessons(teacher, faces, 8, 0), strict=False):
        loss = language.loss(model, said, batch)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_the_vit_of_maps_learns_to_fill_in():
    torch.manual_seed(0)
    tower = tiny.tower()
    restorer = segmentation.Restorer(tower)
    maps = torch.rand(2, 3, 1, 1).expand(2, 3, 28, 28) * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    optimiser = torch.optim.AdamW([*tower.parameters(), *restorer.parameters()], lr=3e-3)
    losses = []
    for _ in range(60):
        loss = restorer(tower, maps)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
