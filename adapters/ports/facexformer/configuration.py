"""The sizes of a FaceXFormer; the published one has the defaults, which upstream writes into its code."""

from typing import Literal

from harness.records import Record

HEADS = {"attribute": 40, "age": 8, "gender": 2, "race": 5}
"""What is read here, by the name its weights have, and how many labels each tells apart."""


class FaceXFormerConfig(Record):
    """Swin (torchvision's names) and the decoder; without a config.json a checkpoint is the published one."""

    model_type: Literal["facexformer"] = "facexformer"
    image_size: int = 224
    """Pixels a side."""
    embed_dim: int = 128
    """Channels of the first stage; each further stage has twice as many."""
    depths: tuple[int, ...] = (2, 2, 18, 2)
    num_heads: tuple[int, ...] = (4, 8, 16, 32)
    window_size: int = 7
    width: int = 256
    """Of the decoder."""
    decoder_layers: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048

    @property
    def stages(self) -> tuple[int, ...]:
        """Channels of each stage's features."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.depths)))
