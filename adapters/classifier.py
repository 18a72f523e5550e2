"""The base of models that decide between labels and write no text: the specialists of the paper's table 4, the floors.

Each of their answers is the likeliest label in the words of the question, or the attributes that are likelier present
than absent, with the probability of every label beside it.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from adapters import guards
from adapters.base import Protocols, Reply
from adapters.place import device_of, dtype_of
from harness.errors import AdapterError
from harness.records import Decoding, Request
from tasks.coarser import added_up, coarser
from tasks.labels import label_space
from tasks.words import answer, decide

Heads = Mapping[str, tuple[str, ...]]
"""Label space -> its labels in the order of a network's outputs."""


class Batch(NamedTuple):
    """Pictures and what is asked about each."""

    pixels: Tensor
    """[B, ...], as `image` gives them, on the CPU."""
    spaces: tuple[str, ...]
    """The label space of each question."""
    keys: tuple[str, ...]
    """Of their requests."""


class Classifier:
    """One checkpoint that gives each label of its own spaces a probability.

    A subclass names its heads, loads its network, prepares a picture (`image`) and reads it (`read`). A question in a
    space that tells less apart than one of its own is answered by name (tasks/coarser.toml).

    Args:
        source: file, folder or repository id of the checkpoint.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ...
        dtype: the name of a torch dtype; "auto" is float32, for these networks are small.
        protocol: overrides of `defaults`, by name.

    Raises:
        AdapterError: the checkpoint cannot be loaded.
    """

    heads: Heads
    defaults: ClassVar[Protocols] = {}
    """Choices that belong to the measurement, by name; `protocol` holds those in force."""
    evident = True

    def __init__(
        self, source: str, device: str = "auto", dtype: str = "auto", protocol: Protocols | None = None
    ) -> None:
        self.source = str(source)
        self.protocol = guards.protocol(self.defaults, protocol or {}, self.source)
        self.device = device_of(device)
        self.dtype = dtype_of("float32" if dtype == "auto" else dtype, self.device)
        self.model = self.load().to(self.device, self.dtype).eval().requires_grad_(False)

    def load(self) -> nn.Module:
        """The network with its weights, on the CPU."""
        raise NotImplementedError

    def image(self, image: Image.Image) -> Tensor:
        """The picture as the network's own code prepares it: a tensor of one shape for all pictures."""
        raise NotImplementedError

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Space -> logits [B, labels of its head], in the order of `heads`, of pictures [B, ...] on the device."""
        raise NotImplementedError

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(weight.numel() for weight in self.model.parameters())

    def inputs(self, images: Sequence[Tensor], requests: Sequence[Request]) -> Batch:
        """The batch of these requests: of all they hold, a label space is read.

        Raises:
            AdapterError: a question asks in a label space of which the model knows nothing.
        """
        for space in dict.fromkeys(request.space for request in requests):
            self.head_of(space)
        spaces, keys = (tuple(getattr(request, name) for request in requests) for name in ("space", "key"))
        return Batch(torch.stack(list(images)), spaces, keys)

    @torch.inference_mode()
    def answer(self, batch: Batch, decoding: Decoding) -> list[Reply]:
        """One reply per row; of decoding nothing is used, for no token is generated."""
        logits = self.read(batch.pixels.to(self.device, self.dtype))
        shares = {space: _shares(space, values) for space, values in logits.items()}
        heads = [self.head_of(space) for space in batch.spaces]
        return [
            self._reply(space, key, self._row(space, head, shares[head][row]))
            for row, (space, head, key) in enumerate(zip(batch.spaces, heads, batch.keys, strict=True))
        ]

    def decided(self, space: str, row: Mapping[str, float], key: str) -> tuple[str, ...]:
        """The labels that are said to hold.

        Args:
            space: the label space of the question.
            row: label -> probability, of every label of it.
            key: of the request.
        """
        return decide(space, row, present=0.5)

    def head_of(self, space: str) -> str:
        """The head that answers in a label space: its own, or one that tells more apart.

        Raises:
            AdapterError: there is none.
        """
        found = [head for head in self.heads if coarser(head, space) is not None]
        if not found:
            raise AdapterError(
                f"{self.source} decides between labels, and has none of '{space}': ask it {', '.join(self.heads)}"
            )
        return space if space in found else found[0]

    def _row(self, space: str, head: str, shares: Sequence[float]) -> dict[str, float]:
        """Label of the space -> probability, of what a head says."""
        names = coarser(head, space)
        assert names is not None
        own = added_up(dict(zip(self.heads[head], shares, strict=True)), names)
        return {label: min(own[label], 1.0) for label in label_space(space).labels}  # a sum may be a rounding above 1

    def _reply(self, space: str, key: str, row: dict[str, float]) -> Reply:
        text = answer(space, self.decided(space, row, key))
        return Reply(text=text, finish="stop", prompt_tokens=0, new_tokens=0, label_scores=row)


def _shares(space: str, logits: Tensor) -> list[list[float]]:
    """Probabilities [B, labels]: of attributes each its own, else of labels of which one holds."""
    values = logits.double()
    shares = values.sigmoid() if label_space(space).kind == "attributes" else values.softmax(dim=-1)
    rows: list[list[float]] = shares.cpu().tolist()
    return rows
