"""Prompts for MiniCPM-Llama3-V-2.5: what a picture becomes in the text, and the published tokenizer as it was meant.

Source: openbmb/MiniCPM-Llama3-V-2_5, processing_minicpmv.py, tokenization_minicpmv_fast.py and tokenizer_config.json.
"""

from typing import Any, ClassVar

from transformers import AddedToken, BatchFeature, PreTrainedTokenizerFast

from adapters.ports.processing import PortProcessor

PADDING = "!"
"""The published padding token: an everyday character of the vocabulary."""


class MiniCPMVProcessor(PortProcessor):
    """A view becomes <image>, one <unk> per token, </image>; the slices stand in rows after the overview."""

    placeholder: ClassVar[str] = "(<image>./</image>)"
    image_token = "<unk>"  # noqa: S105 - a token of text, no secret

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """Ids of a prompt whose placeholder stands for picture `index` of `features`."""
        rows, columns = features["slice_grids"][index].tolist()
        view = f"<image>{self.image_token * self.image_processor.image_feature_size}</image>"
        picture = view
        if rows:
            picture += "<slice>" + "\n".join([view * columns] * rows) + "</slice>"
        prompt = text.replace(self.placeholder, picture, 1)
        ids: list[int] = self.tokenizer.encode(prompt, add_special_tokens=add_special_tokens)
        return ids

    @classmethod
    def _load_tokenizer_from_pretrained(
        cls, sub_processor_type: str, pretrained_model_name_or_path: str, subfolder: str = "", **kwargs: Any
    ) -> PreTrainedTokenizerFast:
        return load_tokenizer(pretrained_model_name_or_path, subfolder=subfolder, **kwargs)


def load_tokenizer(source: str, **kwargs: Any) -> PreTrainedTokenizerFast:
    """The tokenizer of a checkpoint from its tokenizer.json, whatever class the checkpoint names.

    The published class brings its own `__init__`, for which transformers 5 rebuilds a tokenizer without merges, spaces
    and newlines. The published padding token is "!", which makes "!" a special token: it is split off the words around
    it, as upstream does here too, but a question may hold it and an answer keeps it (upstream deletes it as padding).
    """
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(source, **kwargs)
    if tokenizer.pad_token != PADDING:
        return tokenizer
    tokenizer = PreTrainedTokenizerFast.from_pretrained(source, pad_token=tokenizer.eos_token, **kwargs)
    tokenizer.add_tokens([AddedToken(PADDING, normalized=False, special=False)])
    return tokenizer
