"""FaRL's attribute head (FacePerceiver/facer): a ViT-B/16 that says of CelebA's 40 attributes which are there.

The network and the alignment are pyfacer's own. What it does beside them is not used: it makes its network on a GPU
alone, and opens a file of weights without a look at it.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from adapters.classifier import Heads
from adapters.detection import Face
from adapters.specialist import Specialist
from faceinsight.parsing import import_facer, silence
from harness.records import Record
from tasks.labels import label_space

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ALIGNED = (178, 218)
"""Width and height of CelebA's aligned pictures."""
ALIGNED_POINTS = ((70.5, 111.4), (107.1, 110.4), (89.5, 133.1), (72.2, 152.8), (103.6, 153.0))
"""Where eyes, nose and mouth are in CelebA's aligned pictures, nearly the same in each: the mean of the first eight
lines of list_landmarks_align_celeba.txt."""
LABELS = 40
MIDDLE = 500
"""The template of the alignment lies in the middle of a square of so many pixels, which is the network's picture."""


class Shape(Record):
    """Sizes of the network; the defaults are those of ViT-B/16 and of the published weights."""

    model_type: str = "farl"
    image_size: int = 224
    patch_size: int = 16
    width: int = 768
    layers: int = 12
    heads: int = 12
    read_layers: tuple[int, ...] = (11,)
    """The layers that the head reads, from 0."""


class FaRL(Specialist):
    """Answers with CelebA's attributes. Faces are aligned by five points, detected or those of CelebA's alignment."""

    heads: Heads = MappingProxyType({"celeba": label_space("celeba").labels})

    @staticmethod
    def network(config: Mapping[str, Any]) -> nn.Module:
        """pyfacer's network of these sizes."""
        return network(Shape.model_validate(config))

    def load(self) -> nn.Module:
        """The network; the order of its labels and where the five points go in its picture are pyfacer's."""
        with silence():
            import_facer()
        from facer.face_attribute.farl import get_std_points_xray, pretrain_settings

        self.heads = {"celeba": tuple(pretrain_settings["celeba/224"]["classes"])}
        found = super().load()
        self.targets = get_std_points_xray(out_size=self.image_size, mid_size=MIDDLE)
        return found

    def prepared(self, image: Image.Image, face: Face | None) -> Tensor:
        """The face aligned: [3, size, size]; zeros before normalisation beyond the picture."""
        from facer.transform import get_face_align_matrix, make_tanh_warp_grid

        image = image.convert("RGB")
        points = face.points if face else np.array(ALIGNED_POINTS) * (np.array(image.size) / np.array(ALIGNED))
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
        square = (self.image_size, self.image_size)
        matrix = get_face_align_matrix(torch.from_numpy(points).float()[None], square, target_pts=self.targets)
        grid = make_tanh_warp_grid(matrix, 0.0, square, (image.height, image.width))
        aligned = F.grid_sample(pixels, grid, mode="bilinear", align_corners=False)[0]
        return (aligned - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Logits [B, 40], in the order of pyfacer's classes."""
        return {"celeba": self.model(pixels)}


def network(shape: Shape) -> nn.Module:
    """pyfacer's `farl_classification` in any size and on the CPU, with random weights."""
    with silence():
        import_facer()
    from facer.farl import classification as facer
    from facer.farl.model import VisualTransformer

    class FACTransformer(facer.FACTransformer):
        """pyfacer's network, which else asks for a GPU while it is made."""

        def cuda(self, device: Any = None) -> nn.Module:
            return self

    sizes = {"patch_size": shape.patch_size, "width": shape.width, "layers": shape.layers, "heads": shape.heads}
    backbone = VisualTransformer(input_resolution=shape.image_size, output_dim=1, **sizes)
    backbone.transformer.use_checkpoint = False  # less memory for more time, while it is trained
    del backbone.proj, backbone.ln_post
    facer.add_method(backbone, "forward", facer.get_clip_encode_func(list(shape.read_layers)))
    head = facer.VITClassificationHeadV0(
        num_features=len(shape.read_layers), channel=shape.width, num_labels=LABELS, norm=True
    )
    return FACTransformer(backbone, head)
