"""What is drawn: the labels can be read off the pixels."""

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageColor

from tasks.toy import gold
from tasks.toy.draw import AGE_COLOURS, RACE_COLOURS, STRIP, picture
from tasks.toy.segments import CLASSES, ID, segmentation
from tasks.toy.traits import BALD_TOP, EXPRESSIONS, FACES, HAT_TOPS, STRAIGHT_TOPS, WAVY_TOPS, sample

SHAPES = {"celeba": (178, 218), "maad": (130, 160), "fairface": (224, 224), "utkface": (200, 200)}
PLAIN = sample(0, "fairface", "train", 0).model_copy(
    update={
        "top": "SHORT_ROUND",
        "hair": "Brown_Hair",
        "top_colour": "#7B3F20",
        "skin": "#EDB98A",
        "backdrop": "#F2F2F2",
        "glasses": None,
        "tie": None,
        "bushy": False,
        **dict.fromkeys(("mustache", "goatee", "sideburns", "stubble", "blurry"), False),
    }
)


@cache
def people(dataset, count=30):
    return tuple(sample(3, dataset, "test", index) for index in range(count))


def with_traits(**update):
    return PLAIN.model_copy(update=update)


def small(face, width, height, **kwargs):
    """The picture as a model sees it: 64 x 64 pixels."""
    image = picture(face, width, height, **kwargs).resize((64, 64), Image.Resampling.BILINEAR)
    return np.asarray(image).astype(float)


def nearest(colour, palette):
    known = np.array([ImageColor.getrgb(name) for name in palette])
    return int(np.abs(known - colour).sum(-1).argmin())


@pytest.mark.parametrize("dataset", SHAPES)
def test_markers_are_readable_at_64_pixels(dataset):
    for face in people(dataset):
        pixels = small(face, *SHAPES[dataset])
        thick = 6
        side = np.median(pixels[:50, :thick] if face.gender == "Male" else pixels[:50, -thick:], axis=(0, 1))
        lower = np.median(pixels[-thick:, 10:54], axis=(0, 1))
        assert nearest(side, AGE_COLOURS) == face.age_bin
        assert list(RACE_COLOURS)[nearest(lower, RACE_COLOURS.values())] == face.race
        assert np.abs(side - ImageColor.getrgb(AGE_COLOURS[face.age_bin])).max() < 20


def test_the_side_of_the_strip_is_the_gender():
    for face in people("fairface"):
        pixels = small(face, 224, 224)
        colour = ImageColor.getrgb(AGE_COLOURS[face.age_bin])
        left, right = (np.abs(part - colour).max() for part in (pixels[:50, :6], pixels[:50, -6:]))
        assert (left < right) == (face.gender == "Male")


@pytest.mark.parametrize("dataset", SHAPES)
def test_classes_are_there_iff_the_labels_say_so(dataset):
    for face in people(dataset):
        drawn = gold.attributes(face)
        there = set(np.unique(segmentation(face, *SHAPES[dataset])))
        assert (ID["eyeg"] in there) == drawn["Eyeglasses"]
        assert (ID["hat"] in there) == drawn["Wearing_Hat"]
        assert (ID["hair"] in there) == (not drawn["Wearing_Hat"] and not drawn["Bald"])
        assert (ID["imouth"] in there) == drawn["Mouth_Slightly_Open"]
        assert (ID["ulip"] in there) == drawn["Mouth_Closed"]
        assert there >= {ID[name] for name in ("background", "face", "neck", "cloth", "nose", "re", "le")}


def test_left_is_the_subjects_left():
    classes = segmentation(PLAIN, 224, 224)
    middle = {name: np.nonzero(classes == ID[name])[1].mean() for name in ("re", "le", "rb", "lb", "rr", "lr")}
    assert all(middle["r" + kind] < 112 < middle["l" + kind] for kind in "ebr")


def test_the_map_has_facers_classes():
    assert len(CLASSES) == 19
    assert segmentation(PLAIN, 60, 73).shape == (73, 60)
    assert segmentation(PLAIN, 60, 73).dtype == np.uint8


def test_strips_are_background_in_the_map():
    classes = segmentation(PLAIN, 100, 100)
    lower = round(100 * (1 - STRIP)) + 1
    assert (classes[lower:] == 0).all()
    assert (segmentation(PLAIN, 100, 100, "plain")[lower:] != 0).any()


