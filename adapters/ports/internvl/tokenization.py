"""The tokenizer of InternLM2, made from the published `tokenizer.model` without the code that comes with it.

Source: OpenGVLab/InternVL, internvl_chat/internvl/model/internlm2/tokenization_internlm2.py, which asks the
SentencePiece library for every text between two added tokens. The same pieces are merged here by a fast tokenizer.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from tokenizers.models import BPE
from transformers import TokenizersBackend

SPACE = "▁"
UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6
"""Types of pieces that are not the result of a merge; NORMAL is 1."""
PIECES, TRAINER, NORMALIZER = 1, 2, 3
"""Field numbers of a SentencePiece model; those within its messages stand where they are read."""


class Piece(NamedTuple):
    """One entry of the vocabulary; of two possible merges the one that gives the higher score is made first."""

    text: str
    score: float
    type: int


class InternLM2Tokenizer(TokenizersBackend):
    """Byte-fallback BPE without a prefix space, under the class name of the published tokenizer_config.json."""

    vocab_files_names = {"vocab_file": "tokenizer.model", "tokenizer_file": "tokenizer.json"}  # noqa: RUF012
    padding_side = "left"

    @classmethod
    def convert_to_native_format(cls, **kwargs: Any) -> dict[str, Any]:
        """Arguments of the constructor: a saved tokenizer.json as it is, else what `tokenizer.model` says.

        Raises:
            ValueError: the checkpoint has neither file, or its `tokenizer.model` is of another kind.
        """
        kwargs.setdefault("add_bos_token", True)  # a default of the published class, written in no file
        if kwargs.get("tokenizer_file") is not None:
            return super().convert_to_native_format(**kwargs)
        if kwargs.get("vocab_file") is None:
            raise ValueError("the checkpoint holds no tokenizer.model and no tokenizer.json: copy one of them into it")
        renamed = {int(index): str(token) for index, token in (kwargs.get("added_tokens_decoder") or {}).items()}
        return kwargs | {"tokenizer_object": read(Path(kwargs["vocab_file"]), renamed)}

    def _decode(self, token_ids: Any, skip_special_tokens: bool = False, *_: Any, **kwargs: Any) -> str:
        """The text as the published class gives it: without the spaces before full stops, commas and the like.

        SentencePiece writes one U+FFFD per byte that is no text; the fast tokenizer spoils its neighbours too.
        """
        ids = [token_ids] if isinstance(token_ids, int) else list(token_ids)
        pieces = self.convert_ids_to_tokens(ids, skip_special_tokens=skip_special_tokens)
        text = b"".join(map(_bytes, pieces)).decode(errors="surrogateescape")
        return self.clean_up_tokenization(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text))


_BYTE = re.compile("<0x[0-9A-F]{2}>")
_NO_TEXT = re.compile("[\udc80-\udcff]")


def _bytes(piece: str) -> bytes:
    return bytes.fromhex(piece[3:5]) if _BYTE.fullmatch(piece) else piece.replace(SPACE, " ").encode()


def read(file: Path, renamed: dict[int, str] | None = None) -> Tokenizer:
    """A fast tokenizer with the ids of a SentencePiece BPE model.

    Args:
        file: the model.
        renamed: id -> added token that stands in the place of an unused piece.

    Raises:
        ValueError: the model is no byte-fallback BPE, or changes texts before it cuts them.
    """
    pieces = read_pieces(file)
    names = [(renamed or {}).get(index, piece.text) for index, piece in enumerate(pieces)]
    vocabulary = {name: index for index, name in enumerate(names)}
    model = BPE(vocabulary, merges(pieces), unk_token=names[0], fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    whole = [piece.text for piece in pieces if piece.type == USER_DEFINED and piece.text in vocabulary]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in whole])
    return tokenizer


def merges(pieces: list[Piece]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, the highest score first.

    Scores, not ids, are the order of merging: in InternLM2 Chinese pieces were added after the English ones.
    """
    scores = {piece.text: piece.score for piece in pieces if piece.type not in (UNKNOWN, CONTROL, USER_DEFINED, BYTE)}
    found = [
        (-score, at, text[:-at], text[-at:])
        for text, score in scores.items()
        for at in range(1, len(text))
        if text[:-at] in scores and text[-at:] in scores
    ]
    found.sort(key=lambda merge: merge[:2])
    return [(left, right) for _, _, left, right in found]


def read_pieces(file: Path) -> list[Piece]:
    """The vocabulary of a SentencePiece model, in the order of the ids.

    Raises:
        ValueError: the model is no byte-fallback BPE, or changes texts before it cuts them.
    """
    pieces, trainer, normalizer = [], dict[int, Any](), dict[int, Any]()
    for number, message in _fields(file.read_bytes()):
        if number == PIECES:
            text, score, kind = (dict(_fields(message)).get(field, default) for field, default in _PIECE)
            pieces.append(Piece(text.decode(), struct.unpack("<f", score)[0], kind))
        elif number == TRAINER:
            trainer = dict(_fields(message))
        elif number == NORMALIZER:
            normalizer = dict(_fields(message))
    if trainer.get(3) != 2 or not trainer.get(35):  # model_type, byte_fallback
        raise ValueError(f"{file} is no SentencePiece BPE model with byte fallback, which InternLM2's is")
    # precompiled_charsmap, add_dummy_prefix, remove_extra_whitespaces: the latter two are on unless written down
    if normalizer.get(2) or normalizer.get(3, 1) or normalizer.get(4, 1):
        raise ValueError(f"{file} normalises texts or puts a space before them, which InternLM2's does not")
    return pieces


_PIECE = ((1, b""), (2, b"\0\0\0\0"), (3, 1))


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values of a message in the wire format of protocol buffers (the package is not needed for this)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size, at = _varint(message, at)
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
