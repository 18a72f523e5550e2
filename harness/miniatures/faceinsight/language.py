"""The stand-in for Vicuna: a small Llama that is taught to read, from text alone.

A lesson is FaceInsight's prompt with words where picture and knowledge go: what is present in a face, then the
question, then characteristics, behind each of which "Yes" or "No" is to follow, then the answer. A 7B model brings this
ability along. Vectors that mix the words of several phrases stand in for words half of the time, since what the
adapters will give the model are no words either.

Shapes: B rows, L positions, D width, K characteristics.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from faceinsight.faces import LabelledFaces
from faceinsight.labels import Bools, JointLabels
from tasks.labels import label_space
from tasks.registry import QUESTIONS
from tasks.words import answer

SLOTS = 28
"""Characteristics asked about in one lesson, at most."""
BASKETS = 12
"""Positions over which the phrases of a face are spread where they are mixed."""
IGNORED = -100


class Position(NamedTuple):
    """What stands at one place of a lesson, and which token should follow it."""

    tokens: tuple[int, ...]
    """Their embeddings are averaged."""
    follows: int = IGNORED


@dataclass(frozen=True)
class Teacher:
    """Makes lessons about faces out of their labels.

    Args:
        tokenizer: of the miniature.
        template: of the adapter, with <image>, {question} and <knowledge> in it.
        labels: the joint label space.
    """

    tokenizer: Any
    template: str
    labels: JointLabels

    def lesson(self, dataset: str, present_K: Bools, known_K: Bools, rng: np.random.Generator) -> list[Position]:
        """One lesson about a face of a dataset."""
        head, rest = self.template.split("<image>")
        middle, tail = rest.split("<knowledge>")
        questions = [asked for asked in QUESTIONS.values() if asked.dataset == dataset]
        asked = questions[int(rng.integers(len(questions)))]
        facts = rng.permutation(np.flatnonzero(present_K & known_K))
        opening = [Position((self.tokenizer.bos_token_id,)), *self._text(head)]
        asking = self._text(middle.replace("{question}", asked.render().text))
        packed = rng.random() < 0.5
        told = self._mixed(facts, rng) if packed else [p for fact in facts for p in self._text(self.phrase(fact))]
        return [
            *opening, *told, *asking, *self._slots(present_K, known_K, packed, rng), *self._text(tail),
            *self._answer(asked.space, present_K),
        ]  # fmt: skip

    def phrase(self, column: int) -> str:
        """A characteristic in words, with the space a sentence puts before it."""
        return " " + self.labels.characteristics[column].phrase

    def texts(self) -> list[str]:
        """Everything the tokens are to be learnt from, but for the answers."""
        frame = self.template.replace("{question}", "")
        phrases = [self.phrase(column) + said for column in range(len(self.labels)) for said in (" Yes", " No")]
        return [frame, *(asked.render().text for asked in QUESTIONS.values()), *phrases]

    def _text(self, words: str) -> list[Position]:
        return [Position((token,)) for token in self.tokenizer.encode(words, add_special_tokens=False)]

    def _mixed(self, facts: Iterable[int], rng: np.random.Generator) -> list[Position]:
        baskets: list[list[int]] = [[] for _ in range(BASKETS)]
        for fact in facts:
            tokens = self.tokenizer.encode(self.phrase(fact), add_special_tokens=False)
            for place in rng.choice(BASKETS, size=2, replace=False):  # a face shows a thing in more than one patch
                baskets[place] += tokens
        return [Position(tuple(basket)) for basket in baskets if basket]

    def _slots(self, present_K: Bools, known_K: Bools, packed: bool, rng: np.random.Generator) -> list[Position]:
        held, lacked = (rng.permutation(np.flatnonzero(known_K & (present_K == here))) for here in (True, False))
        chosen = rng.permutation(np.concatenate([held[: SLOTS // 2], lacked[: SLOTS // 2]]))
        slots: list[Position] = []
        for column in chosen:
            tokens = self.tokenizer.encode(self.phrase(column), add_special_tokens=False)
            said = yes_no(self.tokenizer)[0 if present_K[column] else 1]
            whole = [Position(tuple(tokens))] if packed else [Position((token,)) for token in tokens]
            slots += [*whole[:-1], whole[-1]._replace(follows=said)]
        return slots

    def _answer(self, space: str, present_K: Bools) -> list[Position]:
        text = answer(space, self.labels.held(space, present_K))
        if label_space(space).kind == "attributes" and "\n" in text:
            return []
        tokens = [*self.tokenizer.encode(" " + text, add_special_tokens=False), self.tokenizer.eos_token_id]
        return [Position((token,), after) for token, after in zip(tokens, [*tokens[1:], IGNORED], strict=True)]


def yes_no(tokenizer: Any) -> tuple[int, int]:
    """The tokens of " Yes" and " No".

    Raises:
        ValueError: one of them is not a single token.
    """
    found = [tokenizer.encode(word, add_special_tokens=False) for word in (" Yes", " No")]
    if any(len(ids) != 1 for ids in found):
        raise ValueError(f"' Yes' and ' No' must be single tokens, but they are {found}")
    return found[0][0], found[1][0]


def lessons(teacher: Teacher, faces: LabelledFaces, size: int, seed: int) -> Iterator[list[list[Position]]]:
    """Endless batches about faces drawn at random; the seed settles all."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(faces), size=size)
        yield [teacher.lesson(faces.dataset(row), faces.labels_NK[row], faces.mask_NK[row], rng) for row in chosen]


def loss(model: Any, said: tuple[int, int], batch: Sequence[Sequence[Position]]) -> Tensor:
    """Cross-entropy of the tokens that are to follow; half for yes and no, half for the answers."""
    rows = [torch.tensor([place.follows for place in row]) for row in batch]
    follows_BL = pad_sequence(rows, batch_first=True, padding_value=IGNORED)
    attention_BL = pad_sequence([torch.ones(len(row), dtype=torch.long) for row in batch], batch_first=True)
    embedded_BLD = _embed(model.get_input_embeddings().weight, batch)
    hidden_BLD = model.model(inputs_embeds=embedded_BLD, attention_mask=attention_BL, use_cache=False).last_hidden_state
    wanted = follows_BL != IGNORED
    each = F.cross_entropy(model.lm_head(hidden_BLD[wanted]).float(), follows_BL[wanted], reduction="none")
    slots = torch.isin(follows_BL[wanted], torch.tensor(said))
    return 0.5 * each[slots].mean() + 0.5 * each[~slots].mean()


def _embed(weight_VD: Tensor, batch: Sequence[Sequence[Position]]) -> Tensor:
    places = [place.tokens for row in batch for place in row]
    offsets = torch.tensor([0, *np.cumsum([len(tokens) for tokens in places])[:-1].tolist()])
    flat = torch.tensor([token for tokens in places for token in tokens])
    embedded = F.embedding_bag(flat, weight_VD, offsets, mode="mean")
    return pad_sequence(list(embedded.split([len(row) for row in batch])), batch_first=True)
