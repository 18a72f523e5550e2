"""What vLLM is told of a model beside its checkpoint. Imports neither vLLM nor torch.

vLLM has a processor of its own for each model, which writes the prompt anew and resizes with torchvision. Here it is
given what the adapter made, so that token ids and pixels are those of the transformers engine; only the names under
which vLLM's networks take their tensors differ.
"""

from collections.abc import Mapping

from pydantic import Field

from harness.records import Record


class OnVllm(Record):
    """How the tensors of one picture reach vLLM's network.

    The tensors of an adapter begin with a dimension of pictures, which vLLM takes off, or of something that a picture
    has many of (tiles, patches), along which vLLM puts several pictures one after another.
    """

    pictures: Mapping[str, str] = Field(default_factory=dict)
    """vLLM's name of a tensor that has one row per picture -> the adapter's."""
    parts: Mapping[str, str] = Field(default_factory=dict)
    """vLLM's name of a tensor that has one row per tile or patch -> the adapter's."""
    on_cpu: frozenset[str] = frozenset()
    """vLLM's names of tensors that its network reads before it computes."""
    image_token: str | None = None
    """The name under which the network wants the id of the image token, where it does."""
    own_vision: bool = False
    """Whether the picture goes through the network of transformers and only the words through vLLM's: for models that
    vLLM does not have or computes otherwise (harness/engines/vllm_network.py). Names are then the same on both sides.
    """
    longest: int | None = None
    """Tokens of prompt and answer at most; None is what the checkpoint was trained for."""
