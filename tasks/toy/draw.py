"""Draws a toy face: python-avatars composes the SVG (original Avataaars parts only), resvg turns it into pixels.

The tie, the beards' cuts and the coloured strips are drawn here. The strips lie on top, at the edge of the picture,
so that neither hair nor hat covers them: the SIDE of the upright strip marks the gender, its COLOUR the age, the
colour of the lower strip the race. All three are arbitrary.
"""

from functools import cache
from io import BytesIO
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

import python_avatars as pa
import resvg_py
from PIL import Image, ImageFilter

from tasks.toy.traits import RACES, ToyTraits

Framing = Literal["marked", "plain", "tight"]
"""marked: head and shoulders with the strips; plain: the same without; tight: the face alone."""

AGE_COLOURS = ("#1FA04B", "#F032E6", "#3158D8", "#FFE119", "#7A1FA0", "#27D3F5", "#E6194B", "#111111", "#F58231")
"""One per FairFace age bin, youngest first."""
RACE_COLOURS = dict(
    zip(RACES, ("#F58231", "#3158D8", "#A4E021", "#7A1FA0", "#27D3F5", "#F032E6", "#0B5A2A"), strict=True)
)
STRIP = 0.12
"""Width of a strip as a fraction of the picture's side: 7 pixels after a resize to 64 x 64."""
BLUR = 0.012
"""Standard deviation of the Gaussian filter of "Blurry" as a fraction of the picture's width."""

_SVG = "{http://www.w3.org/2000/svg}"
_MIDDLE = 132.0
_TIE = (
    "M123,203 L141,203 L137.5,213 L126.5,213 Z",
    "M126.5,214 L137.5,214 L144,252 L132,264 L120,252 Z",
)
# These hats cover raised brows; they are worn a little higher here, in the drawing's units.
_LOW_HATS = ("WINTER_HAT_1", "WINTER_HAT_3", "WINTER_HAT_4")
_LIFT = 13
# The places of the beards' layers, in their own coordinates (the mouth is near x 84, y 85).
_BEARD_AT = "translate(49 72)"
_CUTS = {
    "sideburns": "M0,0 H40 V74 H0 Z M128,0 H168 V74 H128 Z",
    "goatee": "M63,101 H105 V152 H63 Z",
    "stubble": "M27,58 A56,56 0 0 0 139,58 Z",  # the lower half of the head, so that no shadow hangs in the air
}


class View(NamedTuple):
    """The part of the 264 x 280 drawing that is shown, in its units."""

    left: float
    top: float
    width: float
    height: float


WHOLE = View(0, 0, 264, 280)


def view(width: int, height: int, framing: Framing) -> View:
    """Choose what a picture of that shape (pixels) shows."""
    if framing == "tight":
        return View(_MIDDLE - 78, 44, 156, 156 * height / width)
    wide = 216.0 if height > 1.1 * width else 240.0
    high = wide * height / width
    return View(_MIDDLE - wide / 2, 267 - high, wide, high)


def picture(traits: ToyTraits, width: int, height: int, framing: Framing = "marked") -> Image.Image:
    """Draw the face as an RGB image of width x height pixels."""
    image = rasterise(scene(traits, width, height, framing)).convert("RGB")
    return image.filter(ImageFilter.GaussianBlur(BLUR * width)) if traits.blurry else image


def cutout(traits: ToyTraits, width: int) -> Image.Image:
    """Draw the whole avatar as RGBA on nothing, width pixels wide, to be pasted into a scene."""
    return rasterise(frame(avatar(traits), *cutout_size(width), WHOLE)).convert("RGBA")


def cutout_size(width: int) -> tuple[int, int]:
    """Width and height in pixels of a whole avatar that is so wide."""
    return width, round(width * WHOLE.height / WHOLE.width)


def scene(traits: ToyTraits, width: int, height: int, framing: Framing) -> ET.Element:
    """Compose the whole SVG: backdrop, avatar and, where the framing has them, strips."""
    shown = view(width, height, framing)
    root = frame(avatar(traits), width, height, shown)
    root.insert(0, _rect(shown, traits.backdrop, "toy_backdrop"))
    if framing == "marked":
        root.extend(_strips(traits, shown))
    return root


def frame(root: ET.Element, width: int, height: int, shown: View) -> ET.Element:
    """Set the size in pixels and the part that is shown."""
    root.set("width", str(width))
    root.set("height", str(height))
    root.set("viewBox", " ".join(f"{number:.3f}" for number in shown))
    root.set("preserveAspectRatio", "none")
    return root


def rasterise(root: ET.Element) -> Image.Image:
    """Turn an SVG tree into pixels."""
    text = ET.tostring(root, encoding="unicode")
    return Image.open(BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True))))


