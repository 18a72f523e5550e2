"""What a toy face looks like: one frozen record, drawn at random from a seed and an index.

Age, gender and race are ARBITRARY markers (coloured strips at the edge of the picture). They are sampled apart from
every other trait, so that no look belongs to a group of people.
"""

from typing import Literal

import numpy as np

from harness.records import Record

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
DATASETS: tuple[str, ...] = ("celeba", "maad", "fairface", "utkface", "expw", "raf-db")

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
GENDERS = ("Male", "Female")
RACES = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")
AGE_BINS = ((0, 2), (3, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 90))

HAIR_COLOURS = {
    "Black_Hair": ("#17131A", "#231A1A"),
    "Blond_Hair": ("#E6C55A", "#F0D67C"),
    "Brown_Hair": ("#7B3F20", "#8B4A26"),
    "Gray_Hair": ("#AEB1B8", "#C6C8CE"),
}
STRAIGHT_TOPS = ("BOB", "LONG_NOT_TOO_LONG", "STRAIGHT_1", "STRAIGHT_STRAND", "CAESAR_SIDE_PART", "SHORT_ROUND", "BUN")
WAVY_TOPS = ("CURLY", "FRO", "SHORT_CURLY", "SHORT_WAVED", "SHAGGY", "SHAGGY_MULLET")
BALD_TOP = "NONE"
HAT_TOPS = ("HAT", "WINTER_HAT_1", "WINTER_HAT_2", "WINTER_HAT_3", "WINTER_HAT_4")
HAT_COLOURS = ("#262E33", "#25557C", "#8A2B3C", "#2F6B4F")

PALE = "#FFE3CC"
SKINS = (PALE, "#EDB98A", "#D9955F", "#AE5D29", "#573C30")
SKIN_ODDS = (0.32, 0.17, 0.17, 0.17, 0.17)
BEARD_COLOURS = {"#573C30": ("#150D0B",), "#AE5D29": ("#1E1210", "#2C1B18")}
LIGHT_SKIN_BEARDS = ("#2C1B18", "#4A312C", "#6A4433")

GLASSES = ("PRESCRIPTION_2", "ROUND")
CLOTHES = ("SHIRT_CREW_NECK", "SHIRT_SCOOP_NECK", "SHIRT_V_NECK", "COLLAR_SWEATER", "HOODIE", "BLAZER_SHIRT")
TIE_CLOTHES = ("SHIRT_V_NECK", "COLLAR_SWEATER", "BLAZER_SHIRT")
CLOTH_COLOURS = ("#E6E6E6", "#A9CBE8", "#BFE3C8", "#F3D9B8", "#C9BEDF")
TIE_COLOURS = ("#B3202C", "#1F3F7A", "#1E5F3A")
BACKDROPS = ("#F2F2F2", "#DCE6EE", "#E9E3D8", "#E0EBDD")

_HAPPY_EYES, _SQUINT, _PLAIN = "HAPPY", "SQUINT", "DEFAULT"
# expression -> (eyes, mouths, brows), each with one or more parts to choose from; the first is the library's preset,
# but for "angry": the preset shares its mouth with "sad", and brows alone are too thin to tell them apart at 64 pixels.
FACES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "angry": ((_PLAIN, _SQUINT), ("GRIMACE",), ("ANGRY",)),
    "disgust": ((_HAPPY_EYES,), ("VOMIT",), ("SAD_CONCERNED",)),
    "fear": ((_SQUINT,), ("SCREAM_OPEN",), ("RAISED_EXCITED",)),
    "happy": ((_HAPPY_EYES, _PLAIN), ("SMILE", "TWINKLE"), ("RAISED_EXCITED", "DEFAULT")),
    "sad": ((_PLAIN, "CRY"), ("SAD",), ("SAD_CONCERNED",)),
    "surprise": (("SURPRISED",), ("DISBELIEF",), ("RAISED_EXCITED",)),
    "neutral": ((_PLAIN, _SQUINT), ("SERIOUS",), ("DEFAULT", "RAISED_EXCITED")),
}
# CelebA's and MAAD's "Smiling" is true of about 40 % of the faces; the expression sets have equal classes.
SMILING_ODDS = (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)


