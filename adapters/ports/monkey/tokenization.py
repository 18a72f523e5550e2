"""Qwen-1's tokens as a fast tokenizer, made from the published ranks.

The published checkpoint brings a tiktoken file (one line per token: its bytes in base 64 and its rank) and code that
reads it. The same merges, normalisation and special tokens fit a tokenizer.json, which needs no code.

Source: Yuliang-Liu/Monkey, monkey_model/tokenization_qwen.py.
"""

import base64

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

RANKS_FILE = "qwen.tiktoken"
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END = "<|endoftext|>"
IMAGE = ("<img>", "</img>", "<imgpad>")
SPECIAL = (
    *(END, "<|im_start|>", "<|im_end|>"),
    *(f"<|extra_{number}|>" for number in range(205)),
    *("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>"),
    *IMAGE,
)
"""In the order of their ids, which follow those of the ranks."""

Ranks = dict[bytes, int]


def read_ranks(content: bytes) -> Ranks:
    """Bytes of each token -> its rank, which is also its id.

    Raises:
        ValueError: a line is not of the form BASE64 RANK.
    """
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}


def fast_tokenizer(ranks: Ranks, length: int) -> PreTrainedTokenizerFast:
    """The tokenizer of those ranks; it stops and pads with <|endoftext|>, on the left, and has no start token.

    Args:
        ranks: of the tokens that are no special tokens.
        length: tokens the model reads at most.
    """
    letters = bytes_to_unicode()
    spelled = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = [(spelled[left], spelled[right]) for left, right in _merges(ranks)]
    vocabulary = {spelled[token]: rank for token, rank in ranks.items()}
    backend = Tokenizer(BPE(vocabulary, merges, ignore_merges=True))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END, pad_token=END, padding_side="left", model_max_length=length
    )


def _merges(ranks: Ranks) -> list[tuple[bytes, bytes]]:
    """All pairs of tokens that are a token together, the lowest rank first: tiktoken merges any such pair."""
    tokens = sorted(ranks, key=ranks.__getitem__)
    return [
        (token[:cut], token[cut:])
        for token in tokens
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    ]
