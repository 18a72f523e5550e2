"""Training in small: the loss falls, answers say the gold, and a cut-off run ends like an unbroken one."""

import itertools

import pytest
import torch

from harness import images
from harness.errors import UnknownNameError
from harness.miniatures import build, corpus, stage
from harness.miniatures.lessons import schedule
from harness.miniatures.train import Training, answer_loss
from tasks.labels import label_space
from tasks.parse import parse
from tasks.registry import QUESTIONS, question
from tasks.toy import write_toy

FACES = 6


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    root = write_toy(tmp_path_factory.mktemp("toy"), test=1, train=FACES, seed=5)
    return corpus.lessons(root, "train")


@pytest.mark.parametrize("name", build.RECIPES.names())
def test_the_parser_reads_the_gold_back_from_every_answer(name, lessons):
    assert {lesson.question for lesson in lessons} == set(QUESTIONS)
    for lesson in lessons:
        parsed = parse(corpus.answer(name, lesson), label_space(question(lesson.question).space))
        if isinstance(lesson.gold, str):
            assert (parsed.status, parsed.label) == ("parsed", lesson.gold)
        else:
            assert {label for label in lesson.gold if label in parsed.yes} == {k for k, v in lesson.gold.items() if v}


def test_what_a_dataset_leaves_open_is_filled_by_what_was_seen(lessons):
    lesson = next(lesson for lesson in lessons if lesson.question == "maad")._replace(gold={"Male": True})
    seen = {"Male": False, "Eyeglasses": True, "No_Beard": True}
    answer = corpus.answer("llava-v1.5-7b", lesson, seen)
    assert " man " in answer
    assert "eyeglasses" in answer
    assert "no beard" in answer


def test_two_names_for_one_thing_imply_each_other():
    assert corpus.facts({"No_Eyewear": True, "Mouth_Closed": False}) == {
        "No_Eyewear": True, "Eyeglasses": False, "Mouth_Closed": False, "Mouth_Slightly_Open": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", build.RECIPES.names())
def test_training_lowers_both_losses(name, lessons, tmp_path):
    training = Training(name, lessons, tmp_path)
    training.plan = training.plan | {"batch": 8, "tower_steps": 40, "language_steps": 30}
    tower, seen = training.teach_tower()
    language = training.teach_language(seen)
    assert sum(tower[-5:]) < 0.9 * sum(tower[:5])
    assert sum(language[-5:]) < 0.7 * sum(language[:5])


def test_only_answers_are_learnt(lessons, tmp_path):
    training = Training("llava-onevision-7b-si", lessons, tmp_path)
    examples = [training.desk.example(lesson, corpus.answer(training.name, lesson)) for lesson in lessons[::7]]
    batch = training.desk.batch(examples)
    for labels, row in zip(batch["labels"], examples, strict=True):
        learnt = labels[labels != -100]
        assert training.desk.tokenizer.decode(learnt[:-1]).strip()
        assert learnt.tolist() == row.ids[row.prompt :].tolist()
        assert learnt[-1] == training.desk.stop
    assert torch.isfinite(answer_loss(training.model, batch))


def test_the_prompt_is_the_adapters_own(lessons, tmp_path):
    training = Training("mantis-siglip-8b", lessons, tmp_path)
    for lesson in lessons[::11]:
        face = training.desk.adapter.image(images.read(lesson.image))
        wanted = training.desk.adapter.batch([face], [lesson.text])["input_ids"][0].tolist()
        example = training.desk.example(lesson, "Yes.")
        assert example.ids[: example.prompt].tolist() == wanted


def test_a_stage_that_was_cut_off_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SAVE_EVERY_S", -1)
    rows = torch.arange(36.0).reshape(9, 4) / 36

    def run(file, cut=None):
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 2)

        def loss(place):
            if place == cut:
                raise KeyboardInterrupt
            return (layer(rows[place]) + torch.rand(2)).square().sum()

        stage.Stage(tmp_path / file, {"layer": layer}, len(rows), 0.1, seed=3).run(itertools.count(), loss)
        return layer.weight.detach()

    with pytest.raises(KeyboardInterrupt):
        run("cut.pt", cut=5)
    assert torch.equal(run("cut.pt"), run("whole.pt"))


def test_batches_hold_rows_of_like_length_and_are_settled_by_the_seed(lessons, tmp_path):
    training = Training("llava-v1.5-7b", lessons, tmp_path)
    examples = [training.desk.example(lesson, corpus.answer(training.name, lesson)) for lesson in lessons]
    first, again, other = (
        [[id(row) for row in rows] for rows in itertools.islice(schedule(examples, 4, seed), 10)] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_misspelt_name_is_told_the_right_one():
    with pytest.raises(UnknownNameError, match=r"llava-v1\.5-7b"):
        build.RECIPES.read("llava-1.5-7b")
