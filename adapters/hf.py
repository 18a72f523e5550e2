"""The base of all models that transformers has a class for: prompt, batch (adapters/loaded.py), and here the answer.

A subclass states its official prompt (`template`), what stops it (`stops`), whether the prompt opens with the
tokenizer's begin-of-sequence token (`bos`), and, where the original treats images in its own way, `image`.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from transformers import BatchFeature

from adapters.base import Reply
from adapters.loaded import Loaded
from adapters.options import OptionTokens, chosen
from harness.records import Decoding


class ChatModel(Loaded):
    """One checkpoint that answers a question about one image."""

    @torch.inference_mode()
    def answer(self, batch: BatchFeature, decoding: Decoding) -> list[Reply]:
        """Generate one reply per row; greedy at temperature 0, else sampled with the seed.

        Sampled replies depend on the composition of the batch; greedy ones do not.
        """
        inputs = batch.to(self.device, self.dtype)
        if decoding.temperature > 0:
            torch.manual_seed(decoding.seed)
        output = self.model.generate(**inputs, **self.generation(decoding))
        width = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        rows = output[:, width:].tolist()
        replies = [self.reply(row, length, decoding) for row, length in zip(rows, lengths, strict=True)]
        counts = self.image_tokens(inputs)
        return [one.model_copy(update={"image_tokens": count}) for one, count in zip(replies, counts, strict=True)]

    @torch.inference_mode()
    def choose(self, batch: BatchFeature, options: Sequence[Sequence[str]]) -> list[Reply]:
        """The likeliest option per row, from the log-probabilities of the first token before any is ruled out."""
        inputs = batch.to(self.device, self.dtype)
        words = self.generation(Decoding(max_new_tokens=1)) | {"output_logits": True, "return_dict_in_generate": True}
        logprobs = self.model.generate(**inputs, **words).logits[0].float().log_softmax(dim=-1).cpu()
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        rows = zip(options, logprobs.numpy(), lengths, self.image_tokens(inputs), strict=True)
        return [chosen(self.options.of(asked), row, length, count) for asked, row, length, count in rows]

    @cached_property
    def options(self) -> OptionTokens:
        """Which tokens begin which option; made when options are first asked for."""
        return OptionTokens(self._decoder, self.source)

    def generation(self, decoding: Decoding) -> dict[str, Any]:
        """Decoding in the words of transformers, every value that could change an answer explicit."""
        words: dict[str, Any] = {
            "max_new_tokens": decoding.max_new_tokens,
            "do_sample": decoding.temperature > 0,
            "num_beams": 1,
            "repetition_penalty": 1.0,
            "eos_token_id": self.stop_ids,
            "pad_token_id": self.tokenizer.pad_token_id,
        }
        if decoding.temperature > 0:
            words |= {"temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
        if decoding.stop:
            words |= {"stop_strings": list(decoding.stop), "tokenizer": self._decoder}
        return words

    def reply(self, row: list[int], prompt_tokens: int, decoding: Decoding) -> Reply:
        """The answer in the tokens of a row, which may go on behind the end of it."""
        end = next((i for i, token in enumerate(row) if token in self.stop_ids), None)
        text = self._decode(row if end is None else row[:end])
        cuts = [at for stop in decoding.stop if (at := text.find(stop)) >= 0]
        new_tokens = len(row) if end is None else end + 1
        if cuts:
            text = text[: min(cuts)]
            while new_tokens > 1 and row[new_tokens - 1] == self.tokenizer.pad_token_id:
                new_tokens -= 1  # the rest of the batch went on after this row had met its stop string
        finish = "length" if end is None and not cuts else "stop"
        return Reply(text=text, finish=finish, prompt_tokens=prompt_tokens, new_tokens=new_tokens)

    def _decode(self, ids: list[int]) -> str:
        text: str = self._decoder.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
