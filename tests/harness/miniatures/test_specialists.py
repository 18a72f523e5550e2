"""Miniatures of specialists: what their trainer learns from, that it learns, and that what is shipped sees."""

import pytest
import torch
from torch import nn

from adapters.classifier import Classifier
from adapters.registry import spec
from adapters.spec import MINIATURES
from harness.errors import UnknownNameError
from harness.miniatures import corpus, evaluate, stage
from harness.miniatures.corpus import Lesson
from harness.miniatures.specialists import train
from tasks.toy import write_toy

NAMES = [name for name in train.RECIPES.names() if (MINIATURES / name).is_dir()]
FACES = 30
SEEN = 0.2
"""Above the constant answer, at least."""
RACES = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")
HEADS = {"fairface.race": RACES, "celeba": ("Bald", "Young", "Male")}


class Bare(Classifier):
    """Heads and no network."""

    heads = HEADS

    def load(self):
        return nn.Identity()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Faces of a seed that no training and no card has used."""
    datasets = ("celeba", "utkface", "fairface")
    return write_toy(tmp_path_factory.mktemp("toy"), test=FACES, train=6, seed=78, datasets=datasets)


def test_a_coarser_label_allows_every_label_it_stands_for():
    faces = [
        [Lesson("fairface.race", None, "", "Indian")],
        [Lesson("utkface.race", None, "", "Asian")],
        [Lesson("celeba", None, "", {"Young": True, "Bald": False})],
    ]
    known = train.truth(Bare("bare", "cpu"), faces)
    assert known["fairface.race"][:2].tolist() == [[0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 1, 0, 0]]
    assert known["fairface.race"][2].isnan().all()
    assert known["celeba"][2].nan_to_num(-1).tolist() == [0, 1, -1]
    assert known["celeba"][:2].isnan().all()


def test_the_loss_is_that_of_the_labels_that_may_hold():
    """Against cross-entropy with one label, and against the log of a sum of shares with two."""
    logits = {head: torch.randn(3, len(labels), dtype=torch.double) for head, labels in HEADS.items()}
    nothing = torch.full((3, 3), torch.nan)
    one = torch.zeros(3, 7)
    one[range(3), [5, 0, 2]] = 1
    wanted = nn.functional.cross_entropy(logits["fairface.race"], torch.tensor([5, 0, 2])) / len(HEADS)
    torch.testing.assert_close(train.loss(logits, {"fairface.race": one, "celeba": nothing}), wanted)
    one[:, 3] = 1
    shares = logits["fairface.race"].softmax(-1)
    wanted = -(shares[range(3), [5, 0, 2]] + shares[:, 3]).log().mean() / len(HEADS)
    torch.testing.assert_close(train.loss(logits, {"fairface.race": one, "celeba": nothing}), wanted)


def test_attributes_that_nobody_annotated_teach_nothing():
    logits = {"celeba": torch.randn(2, 3, requires_grad=True)}
    train.loss(logits, {"celeba": torch.tensor([[1.0, torch.nan, 0.0], [torch.nan] * 3])}).backward()
    assert (logits["celeba"].grad != 0).tolist() == [[True, False, True], [False] * 3]


def short(root, folder, steps):
    training = train.Training("facexformer", corpus.lessons(root, "train", spec("facexformer").answers_in), folder)
    training.stage.steps = steps
    training.plan = training.plan | {"batch": 6}
    return training


def test_the_loss_falls_and_what_is_saved_answers_alike(root, tmp_path):
    training = short(root, tmp_path / "work", 25)
    losses = training.run()
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
    training.save(tmp_path / "saved")
    saved = evaluate.load("facexformer", tmp_path / "saved")
    for name, weight in training.adapter.model.state_dict().items():
        torch.testing.assert_close(saved.model.state_dict()[name], weight, rtol=2**-8, atol=0)


def test_a_training_that_was_cut_off_ends_like_an_unbroken_one(root, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SAVE_EVERY_S", -1)
    whole = short(root, tmp_path / "whole", 6)
    whole.run()
    real, calls = train.loss, []

    def cut(*given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(train, "loss", cut)
    with pytest.raises(KeyboardInterrupt):
        short(root, tmp_path / "cut", 6).run()
    monkeypatch.setattr(train, "loss", real)
    resumed = short(root, tmp_path / "cut", 6)
    assert len(resumed.run()) == 3
    for name, weight in whole.adapter.model.state_dict().items():
        assert torch.equal(resumed.adapter.model.state_dict()[name], weight), name


def test_a_misspelt_name_is_told_the_right_one():
    with pytest.raises(UnknownNameError, match="Did you mean 'facexformer'"):
        train.RECIPES.read("facexfomer")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shipped_is_small_and_sees_new_faces(name, root):
    folder = MINIATURES / name
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3.5e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"python -m harness.miniatures train {name}" in card
    assert "say nothing about the real" in card
    figures = evaluate.evaluate(evaluate.load(name, folder), corpus.lessons(root, "test", spec(name).answers_in))
    assert set(figures) == {question for question in figures if f"| {question} |" in card}
    for question, row in figures.items():
        if row.attributes:
            assert row.accuracy > row.baseline + 0.05, row
            assert sum(sight.seen for sight in row.attributes.values()) > len(row.attributes) / 2
        else:
            assert row.accuracy > row.baseline + SEEN, (question, row)
