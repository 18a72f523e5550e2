"""Batches: prompt ids and pixels are those of a run, and only answer and stop are learnt."""

import pytest
import torch

from harness.engines.hf import HFEngine
from harness.finetune.desk import IGNORED, Desk, answer_loss, examine
from harness.finetune.lessons import lessons
from harness.finetune.recipe import Data
from harness.miniatures.corpus import Lesson
from harness.miniatures.lessons import Desk as MiniatureDesk
from harness.plan import Planner
from harness.records import Decoding, Response
from harness.score import predict, score
from tasks.labels import label_space
from tasks.registry import questions_of
from tests.harness.finetune.conftest import NAMES, adapter

DECODING = Decoding(max_new_tokens=40)


@pytest.fixture(scope="module", params=NAMES)
def desk(request):
    return Desk(adapter(request.param))


def rows_of(root, count=5):
    train, _ = lessons(questions_of(["attr", "fairface.age", "expw"]), root, Data(validation=0.25))
    return [train[place] for place in range(0, len(train), len(train) // count)][:count]


def test_prompts_and_pixels_are_those_of_a_run(desk, root):
    rows = rows_of(root)
    batch = desk.collate(rows)
    model = desk.adapter
    planned = {row.question.name: Planner(root, Decoding(), None, 0).plan(row.question) for row in rows}
    cases = [planned[row.question.name].cases[0] for row in rows]
    requests = [
        planned[row.question.name].request(case).model_copy(update={"image": row.sample.image})
        for row, case in zip(rows, cases, strict=True)
    ]
    asked = HFEngine(model)._prepare(requests).tensors
    width = asked["input_ids"].shape[1]
    assert torch.equal(batch["input_ids"][:, :width], asked["input_ids"])
    assert torch.equal(batch["attention_mask"][:, :width], asked["attention_mask"])
    for name in set(asked) - {"input_ids", "attention_mask"}:
        assert torch.equal(batch[name], asked[name])


def test_labels_are_the_answer_and_its_stop_alone(desk, root):
    rows = rows_of(root)
    batch = desk.collate(rows)
    longest = batch["labels"].shape[1]
    assert batch["logits_to_keep"] == longest + 1
    for ids, mask, labels, row in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], rows, strict=True):
        told = labels != IGNORED
        assert torch.equal(ids[-longest:][told], labels[told])
        assert torch.equal(mask[-longest:].bool(), told)
        *words, stop = labels[told].tolist()
        assert stop in desk.adapter.stop_ids
        assert desk.adapter._decode(words).strip() == row.answer
        prompt = desk.adapter.prompt(row.text)
        lead = "" if prompt.endswith("\n") else " "
        whole = desk.adapter.tokenizer.encode(prompt + lead + row.answer, add_special_tokens=False)
        assert whole[-len(words) :] == words


def test_an_answer_said_as_taught_scores_full_marks(desk, root):
    for row in rows_of(root, 12):
        reply = desk.adapter.reply(desk.reply(row), 0, Decoding())
        space = label_space(row.question.space)
        said = predict(Response(key="k", sample_id=row.sample.id, text=reply.text, finish=reply.finish), space)
        assert score(row.question, "m", [row.sample], [said]).metrics["accuracy"].value == 1


def test_the_loss_is_that_of_each_lesson_alone(desk, root):
    """Whatever the padding, and as transformers counts it."""
    rows, model = rows_of(root), desk.adapter.model
    batch = desk.collate(rows)
    labels = batch.pop("labels")
    with torch.no_grad():
        together = answer_loss(model(**batch), labels)
        total, count = 0.0, 0
        for row in rows:
            one = desk.collate([row])
            own = one.pop("labels")
            del one["logits_to_keep"]
            whole = torch.full_like(one["input_ids"], IGNORED)
            whole[:, -own.shape[1] :] = own
            total += float(model(**one, labels=whole).loss) * own.shape[1]
            count += own.shape[1]
    assert float(together) == pytest.approx(total / count, rel=1e-4)
    assert float(answer_loss(model(**batch), labels, 2 * count)) == pytest.approx(total / count / 2, rel=1e-4)


def test_answers_are_read_as_in_a_run(desk, root):
    exam, _ = lessons(questions_of(["expr"]), root, Data(limit=8, validation=0.25))
    found = examine(desk, exam, DECODING, 3)
    for asked, samples in exam.parts:
        planned = Planner(root, DECODING, None, 0).plan(asked)
        asked_first = planned.request(planned.cases[0])
        requests = [
            asked_first.model_copy(update={"image": sample.image, "sample_id": sample.id, "key": sample.id})
            for sample in samples
        ]
        answers = [row for batch in HFEngine(desk.adapter).generate(requests, DECODING) for row in batch]
        said = [predict(answer, label_space(asked.space)) for answer in answers]
        assert found[asked.name] == score(asked, "m", list(samples), said).metrics["accuracy"].value


def test_miniatures_were_taught_the_same_ids(root):
    """The project's other way to make ids of an answer agrees, on tokens that it was trained with."""
    model = adapter("llava-v1.5-7b")
    row = rows_of(root)[-1]
    theirs = MiniatureDesk(model).example(
        Lesson(row.question.name, row.sample.image, row.text, row.sample.gold), row.answer
    )
    assert theirs.ids[theirs.prompt :].tolist() == Desk(model).reply(row)
