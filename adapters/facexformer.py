"""FaceXFormer: Swin and a decoder of tasks; here its age, gender, race and attributes.

The network and its pixels are Kartik-3004/facexformer's (MIT), inference.py. The orders of its labels are the author's
word in that repository: ages, gender and race (issue 5; the race order is not UTKFace's), attributes as CelebA's file
lists them (issues 7 and 15).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from adapters.detection import Face, with_margin
from adapters.ports import facexformer
from adapters.ports.facexformer import FaceXFormerConfig
from adapters.specialist import Specialist

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, as everywhere in torchvision."""
MARGIN = 0.25
"""Of a face that is cut out, on each side, as a share of its width and height."""
_HEADS = {"utkface.age": "age", "utkface.gender": "gender", "utkface.race": "race", "celeba": "attribute"}
"""Label space -> the name of the head in the network."""


class FaceXFormer(Specialist):
    """Answers in decades, genders and races as UTKFace has them, and in CelebA's attributes."""

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
    inside = "state_dict_backbone"
    unread = facexformer.UNREAD

    @staticmethod
    def network(config: Mapping[str, Any]) -> facexformer.FaceXFormer:
        """The network of these sizes, its weights drawn at random."""
        return facexformer.FaceXFormer(FaceXFormerConfig(**config))

    def prepared(self, image: Image.Image, face: Face | None) -> Tensor:
        """The picture, or the face in it with a margin, as a square [3, S, S], its aspect lost."""
        if face is not None:
            image = with_margin(image, face.box, MARGIN)
        square = transforms.Resize((self.image_size,) * 2, interpolation=InterpolationMode.BICUBIC)(image)
        pixels: Tensor = transforms.Normalize(MEAN, STD)(transforms.ToTensor()(square))
        return pixels

    def read(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Space -> logits."""
        logits = self.model(pixels)
        return {space: logits[head] for space, head in _HEADS.items()}
