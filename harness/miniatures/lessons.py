"""Lessons as tensors: every face through the adapter once, every question through the tokenizer once."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BatchFeature

from adapters.hf import ChatModel
from harness import images
from harness.miniatures.corpus import Lesson
from harness.records import ImageRef

_TEXT = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")

Layout = tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
"""Shapes and whole numbers of a face's tensors: all that the text around it can depend on."""


class Picture(NamedTuple):
    """What one face is to the network."""

    tensors: dict[str, Tensor]
    layout: Layout


class Example(NamedTuple):
    """One lesson: token ids [length] of prompt and answer, how many belong to the prompt, and whose face it is."""

    ids: Tensor
    prompt: int
    image: ImageRef
    question: str


class Desk:
    """Turns lessons into batches with the adapter's own prompt and image treatment.

    Args:
        adapter: a loaded model; only its text and image side is used.
    """

    def __init__(self, adapter: ChatModel) -> None:
        self.adapter = adapter
        self.tokenizer = adapter.tokenizer
        self.image_token: int = adapter.config.image_token_id
        self.stop = adapter.stop_ids[0]
        self._pictures: dict[str, Picture] = {}
        self._prompts: dict[tuple[str, Layout], list[int]] = {}

    def picture(self, reference: ImageRef) -> Picture:
        """The face as tensors, pixels in half precision; read and prepared once."""
        key = f"{reference.path}|{reference.box}"
        if key not in self._pictures:
            batch = self._batch(reference, "?")
            tensors = {name: batch[name] for name in batch if name not in _TEXT}
            layout = tuple((name, tuple(value.shape), _numbers(value)) for name, value in tensors.items())
            halves = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
            self._pictures[key] = Picture(halves, layout)
        return self._pictures[key]

    def example(self, lesson: Lesson, answer: str) -> Example:
        """Prompt, answer and stop token as ids."""
        prompt = self._prompt(lesson.text, lesson.image)
        # The answer follows a prompt that ends in a word (LLaVA) or in a line break (the chat formats).
        lead = "" if self.adapter.prompt("?")[-1].isspace() else " "
        reply = self.tokenizer.encode(lead + answer, add_special_tokens=False)
        return Example(torch.tensor([*prompt, *reply, self.stop]), len(prompt), lesson.image, lesson.question)

    def _prompt(self, question: str, reference: ImageRef) -> list[int]:
        key = (question, self.picture(reference).layout)
        if key not in self._prompts:
            self._prompts[key] = self._batch(reference, question)["input_ids"][0].tolist()
        return self._prompts[key]

    def _batch(self, reference: ImageRef, question: str) -> BatchFeature:
        return self.adapter.batch([self.adapter.image(images.read(reference))], [question])

    def pixels(self, references: Sequence[ImageRef]) -> dict[str, Tensor]:
        """The image side of a batch."""
        rows = [self.picture(reference).tensors for reference in references]
        return {name: _stack([row[name] for row in rows]) for name in rows[0]}

    def batch(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Model inputs [B, L], padded on the right, with labels that are -100 outside the answers."""
        ids = pad_sequence([row.ids for row in examples], True, self.tokenizer.pad_token_id)
        lengths = torch.tensor([len(row.ids) for row in examples])
        place = torch.arange(ids.shape[1])
        mask = place < lengths[:, None]
        answer = mask & (place >= torch.tensor([row.prompt for row in examples])[:, None])
        inputs = {"input_ids": ids, "attention_mask": mask.long(), **self.pixels([row.image for row in examples])}
        if "image_grid_thw" in inputs:
            inputs["mm_token_type_ids"] = (ids == self.image_token).int()
        return {**inputs, "labels": ids.masked_fill(~answer, -100)}


def _numbers(value: Tensor) -> tuple[int, ...]:
    return () if value.is_floating_point() else tuple(value.flatten().tolist())


def _stack(rows: list[Tensor]) -> Tensor:
    if not rows[0].is_floating_point():
        return torch.cat(rows)
    pixels = [row.float() for row in rows]
    if pixels[0].dim() == 5:  # anyres tiles [1, tiles, 3, H, W]: pictures with fewer tiles are filled up with zeros
        return pad_sequence([row[0] for row in pixels], batch_first=True)
    return torch.cat(pixels)


def schedule(examples: Sequence[Example], size: int, seed: int) -> Iterator[list[Example]]:
    """Endless batches: each epoch in a new order, rows of like length together; the seed settles all."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(examples), generator=generator).tolist()
        pools = [order[start : start + 32 * size] for start in range(0, len(order), 32 * size)]
        batches = []
        for pool in pools:
            pool.sort(key=lambda index: len(examples[index].ids))
            batches += [pool[start : start + size] for start in range(0, len(pool), size)]
        for chosen in torch.randperm(len(batches), generator=generator).tolist():
            yield [examples[index] for index in batches[chosen]]
