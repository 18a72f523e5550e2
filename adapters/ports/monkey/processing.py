"""From pictures to views and from prompts to ids, as Monkey reads them.

Upstream writes the path of the image between `<img>` and `</img>`, as bytes and padded with `<imgpad>` to 1280 ids, and
the network overwrites all of them with features. Here every one of these places holds `<imgpad>`, and no path is known.

Source: Yuliang-Liu/Monkey, monkey_model/visual.py (encode), tokenization_qwen.py and inference.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.utils.hub import cached_file

from adapters.ports.monkey.configuration import MonkeyConfig
from adapters.ports.monkey.tokenization import IMAGE, RANKS_FILE, fast_tokenizer, read_ranks
from adapters.ports.processing import PortProcessor
from harness.errors import AdapterError

MEAN_C11 = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD_C11 = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
# Without a network, a file that is not in the cache may be missing from the repository or from the cache alone.
_MAY_BE_MISSING: dict[str, Any] = {
    "_raise_exceptions_for_missing_entries": False,
    "_raise_exceptions_for_connection_errors": False,
}


class MonkeyImageProcessor(BaseImageProcessor):
    """Four windows and the whole of an image resized to a square; its aspect is lost.

    Args:
        image_size: pixels of the square; a window, and the whole made small, have half of them.
        tokens: the vision tower makes of one image.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    def __init__(self, image_size: int = 896, tokens: int = 1280, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_size = image_size
        self.tokens = tokens

    def __call__(self, images: Sequence[Image.Image], return_tensors: str = "pt") -> BatchFeature:
        """`pixel_values` [B * V, 3, S, S]: of each image its windows row by row, then the whole."""
        return BatchFeature({"pixel_values": torch.cat([self.views(image) for image in images])})

    def views(self, image: Image.Image) -> Tensor:
        """The five views [V, 3, S, S] of one picture."""
        size, half = self.image_size, self.image_size // 2
        square = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        levels_CHW = torch.from_numpy(np.array(square)).permute(2, 0, 1)
        pixels_CHW = (levels_CHW.float() / 255 - MEAN_C11) / STD_C11
        windows = pixels_CHW.unfold(1, half, half).unfold(2, half, half).flatten(1, 2).transpose(0, 1)
        # Upstream makes the whole small without antialiasing, from pixels that are normalised already.
        whole = F.interpolate(pixels_CHW[None], size=(half, half), mode="bicubic")
        return torch.cat([windows, whole])


class MonkeyProcessor(PortProcessor):
    """Prompts `<img><imgpad></img> ...` with one picture each; the `<imgpad>` becomes one per feature."""

    image_token = IMAGE[-1]
    placeholder = IMAGE[-1]

    @classmethod
    def from_pretrained(cls, source: str | Path, **kwargs: Any) -> Self:
        """Of a folder it saved, or of the published checkpoint, which has ranks and a config.json only."""
        if cached_file(source, "processor_config.json", **_MAY_BE_MISSING, **kwargs):
            return super().from_pretrained(source, **kwargs)
        config = MonkeyConfig.from_pretrained(source, **kwargs)
        vision = config.vision_config
        images = MonkeyImageProcessor(image_size=vision.image_size, tokens=vision.views * vision.n_queries)
        ranks = read_ranks(Path(cached_file(source, RANKS_FILE, **kwargs)).read_bytes())
        return cls(images, fast_tokenizer(ranks, config.seq_length))

    def encode(self, text: str, index: int, features: BatchFeature, add_special_tokens: bool) -> list[int]:
        """Ids of a prompt; what stands between `<img>` and `</img>` is `<imgpad>` only.

        Raises:
            AdapterError: the prompt is longer than the language model was trained for.
        """
        words = self.tokenizer.encode(text, add_special_tokens=add_special_tokens)
        ids = self.filled(words, self.image_processor.tokens)
        if len(ids) > self.tokenizer.model_max_length:
            raise AdapterError(
                f"a prompt of {len(ids)} tokens, {self.image_processor.tokens} of them the image, is longer than the "
                f"{self.tokenizer.model_max_length} Monkey's language model was trained on: shorten the question"
            )
        return ids
