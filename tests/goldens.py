"""What the proofs of fidelity share: five drawn images, two questions, and how big tensors are sampled.

The files under golden/ hold numbers only: what the upstream code of a model made of these images and questions, with
tiny random weights of its own making. They were written by runs of the upstream repositories named in each note.toml,
which import nothing of this project but this file.
"""

import tempfile
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FOLDER = Path(__file__).parent / "golden"

QUESTIONS = (
    "What is the expression of the person in this photograph?",
    "Is she 25, or over 70?\nNext line:  two spaces, Émile, naïve, 34 % - 脸.",
)
SAMPLED = 6000
"""Values kept of an image tensor that is larger than this."""
STEPS = 16
"""Greedy tokens that must agree."""


def _drawn(width: int, height: int, seed: int) -> Image.Image:
    """A coloured gradient with rings and noise, in whole-number arithmetic: the same bytes on every machine."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    rings = ((x - width // 3) ** 2 + (y - height // 2) ** 2) // (7 * max(width, height) // 10 + 1)
    noise = ((x * 7919 + y * 104729 + seed * 31) ** 2 >> 5) % 23
    red = (x * 255 // max(width - 1, 1) + noise) % 256
    green = (y * 255 // max(height - 1, 1) + rings) % 256
    blue = (rings * 3 + noise * 2 + seed * 40) % 256
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


IMAGES: dict[str, Callable[[], Image.Image]] = {
    "square": lambda: _drawn(500, 500, 0),
    "wide": lambda: _drawn(900, 320, 1),
    "tall": lambda: _drawn(317, 701, 2),
    "grey": lambda: _drawn(420, 520, 3).convert("L"),
    "tiny": lambda: _drawn(23, 17, 4),
}
"""By name; the grey one has one channel, as a greyscale photograph on disk."""
CASES = {**dict.fromkeys(IMAGES, QUESTIONS[0]), "words": QUESTIONS[1]}
"""Case -> question; "words" is the square image again."""


def sample(values: Tensor) -> Tensor:
    """The tensor flattened, or, where it is large, `SAMPLED` of its values spread over all of it."""
    flat = values.detach().reshape(-1).to(torch.float32)
    if len(flat) <= SAMPLED:
        return flat
    # A stride of the golden ratio visits every region, in no step with rows, channels or tiles.
    places = (torch.arange(SAMPLED, dtype=torch.float64) * 0.6180339887498949 % 1.0 * len(flat)).long()
    return flat[places.sort().values]


def checkpoint(name: str) -> Path:
    """The tiny checkpoint that the upstream code wrote."""
    return FOLDER / name / "checkpoint"


def note(name: str) -> dict[str, Any]:
    """What was run and compared for a model."""
    found: dict[str, Any] = tomllib.loads((FOLDER / name / "note.toml").read_text(encoding="utf-8"))
    return found


def face(case: str) -> Image.Image:
    """The image of a case as the engine reads it from disk."""
    from harness import images
    from harness.records import ImageRef

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.png"
        IMAGES.get(case, IMAGES["square"])().save(path)
        return images.read(ImageRef(path=path))


def weights(name: str) -> dict[str, Tensor]:
    """All tensors of that checkpoint, by their published names."""
    from safetensors.torch import load_file

    return load_file(checkpoint(name) / "model.safetensors")


@cache
def model(name: str) -> Any:
    """The adapter of this name on the upstream checkpoint, in float32 on the CPU."""
    from adapters.registry import spec

    torch.set_num_threads(1)
    found: Any = spec(name).load()
    return found(str(checkpoint(name)), device="cpu", dtype="float32")


def greedy(network: Any, batch: Any, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Greedy tokens [B, steps], whatever would stop them otherwise, and the logits [B, steps, V] they come from."""
    output = network.generate(
        **batch,
        max_new_tokens=steps,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return output.sequences[:, batch["input_ids"].shape[1] :], torch.stack(output.logits, dim=1)
