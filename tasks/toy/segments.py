"""The true segmentation of a toy face: the same SVG, each part in the colour of its class.

Classes are facer's nineteen of "celebm" (CelebAMask-HQ). As there, a beard belongs to the face. Left and right are the
subject's: the right eye is on the left of the picture. The strips and the backdrop are background; the avatars' mouths
have no lips, so a closed mouth is upper lip and an open one inner mouth.
"""

from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from harness.maps import CLASSES
from tasks.toy.draw import WHOLE, Framing, View, avatar, cutout_size, frame, rasterise, scene, view
from tasks.toy.gold import OPEN_MOUTHS
from tasks.toy.traits import ToyTraits

ID = {name: place for place, name in enumerate(CLASSES)}

_SVG = "{http://www.w3.org/2000/svg}"
_GROUPS = {
    "transparent_Body": "face",
    "transparent_Clothing": "cloth",
    "transparent_Nose": "nose",
    "transparent_Eyes": "re",
    "transparent_Eyebrow": "rb",
}
_BEARD = "earr"
"""Stands for the beard, which is face wherever it grows; nobody here wears ear-rings."""
_LEFT = {"rr": "lr", "rb": "lb", "re": "le"}
_STENCILS = (f"{_SVG}mask", f"{_SVG}defs", f"{_SVG}clipPath")
_LOOKS = ("fill-opacity", "opacity", "stroke-opacity", "style", "filter")
# The head without ears in the drawing's units: an upright bar with round ends.
_HEAD_X, _HEAD_TOP, _HEAD_LOW, _HEAD_RADIUS = 132.0, 92.0, 130.0, 56.0
_EARS_END = 140.0


def segmentation(traits: ToyTraits, width: int, height: int, framing: Framing = "marked") -> NDArray[np.uint8]:
    """Draw the class of each pixel, uint8 [height, width]; see the module for the classes."""
    shown = view(width, height, framing)
    root = frame(avatar(traits), width, height, shown)
    _paint_groups(root, traits)
    strips = [part for part in scene(traits, width, height, framing) if part.get("id") in ("toy_age", "toy_race")]
    for strip in strips:
        _paint(strip, "background")
    root.extend(strips)
    return _classes(root, shown)


def cutout_segmentation(traits: ToyTraits, width: int) -> NDArray[np.uint8]:
    """Draw the class of each pixel of the cutout of that width, uint8 [height, width]; around it is background."""
    root = frame(avatar(traits), *cutout_size(width), WHOLE)
    _paint_groups(root, traits)
    return _classes(root, WHOLE)


def _classes(root: ET.Element, shown: View) -> NDArray[np.uint8]:
    return _split_sides(_decode(np.asarray(rasterise(root).convert("RGBA"))), shown)


def _colour(name: str) -> str:
    # Far apart in each channel, so that a mixed pixel at an edge equals no class.
    place = ID[name]
    return f"#{13 * place:02X}{(97 * place + 31) % 251:02X}{(53 * place + 11) % 251:02X}"


def _paint_groups(root: ET.Element, traits: ToyTraits) -> None:
    names = dict(_GROUPS)
    names["transparent_Top"] = "hat" if traits.hat else "hair"
    names["transparent_Mouth"] = "imouth" if traits.mouth in OPEN_MOUTHS else "ulip"
    for group in list(root.iter(f"{_SVG}g")):
        if name := names.get(group.get("id", "")):
            if name in ("hair", "hat"):
                _drop_shadows(group)
            _paint(group, name)
            _paint_inside(group)


def _paint_inside(group: ET.Element) -> None:
    for inner in group.iter(f"{_SVG}g"):
        if inner.get("id", "").endswith("toy_Facial-Hair"):
            _paint(inner, _BEARD)
        elif inner.get("id", "").endswith("_Accessory"):
            _paint(inner, "eyeg")


def _drop_shadows(group: ET.Element) -> None:
    """Take out the faint shadows of hair and hat, but nothing of the glasses or beard: what is under them counts."""
    for child in list(group):
        faint = min(float(child.get(key, "1")) for key in ("opacity", "fill-opacity")) < 0.5
        if faint or child.get("filter"):
            group.remove(child)
        elif not child.get("id", "").endswith(("_Accessory", "toy_Facial-Hair")):
            _drop_shadows(child)


def _paint(element: ET.Element, name: str) -> None:
    """Set every fill and stroke to the class's colour, but in masks, whose white means "show"."""
    if element.tag in _STENCILS:
        return
    for key in ("fill", "stroke"):
        if element.get(key, "none") != "none":
            element.set(key, _colour(name))
    if element.tag == f"{_SVG}g" and element.get("fill") is None:
        element.set("fill", _colour(name))
    element.set("shape-rendering", "crispEdges")
    for key in _LOOKS:
        element.attrib.pop(key, None)
    for child in element:
        _paint(child, name)


def _decode(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read classes from colours; a pixel of no class's colour takes the class of its nearest neighbour that has one."""
    from scipy.ndimage import distance_transform_edt  # a third of a second, which runs on faces drawn before save

    red, green, blue, alpha = (pixels[..., channel].astype(np.int32) for channel in range(4))
    colours = (red << 16) + (green << 8) + blue
    classes = np.zeros(pixels.shape[:2], np.uint8)
    known = alpha == 0
    for name, place in ID.items():
        here = (colours == int(_colour(name)[1:], 16)) & (alpha == 255)
        classes[here] = place
        known |= here
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    nearest: NDArray[np.uint8] = classes[rows, columns]
    return nearest


def _split_sides(classes: NDArray[np.uint8], shown: View) -> NDArray[np.uint8]:
    """Part skin into face, ears and neck, and pairs into right and left, by their place in the drawing."""
    height, width = classes.shape
    x = shown.left + (np.arange(width) + 0.5) / width * shown.width
    y = (shown.top + (np.arange(height) + 0.5) / height * shown.height)[:, None]
    offset = np.maximum(0, np.maximum(_HEAD_TOP - y, y - _HEAD_LOW))
    head = (x - _HEAD_X) ** 2 + offset**2 <= _HEAD_RADIUS**2
    outside = (classes == ID["face"]) & ~head
    beside = (np.abs(x - _HEAD_X) > 0.8 * _HEAD_RADIUS) & (y < _EARS_END)
    classes[outside] = ID["neck"]
    classes[outside & beside] = ID["rr"]
    classes[classes == ID[_BEARD]] = ID["face"]
    for right, left in _LEFT.items():
        classes[(classes == ID[right]) & (x > _HEAD_X)] = ID[left]
    return classes
