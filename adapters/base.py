"""The two seams of a model, without torch: what an adapter offers and what an engine offers.

An adapter answers either door. A class with `answer` is a model: an engine batches its requests and reads its images.
A class with `generate` is an engine of its own (scripted replies, a remote endpoint) and is used as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from PIL import Image

from harness.records import Decoding, Evidence, Finish, Record, Request, Response

Profile = Literal["tiny", "paper"]
Value = int | float | str | bool
Protocols = Mapping[str, Value]
"""Choices that belong to the measurement, such as min_pixels: recorded with a run, overridable by name."""


class Reply(Record):
    """One answer of a model, before it is tied to its request."""

    text: str
    """New text without special tokens, otherwise verbatim."""
    finish: Finish
    prompt_tokens: int
    new_tokens: int
    """Generated tokens, the stop token included."""
    image_tokens: int | None = None
    """Places of the prompt that hold what the network made of the picture; None where nobody can tell."""
    label_scores: Evidence | None = None
    """Evidence in [0, 1] for each label of the question's space, from a model that has it; of `choose`, for options."""
    option_mass: float | None = None
    """Of `choose`: the probability of all options together, of which they have their shares."""


class Model(Protocol):
    """What the HF engine needs of a model. `image` and `inputs` are called from worker threads.

    A model that reads segmentation maps has an attribute `maps` as well, the folder they lie in (harness/maps.py); the
    engine's opener sets it. One that gives evidence for its free answers has an attribute `evident`, which is true.
    """

    def image(self, image: Image.Image) -> Any:
        """The picture as the model wants to see it before its own preprocessing (padded, say)."""

    def inputs(self, images: Sequence[Any], requests: Sequence[Request]) -> Any:
        """Everything `answer` needs, on the CPU; one image, as `image` gave it, per request."""

    def answer(self, batch: Any, decoding: Decoding) -> list[Reply]:
        """One reply per question, in order."""

    def choose(self, batch: Any, options: Sequence[Sequence[str]]) -> list[Reply]:
        """The option that the first token of each answer begins, and the probability of each; see adapters/options.py.

        A model may lack it; then it cannot be asked for options.
        """


class Engine(Protocol):
    """Requests in, batches of responses out; each batch is yielded as soon as it is there.

    transformers answers in order, vLLM in the order in which answers become complete; each response has its key.
    """

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """Answer all requests; what fails comes back as a response whose finish is "failed"."""