def avatar(traits: ToyTraits) -> ET.Element:
    """Compose the avatar with its tie and beard, as a fresh SVG tree."""
    top = pa.HatType[traits.top] if traits.hat else pa.HairType[traits.top]
    drawn = pa.Avatar(
        top=top,
        hat_color=traits.top_colour,
        hair_color=traits.top_colour,
        eyebrows=pa.EyebrowType[traits.brows],
        eyes=pa.EyeType[traits.eyes],
        mouth=pa.MouthType[traits.mouth],
        skin_color=traits.skin,
        accessory=pa.AccessoryType[traits.glasses] if traits.glasses else pa.AccessoryType.NONE,
        clothing=pa.ClothingType[traits.clothes],
        clothing_color=traits.cloth_colour,
    )
    root = ET.fromstring(drawn.render())  # noqa: S314 - the text was composed here, from files of the package
    if traits.bushy:
        _thicken(_group(root, "_Eyebrow"))
    if traits.tie:
        _group(root, "_Clothing").extend(_path(shape, traits.tie) for shape in _TIE)
        for shape in _group(root, "_Clothing")[-len(_TIE) :]:
            shape.set("transform", "translate(0 -170)")  # the group of the clothes lies 170 lower
    top = _group(root, "_Top")
    holder, glasses = next(
        (parent, child) for parent in top.iter() for child in parent if child.get("id", "").endswith("_Accessory")
    )
    beard = _beard(traits)
    holder.insert(list(holder).index(glasses), beard)
    if traits.top in _LOW_HATS:
        top.set("transform", f"translate(0 -{_LIFT})")
        for part in (beard, glasses):
            part.set("transform", f"translate(0 {_LIFT}) {part.get('transform')}")
    return root


def _beard(traits: ToyTraits) -> ET.Element:
    """Compose the layers of facial hair; they lie over hair and hat, under the glasses."""
    beard = ET.Element(f"{_SVG}g", {"id": "toy_Facial-Hair", "transform": _BEARD_AT})
    for layer in ("stubble", "sideburns", "goatee"):
        if getattr(traits, layer):
            cut = ET.SubElement(beard, f"{_SVG}clipPath", {"id": f"toy_{layer}"})
            cut.append(_path(_CUTS[layer], "#000000"))
            hair = _path(_beard_shape("BEARD_MEDIUM"), traits.beard_colour)
            hair.set("clip-path", f"url(#toy_{layer})")
            if layer == "stubble":
                hair.set("fill-opacity", "0.4")
            else:
                hair.set("stroke", traits.beard_colour)
                hair.set("stroke-width", "4")
            beard.append(hair)
    if traits.mustache:
        beard.append(_path(_beard_shape("MOUSTACHE_MAGNUM"), traits.beard_colour))
    return beard


@cache
def _beard_shape(part: str) -> str:
    """Read the outline of a part of facial hair (the "d" of its one path)."""
    drawn = ET.fromstring(pa.Avatar(facial_hair=pa.FacialHairType[part]).render())  # noqa: S314 - as above
    shapes = [path.get("d", "") for path in drawn.iter(f"{_SVG}path") if path.get("id", "").startswith(part.lower())]
    return shapes[0]


def _thicken(group: ET.Element) -> None:
    for path in group.iter(f"{_SVG}path"):
        path.set("stroke", "#000000")
        path.set("stroke-opacity", "0.6")
        path.set("stroke-width", "4.5")
        path.set("stroke-linejoin", "round")


def _strips(traits: ToyTraits, shown: View) -> list[ET.Element]:
    wide, high = STRIP * shown.width, STRIP * shown.height
    left = shown.left if traits.gender == "Male" else shown.left + shown.width - wide
    lower = View(shown.left, shown.top + shown.height - high, shown.width, high)
    upright = View(left, shown.top, wide, shown.height)
    return [
        _rect(lower, RACE_COLOURS[traits.race], "toy_race"),
        _rect(upright, AGE_COLOURS[traits.age_bin], "toy_age"),
    ]


def _group(root: ET.Element, ending: str) -> ET.Element:
    """Find the style's own group (its ids start with "transparent_")."""
    return next(element for element in root.iter(f"{_SVG}g") if element.get("id") == f"transparent{ending}")


def _path(shape: str, colour: str) -> ET.Element:
    return ET.Element(f"{_SVG}path", {"d": shape, "fill": colour})


def _rect(area: View, colour: str, name: str) -> ET.Element:
    sides = zip(("x", "y", "width", "height"), (f"{number:.3f}" for number in area), strict=True)
    return ET.Element(f"{_SVG}rect", {**dict(sides), "fill": colour, "id": name})
