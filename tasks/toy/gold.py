"""The labels of a toy face in each label space, read off its traits."""

import numpy as np

from tasks.labels import label_space
from tasks.toy.traits import DATASETS, PALE, SPLITS, STRAIGHT_TOPS, WAVY_TOPS, Split, ToyTraits

OPEN_MOUTHS = ("SMILE", "GRIMACE", "VOMIT", "SCREAM_OPEN", "DISBELIEF")
BANGS = ("BOB", "LONG_NOT_TOO_LONG", "STRAIGHT_STRAND", "SHAGGY", "SHAGGY_MULLET")
NARROW_EYES = ("SQUINT", "HAPPY")
UNDEFINED = 0.05
"""The share of MAAD's drawn attributes that are left undefined, as annotators' doubts are in the real set."""

# The marker of the age says these.
_YOUNG_UNTIL, _MIDDLE_UNTIL = 39, 59

CELEBA = label_space("celeba").labels
MAAD = label_space("maad").labels
UTK_RACES = {
    "White": "White",
    "Black": "Black",
    "East Asian": "Asian",
    "Southeast Asian": "Asian",
    "Indian": "Indian",
    "Latino_Hispanic": "Others",
    "Middle Eastern": "Others",
}


def attributes(traits: ToyTraits) -> dict[str, bool]:
    """Say of every attribute that can be drawn or marked, in CelebA's or MAAD's name, whether it is."""
    return {**_hair(traits), **_beard(traits), **_face(traits), **_markers(traits)}


def _hair(traits: ToyTraits) -> dict[str, bool]:
    colours = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
    return {
        **{colour: traits.hair == colour for colour in colours},
        "Bald": traits.hair is None and not traits.hat,
        "Bangs": traits.top in BANGS,
        "Straight_Hair": traits.top in STRAIGHT_TOPS,
        "Wavy_Hair": traits.top in WAVY_TOPS,
        "Wearing_Hat": traits.hat,
    }


def _beard(traits: ToyTraits) -> dict[str, bool]:
    drawn = {
        "Mustache": traits.mustache,
        "Goatee": traits.goatee,
        "Sideburns": traits.sideburns,
        "5_o_Clock_Shadow": traits.stubble,
    }
    return {**drawn, "No_Beard": not any(drawn.values())}


def _face(traits: ToyTraits) -> dict[str, bool]:
    opened = traits.mouth in OPEN_MOUTHS
    return {
        "Arched_Eyebrows": traits.brows == "RAISED_EXCITED",
        "Bushy_Eyebrows": traits.bushy,
        "Narrow_Eyes": traits.eyes in NARROW_EYES,
        "Eyeglasses": traits.glasses is not None,
        "No_Eyewear": traits.glasses is None,
        "Mouth_Slightly_Open": opened,
        "Mouth_Closed": not opened,
        "Smiling": traits.expression == "happy",
        "Pale_Skin": traits.skin == PALE,
        "Wearing_Necktie": traits.tie is not None,
        "Blurry": traits.blurry,
    }


def _markers(traits: ToyTraits) -> dict[str, bool]:
    race = UTK_RACES[traits.race]
    return {
        "Male": traits.gender == "Male",
        "Young": traits.age <= _YOUNG_UNTIL,
        "Middle_Aged": _YOUNG_UNTIL < traits.age <= _MIDDLE_UNTIL,
        "Senior": traits.age > _MIDDLE_UNTIL,
        **{name: race == name for name in ("Asian", "White", "Black")},
    }


def celeba(traits: ToyTraits) -> dict[str, bool]:
    """Give all 40 CelebA attributes in official order; one that cannot be drawn is False."""
    drawn = attributes(traits)
    return {name: drawn.get(name, False) for name in CELEBA}


def maad(traits: ToyTraits, seed: int, split: Split, index: int) -> dict[str, bool]:
    """Give MAAD's attributes in official order; absent are those that cannot be drawn and a seeded few of the rest."""
    drawn = attributes(traits)
    doubts = np.random.default_rng([seed, DATASETS.index("maad"), SPLITS.index(split), index, 1]).random(len(MAAD))
    return {name: drawn[name] for name, doubt in zip(MAAD, doubts, strict=True) if name in drawn and doubt >= UNDEFINED}


def decade(age: int) -> str:
    """Give UTKFace's label of an age in years."""
    return "70+" if age >= 70 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