class ToyTraits(Record):
    """Everything that is drawn of one face; parts are named as in python-avatars, colours are #RRGGBB."""

    age: int
    """In years. The marker shows only its FairFace bin."""
    gender: str
    race: str
    """One of FairFace's seven."""
    expression: str
    eyes: str
    mouth: str
    brows: str
    bushy: bool
    top: str
    hair: str | None
    """The name of the hair colour's attribute; None where no hair is seen (bald, or under a hat)."""
    top_colour: str
    mustache: bool
    goatee: bool
    sideburns: bool
    stubble: bool
    beard_colour: str
    skin: str
    glasses: str | None
    clothes: str
    cloth_colour: str
    tie: str | None
    backdrop: str
    blurry: bool

    @property
    def hat(self) -> bool:
        """Whether the top is a hat."""
        return self.top in HAT_TOPS

    @property
    def age_bin(self) -> int:
        """The place of the age among FairFace's nine bins, 0 to 8."""
        return next(place for place, (_, last) in enumerate(AGE_BINS) if self.age <= last)


def sample(seed: int, dataset: str, split: Split, index: int) -> ToyTraits:
    """Draw the traits of one face; the same arguments give the same face, whatever else was drawn before."""
    rng = np.random.default_rng([seed, DATASETS.index(dataset), SPLITS.index(split), index])
    skin = str(rng.choice(SKINS, p=SKIN_ODDS))
    return ToyTraits(
        **_person(rng),
        **_expression(rng, odds=SMILING_ODDS if dataset in ("celeba", "maad") else None),
        **_top(rng),
        **_facial_hair(rng, skin),
        **_outfit(rng),
        skin=skin,
        bushy=bool(rng.random() < 0.35),
        glasses=_pick(rng, GLASSES) if rng.random() < 0.35 else None,
        blurry=dataset == "celeba" and bool(rng.random() < 0.2),
    )


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _person(rng: np.random.Generator) -> dict[str, int | str]:
    first, last = AGE_BINS[int(rng.integers(len(AGE_BINS)))]
    return {"age": int(rng.integers(first, last + 1)), "gender": _pick(rng, GENDERS), "race": _pick(rng, RACES)}


def _expression(rng: np.random.Generator, odds: tuple[float, ...] | None) -> dict[str, str]:
    expression = str(rng.choice(EXPRESSIONS, p=odds))
    eyes, mouths, brows = FACES[expression]
    return {
        "expression": expression,
        "eyes": _pick(rng, eyes),
        "mouth": _pick(rng, mouths),
        "brows": _pick(rng, brows),
    }


def _top(rng: np.random.Generator) -> dict[str, str | None]:
    kind = rng.choice(("hat", "bald", "hair"), p=(0.25, 0.1, 0.65))
    if kind == "hat":
        return {"top": _pick(rng, HAT_TOPS), "hair": None, "top_colour": _pick(rng, HAT_COLOURS)}
    if kind == "bald":
        return {"top": BALD_TOP, "hair": None, "top_colour": "#000000"}
    colour = _pick(rng, tuple(HAIR_COLOURS))
    tops = STRAIGHT_TOPS if rng.random() < 0.5 else WAVY_TOPS
    return {"top": _pick(rng, tops), "hair": colour, "top_colour": _pick(rng, HAIR_COLOURS[colour])}


def _facial_hair(rng: np.random.Generator, skin: str) -> dict[str, bool | str]:
    kinds = ("mustache", "goatee", "sideburns", "stubble")
    drawn = rng.random(len(kinds)) < 0.45
    if not drawn.any():
        drawn[int(rng.integers(len(kinds)))] = True
    bearded = rng.random() < 0.55
    flags = {kind: bool(bearded and there) for kind, there in zip(kinds, drawn, strict=True)}
    return {**flags, "beard_colour": _pick(rng, BEARD_COLOURS.get(skin, LIGHT_SKIN_BEARDS))}


def _outfit(rng: np.random.Generator) -> dict[str, str | None]:
    tie = _pick(rng, TIE_COLOURS) if rng.random() < 0.35 else None
    return {
        "tie": tie,
        "clothes": _pick(rng, TIE_CLOTHES if tie else CLOTHES),
        "cloth_colour": _pick(rng, CLOTH_COLOURS),
        "backdrop": _pick(rng, BACKDROPS),
    }
