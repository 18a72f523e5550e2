"""What is checked before a checkpoint may answer: errors here are loud, in a benchmark they would be silent.

transformers 5 can load a tokenizer that drops all spaces without a warning; prompts can carry two begin-of-sequence
tokens, or none; a question can contain the text of a special token and so pass for a second image.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing

from adapters.base import Protocols
from harness.errors import AdapterError, UnknownNameError

PROBE = "Is she 25, or over 70?\nNext line:  two spaces, Émile, naïve, 34 % - 脸."
CARD = "finetune.json"
"""Beside a fine-tuned checkpoint: what it was fine-tuned on, and how."""
_PLACEHOLDERS = ("image_token", "video_token", "placeholder")


def is_folder(source: str) -> bool:
    """Whether a source is on this disk; anything else is a repository id.

    Raises:
        AdapterError: it is written like a path but there is no such folder.
    """
    path = Path(source)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise AdapterError(f"folder {source} holds no config.json, so it is no checkpoint of transformers")
        return True
    if path.is_absolute() or source.startswith((".", "~")) or source.count("/") != 1:
        raise AdapterError(f"there is no folder {source}, and it is not a repository id of the form owner/name")
    return False


def card(source: str) -> dict[str, Any] | None:
    """What `python -m harness finetune` wrote beside a checkpoint of its own, as far as reports need it."""
    try:
        found = json.loads(Path(source, CARD).read_text(encoding="utf-8"))
        return {name: found[name] for name in ("tasks", "questions", "method")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def loading(source: str) -> Iterator[None]:
    """Turn whatever goes wrong while loading into one sentence."""
    try:
        yield
    except AdapterError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, ImportError, RuntimeError ...
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        if "custom code" in str(error):
            reason = "it needs code of its own, and code that comes with a checkpoint is never run here"
        raise AdapterError(
            f"checkpoint {source} cannot be loaded: {reason} "
            "A repository id needs a network or a filled cache; a folder can be given as NAME@FOLDER."
        ) from error


def check_complete(report: Mapping[str, Any], source: str) -> None:
    """Every weight must come from the checkpoint: transformers draws those it does not find, and only warns."""
    missing = sorted([*report["missing_keys"], *(str(key) for key in report.get("mismatched_keys", ()))])
    if missing:
        raise AdapterError(
            f"checkpoint {source} lacks {len(missing)} of the network's weights, '{missing[0]}' among them: it is not "
            "this model's, or not whole; download it again."
        )


def protocol(defaults: Protocols, given: Protocols, source: str) -> dict[str, Any]:
    """The defaults with the given values put in; a name that is not among them is an error."""
    for name in given:
        if name not in defaults:
            raise UnknownNameError.of("protocol field", name, defaults, f"The adapter of {source}")
    return {**defaults, **given}


def check_round_trip(tokenizer: Any, source: str) -> None:
    """Text with spaces, a newline, digits and non-ASCII must survive the tokenizer."""
    ids = tokenizer.encode(PROBE, add_special_tokens=False)
    back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    if back != PROBE:
        raise AdapterError(
            f"the tokenizer of {source} changes text: {PROBE!r} becomes {back!r}. It was loaded as "
            f"{type(tokenizer).__name__}; the checkpoint needs a tokenizer.json that transformers reads unchanged."
        )


def check_image_token(processor: Any, config: Any, source: str) -> None:
    """The placeholder in the prompt must be one token, and the one the network looks for."""
    token = getattr(processor, "image_token", None)
    wanted = getattr(config, "image_token_id", None)
    if token is None or wanted is None:
        return  # not every architecture has a placeholder; the generic adapter loads those too
    ids = processor.tokenizer.encode(token, add_special_tokens=False)
    if ids != [wanted]:
        raise AdapterError(f"in {source} the image token '{token}' is {ids}, but the network looks for [{wanted}]")


def special_strings(processor: Any) -> tuple[str, ...]:
    """Every string that the tokenizer would not read as plain text."""
    added = processor.tokenizer.added_tokens_decoder.values()
    strings = {token.content for token in added if token.special}
    strings |= set(processor.tokenizer.all_special_tokens)
    strings |= {token for name in _PLACEHOLDERS if isinstance(token := getattr(processor, name, None), str)}
    return tuple(sorted(string for string in strings if string.strip()))


def check_question(question: str, special: Sequence[str]) -> None:
    """Refuse a question that holds a special token: escaping would change the words that are measured."""
    found = [token for token in special if token in question]
    if found:
        raise AdapterError(f"the question contains '{found[0]}', a special token of this model: take it out")


def settle_bos(tokenizer: Any, bos: bool, source: str) -> None:
    """Make the tokenizer put exactly one begin-of-sequence token before a prompt, where the official prompt has one.

    It must not be written into the text: SentencePiece reads the "A" of "<s>A" and of <s> + "A" differently.
    """
    if not bos:
        return  # the adapter then asks for no special tokens at all
    first = tokenizer.bos_token_id
    if first is None:
        raise AdapterError(f"the tokenizer of {source} has no begin-of-sequence token, but the official prompt has one")
    wanted = [first, *tokenizer.encode("A", add_special_tokens=False)]
    if tokenizer.encode("A") == wanted:
        return
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{tokenizer.bos_token} $A", special_tokens=[(tokenizer.bos_token, first)]
    )
    if tokenizer.encode("A") != wanted:
        raise AdapterError(f"the tokenizer of {source} cannot put exactly one {tokenizer.bos_token} before a prompt")


def stop_ids(tokenizer: Any, stops: Sequence[str], source: str) -> list[int]:
    """Ids of the stop tokens and of eos, found by name; the first name must exist.

    Raises:
        AdapterError: the first stop token is not in the vocabulary, so answers would never end.
    """
    vocabulary = tokenizer.get_vocab()
    if stops and stops[0] not in vocabulary:
        raise AdapterError(
            f"the tokenizer of {source} lacks the stop token '{stops[0]}': is it this model's checkpoint?"
        )
    ids = [vocabulary[stop] for stop in stops if stop in vocabulary]
    return list(dict.fromkeys([*ids, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])]))
