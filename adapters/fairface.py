"""FairFace (dchen236/FairFace): a ResNet-34 with 18 numbers, 7 races, 2 genders and 9 ages in one row.

The network is timm's, whose names are those of torchvision's resnet34, as the published file has them; torchvision's
own cannot be made narrower, which a miniature needs.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn
from torchvision import transforms

from adapters.detection import Face, chip
from adapters.specialist import Specialist
from harness.records import Record

RACES = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")
GENDERS = ("Male", "Female")
AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CHIP, PADDING = 300, 0.25
"""The square that faces were cut out as, in pixels, and its margin, as a share of the face."""


class Shape(Record):
    """Sizes of the network; the defaults are those of ResNet-34 and of the published weights."""

    model_type: str = "fairface"
    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    image_size: int = 224


class FairFace(Specialist):
    """Answers in FairFace's ages, genders and races, and in what UTKFace has of them."""

    heads = MappingProxyType({"fairface.race": RACES, "fairface.gender": GENDERS, "fairface.age": AGES})

    @staticmethod
    def network(config: Mapping[str, Any]) -> nn.Module:
        """timm's ResNet of these sizes."""
        shape = Shape.model_validate(config)
        block: Any = BasicBlock  # timm's annotation asks for an instance
        return ResNet(block, shape.layers, num_classes=len(RACES + GENDERS + AGES), channels=shape.channels)

    def prepared(self, image: Image.Image, face: Face | None) -> Tensor:
        """The picture, or the face turned upright in a square, resized: [3, size, size]."""
        if face is not None:
            image = chip(image, face.points, CHIP, PADDING)
        square = transforms.Resize((self.image_size, self.image_size))(image.convert("RGB"))
        pixels: Tensor = transforms.Normalize(MEAN, STD)(transforms.ToTensor()(square))
        return pixels

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Space -> logits [B, labels]."""
        logits = self.model(pixels).split([len(labels) for labels in self.heads.values()], dim=1)
        return dict(zip(self.heads, logits, strict=True))
