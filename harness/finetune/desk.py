"""Lessons as tensors, and answers to them: the adapter's own treatment of pictures and words, as in a run.

Shapes: B lessons, P tokens of the longest prompt, M of the longest answer.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BatchFeature

from adapters.hf import ChatModel
from faceinsight.lessons import IGNORED
from harness import images
from harness.errors import AdapterError
from harness.finetune.lessons import Lesson, Lessons
from harness.records import Decoding, Prediction, Response
from harness.score import predict, read_off
from tasks import metrics
from tasks.labels import label_space


class Desk:
    """Makes batches for a model, and puts questions to it."""

    def __init__(self, adapter: ChatModel) -> None:
        self.adapter = adapter

    def collate(self, rows: Sequence[Lesson]) -> dict[str, Any]:
        """A batch to learn from.

        The ids [B, P + M] are the prompts, padded on the left as in a run, and the answers, padded on the right, so
        that all answers begin in one column; `labels` [B, M] are theirs alone, and as many logits and one are kept.
        """
        asked = self._asked(rows)
        labels = pad_sequence([torch.tensor(self.reply(row)) for row in rows], True, IGNORED)
        told = labels != IGNORED
        ids = labels.masked_fill(~told, self.adapter.tokenizer.pad_token_id)
        asked["input_ids"] = torch.cat([asked["input_ids"], ids], dim=1)
        asked["attention_mask"] = torch.cat([asked["attention_mask"], told.long()], dim=1)
        return {**asked, "labels": labels, "logits_to_keep": labels.shape[1] + 1}

    def reply(self, lesson: Lesson) -> list[int]:
        """Ids of the answer and of the token that ends it.

        They are read off the whole, since what stands before a word changes its tokens.

        Raises:
            AdapterError: the tokenizer joins the end of the prompt and the answer.
        """
        prompt = self.adapter.prompt(lesson.text)
        lead = "" if prompt[-1].isspace() else " "
        before, whole = self._ids(prompt), self._ids(prompt + lead + lesson.answer)
        if whole[: len(before)] != before:
            raise AdapterError(f"the tokenizer of {self.adapter.source} joins prompt and answer '{lesson.answer}'")
        return [*whole[len(before) :], self.adapter.stop_ids[0]]

    def answers(self, rows: Sequence[Lesson], decoding: Decoding) -> list[Prediction]:
        """What the model says of each, parsed as in a run."""
        replies = self.adapter.answer(self._asked(rows), decoding)
        return [
            predict(
                Response(key=row.sample.id, sample_id=row.sample.id, text=reply.text, finish=reply.finish),
                label_space(row.question.space),
            )
            for row, reply in zip(rows, replies, strict=True)
        ]

    def _asked(self, rows: Sequence[Lesson]) -> BatchFeature:
        pictures = [self.adapter.image(images.read(row.sample.image)) for row in rows]
        return self.adapter.batch(pictures, [row.text for row in rows])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.adapter.tokenizer.encode(text, add_special_tokens=False)
        return ids


def answer_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """Cross-entropy of the answers' tokens: a mean over those of a whole step, whatever batches make it."""
    logits = outputs["logits"][:, :-1].float().flatten(0, 1)
    total = torch.nn.functional.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum())


def examine(desk: Desk, exam: Lessons, decoding: Decoding, batch: int) -> dict[str, float]:
    """Question -> accuracy of the generated answers, as a run scores them; processes share the work.

    Each process answers as many batches as any other, since a sharded network answers in all of them at once: the last
    lessons may be answered twice.
    """
    rank, world = _place()
    share = -(-len(exam) // world)
    mine = [min(rank * share + place, len(exam) - 1) for place in range(share)]
    said: list[tuple[int, Prediction]] = []
    for start in range(0, share, batch):
        places = mine[start : start + batch]
        said += zip(places, desk.answers([exam[place] for place in places], decoding), strict=True)
    everything = dict(gather_object(said))
    return _accuracies(exam, [everything[place] for place in range(len(exam))])


def _place() -> tuple[int, int]:
    dist = torch.distributed
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def _accuracies(exam: Lessons, said: Sequence[Prediction]) -> dict[str, float]:
    ends = np.cumsum([len(found) for _, found in exam.parts])
    found = {}
    for (asked, samples), end in zip(exam.parts, ends.tolist(), strict=True):
        pairs = list(zip(samples, said[end - len(samples) : end], strict=True))
        found[asked.name] = metrics.metrics(read_off(label_space(asked.space), pairs))["accuracy"]
    return found