@pytest.mark.parametrize("dataset", ["celeba", "fairface"])
def test_the_hair_has_the_colour_of_its_label(dataset):
    seen = set()
    for face in people(dataset):
        if face.hair is None or face.blurry:
            continue
        width, height = SHAPES[dataset]
        hair = np.asarray(picture(face, width, height))[segmentation(face, width, height) == ID["hair"]]
        red, green, blue = np.median(hair, axis=0)
        spread = max(red, green, blue) - min(red, green, blue)
        told = {
            "Black_Hair": max(red, green, blue) < 60,
            "Gray_Hair": min(red, green, blue) > 120 and spread < 25,
            "Blond_Hair": red > 200 and green > 150 and blue < 150,
            "Brown_Hair": 90 < red < 160 and red > 1.4 * green,
        }
        assert [name for name, there in told.items() if there] == [face.hair]
        seen.add(face.hair)
    assert len(seen) == 4


@pytest.mark.parametrize("top", [*STRAIGHT_TOPS, *WAVY_TOPS])
def test_bangs_cover_the_forehead(top):
    """Hair covers more than 40 % of the forehead above the brows with bangs, less than 35 % without."""
    classes = segmentation(with_traits(top=top), 264, 264, "plain")
    forehead = classes[44:62, 98:166]
    covered = (forehead == ID["hair"]).mean()
    assert covered > 0.4 if top in gold.BANGS else covered < 0.35, covered


@pytest.mark.parametrize(
    "top", [BALD_TOP, *HAT_TOPS, *sorted({*STRAIGHT_TOPS, *WAVY_TOPS} - {"SHAGGY", "SHAGGY_MULLET"})]
)
def test_brows_are_seen_under_hair_and_hats(top):
    """At least half of raised brows; the shaggy cuts sweep over one brow and leave the other."""
    bare, covered = (
        np.isin(segmentation(with_traits(top=name, brows="RAISED_EXCITED"), 264, 264), (ID["rb"], ID["lb"])).sum()
        for name in (BALD_TOP, top)
    )
    assert covered >= 0.5 * bare


@pytest.mark.parametrize(
    "change",
    [
        {"mustache": True},
        {"goatee": True},
        {"sideburns": True},
        {"stubble": True},
        {"bushy": True},
        {"glasses": "ROUND"},
        {"glasses": "PRESCRIPTION_2"},
        {"tie": "#1F3F7A"},
        {"skin": "#FFE3CC"},
        {"eyes": "SQUINT"},
        {"eyes": "HAPPY"},
        {"brows": "RAISED_EXCITED"},
        {"top": "HAT"},
        {"blurry": True},
    ],
    ids=str,
)
def test_each_attribute_changes_what_a_model_sees(change):
    """At 64 pixels at least 12 pixels differ by more than a tenth of the range."""
    base = with_traits(eyes="DEFAULT", brows="DEFAULT", mouth="SERIOUS")
    shift = np.abs(small(base, 178, 218) - small(base.model_copy(update=change), 178, 218)).max(-1)
    assert (shift > 25).sum() >= 12


@pytest.mark.parametrize("skin", ["#FFE3CC", "#EDB98A", "#D9955F", "#AE5D29", "#573C30"])
@pytest.mark.parametrize("framing", ["plain", "tight"])
def test_expressions_differ_at_64_pixels(skin, framing):
    views = {}
    for name in EXPRESSIONS:
        eyes, mouths, brows = FACES[name]
        for mouth in mouths:
            face = with_traits(skin=skin, eyes=eyes[-1], mouth=mouth, brows=brows[-1])
            views[name, mouth] = small(face, 100, 100, framing=framing)
    for one, first in views.items():
        for other, second in views.items():
            if one[0] != other[0]:
                assert (np.abs(first - second).max(-1) > 25).sum() >= 12, (one, other)


def test_blurry_pictures_have_soft_edges():
    sharp, soft = (np.asarray(picture(with_traits(blurry=blurry), 178, 218).convert("L"), float) for blurry in (0, 1))
    assert np.abs(np.diff(soft)).max() < 0.6 * np.abs(np.diff(sharp)).max()


def test_drawing_is_deterministic():
    assert picture(PLAIN, 64, 64).tobytes() == picture(PLAIN, 64, 64).tobytes()
