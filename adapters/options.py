"""Options read from the first token of an answer: which tokens begin which option, and what their probabilities say.

Most vocabularies hold an option several times: "Yes", " Yes", "yes", "▁Yes". All of them count for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

from adapters.base import Reply
from harness.errors import AdapterError

Tokens = dict[str, tuple[int, ...]]
_AT_ONCE = 10_000


class OptionTokens:
    """The tokens of a vocabulary with which options begin.

    Args:
        tokenizer: not used by another thread at the same time.
        source: of the checkpoint, for sentences.
    """

    def __init__(self, tokenizer: Any, source: str) -> None:
        self._tokenizer = tokenizer
        self._source = source
        self._whole: dict[str, list[int]] = defaultdict(list)
        """What a token reads without its spaces -> its ids."""
        special = set(tokenizer.all_special_ids)
        ids = [place for place in range(len(tokenizer)) if place not in special]
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            for place, text in zip(part, tokenizer.batch_decode([[one] for one in part]), strict=True):
                self._whole[text.strip()].append(place)
        self._found: dict[tuple[str, ...], Tokens] = {}

    def of(self, options: Sequence[str]) -> Tokens:
        """Option -> ids of the tokens that begin it; an option of several letters in any case.

        Raises:
            AdapterError: two options begin with one token, so the first token of an answer does not tell them apart.
        """
        wanted = tuple(options)
        if wanted not in self._found:
            found = {option: tuple(sorted(self._ids(option))) for option in wanted}
            self._check(found)
            self._found[wanted] = found
        return self._found[wanted]

    def _ids(self, option: str) -> set[int]:
        forms = {option} if len(option) == 1 else {option, option.lower(), option.upper()}
        return {place for form in forms for place in self._whole.get(form, ())} or self._pieces(option)

    def _pieces(self, option: str) -> set[int]:
        """The first piece of an option that is no token of its own, at the beginning of a text and after a space."""
        rows = [self._tokenizer.encode(text, add_special_tokens=False) for text in (option, f" {option}")]
        return {next(place for place in row if self._tokenizer.decode([place]).strip()) for row in rows}

    def _check(self, found: Tokens) -> None:
        owner: dict[int, str] = {}
        for option, ids in found.items():
            for place in ids:
                if (other := owner.setdefault(place, option)) != option:
                    raise AdapterError(
                        f"the tokenizer of {self._source} begins '{other}' and '{option}' with one token, so its first "
                        "token does not tell them apart: leave out `--answers choice` for this model"
                    )


def chosen(tokens: Tokens, logprobs: Mapping[int, float], prompt_tokens: int, image_tokens: int | None = None) -> Reply:
    """The likeliest option as the reply, with the probability of each, shared out among them.

    Args:
        tokens: option -> ids, as `OptionTokens.of` gives them.
        logprobs: id -> log-probability as the first token, for all these ids.
        prompt_tokens: of the prompt.
        image_tokens: of these, places of the picture.
    """
    peak = max(logprobs[place] for ids in tokens.values() for place in ids)
    # Relative to the likeliest: all may be more unlikely than a float can say.
    parts = {option: sum(exp(logprobs[place] - peak) for place in ids) for option, ids in tokens.items()}
    whole = sum(parts.values())
    scores = {option: part / whole for option, part in parts.items()}
    return Reply(
        text=max(scores, key=scores.__getitem__),
        finish="stop",
        prompt_tokens=prompt_tokens,
        new_tokens=1,
        image_tokens=image_tokens,
        label_scores=scores,
        option_mass=min(1.0, whole * exp(peak)),
    )
