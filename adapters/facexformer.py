"""FaceXFormer: Swin and a decoder of tasks; here its age, gender, race and attributes.

The network and its pixels are Kartik-3004/facexformer's (MIT), inference.py. The orders of its labels are the author's
word in that repository: ages, gender and race (issue 5; the race order is not UTKFace's), attributes as CelebA's file
lists them (issues 7 and 15).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image
from torch import Tensor, nn
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from adapters import guards, weights
from adapters.classifier import Classifier
from adapters.ports import facexformer
from adapters.ports.facexformer import FaceXFormerConfig

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, as everywhere in torchvision."""
_HEADS = {"utkface.age": "age", "utkface.gender": "gender", "utkface.race": "race", "celeba": "attribute"}
"""Label space -> the name of the head in the network."""


class FaceXFormer(Classifier):
    """Answers from the published file, or from a folder with a config.json of other sizes."""

    heads = MappingProxyType(
        {
            "utkface.age": ("0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+"),
            "utkface.gender": ("Male", "Female"),
            "utkface.race": ("White", "Black", "Indian", "Asian", "Others"),
            "celeba": (
                "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips",
                "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby",
                "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male",
                "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose",
                "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair",
                "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
            ),
        }
    )  # fmt: skip
    defaults = MappingProxyType({"sha256": weights.ANY})

    @staticmethod
    def network(config: Mapping[str, Any]) -> facexformer.FaceXFormer:
        """The network of these sizes, its weights drawn at random."""
        return facexformer.FaceXFormer(FaceXFormerConfig(**config))

    def load(self) -> nn.Module:
        """The network with the weights of the checkpoint, every one of which must be known."""
        found = weights.load(self.source, "ckpts/model.pt", "state_dict_backbone", str(self.protocol["sha256"]))
        with guards.loading(self.source):
            network = self.network(found.config)
            network.load(found.tensors)
        self.revision = found.revision
        side = network.config.image_size
        self._prepare = transforms.Compose(
            [
                transforms.Resize((side, side), interpolation=InterpolationMode.BICUBIC),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )
        return network

    def image(self, image: Image.Image) -> Tensor:
        """The whole picture as a square [3, S, S], its aspect lost, as upstream does with the face it has cut out."""
        return self._prepare(image)

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Space -> logits."""
        logits = self.model(pixels)
        return {space: logits[head] for space, head in _HEADS.items()}
