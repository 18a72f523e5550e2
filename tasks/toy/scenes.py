"""ExpW's photographs: one to three toy faces in a scene, each with its box and its expression.

A file's name holds the words it was searched with, as in the real set: often, but not always, the expression of a face
in it. So a model that reads names cheats here as it would there.
"""

from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.datasets.split import hash_split
from tasks.toy.draw import WHOLE, cutout
from tasks.toy.segments import cutout_segmentation
from tasks.toy.traits import DATASETS, EXPRESSIONS, SPLITS, Split, ToyTraits, sample

HEIGHT = 240
_SLOT = 190
"""The width that one face takes, in pixels."""
_NAMES = ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "calm")
_WHO = ("actor", "baby", "boss", "family", "student", "teacher")
_TRUTHFUL = 0.6
"""The share of file names that tell the expression of the first face."""
_TRIES = 1000
# The head in the drawing's units: a square around it, as ExpW's detector draws.
_HEAD = (57.0, 39.0, 150.0)


def faces_in(index: int) -> int:
    """Give the number of faces in a scene: 1, 2, 3 in turn."""
    return index % 3 + 1


def scenes_of(faces: int) -> list[int]:
    """Give the annotated faces of each scene, so that they sum up; the last scene may hold more than are listed."""
    listed: list[int] = []
    for index in count():
        if faces <= 0:
            return listed
        listed.append(min(faces, faces_in(index)))
        faces -= listed[-1]
    raise AssertionError("count() does not end")


class Scene(NamedTuple):
    """One photograph with its faces, from left to right."""

    name: str
    image: Image.Image
    classes: Image.Image
    """The class of each pixel, mode "L"; a later face lies over an earlier one."""
    boxes: list[tuple[int, int, int, int]]
    """left, top, right, bottom in pixels, one per face."""
    lines: list[str]
    """Of label.lst, one per face; they have top first."""


def draw_scene(seed: int, split: Split, index: int) -> Scene:
    """Draw one scene with its map."""
    rng = np.random.default_rng([seed, DATASETS.index("expw"), SPLITS.index(split), index, 3])
    first = 6 * (index // 3) + (0, 1, 3)[index % 3]  # the faces in the scenes before, at 1, 2, 3 in turn
    people = [sample(seed, "expw", split, first + place) for place in range(faces_in(index))]
    name = _name(rng, people[0], split, index)
    colour = tuple(int(value) for value in rng.integers(150, 240, 3))
    image = Image.new("RGB", (_SLOT * len(people) + 30, HEIGHT), colour)
    classes = Image.new("L", image.size)
    boxes, lines = [], []
    for place, traits in enumerate(people):
        width = int(rng.integers(140, 190))
        left = 15 + place * _SLOT + int(rng.integers(0, _SLOT - width + 1))
        face = cutout(traits, width)
        at = left, HEIGHT - face.height
        image.paste(face, at, face)
        _paste_classes(classes, cutout_segmentation(traits, width), at)
        boxes.append(_head_box(*at, width))
        lines.append(_line(name, place, boxes[-1], traits, confidence=float(rng.uniform(5, 120))))
    return Scene(name, image, classes, boxes, lines)


def _paste_classes(classes: Image.Image, face: NDArray[np.uint8], at: tuple[int, int]) -> None:
    classes.paste(Image.fromarray(face), at, Image.fromarray(face > 0))


def _head_box(left: int, top: int, width: int) -> tuple[int, int, int, int]:
    """The head of an avatar that is so wide and lies there: left, top, right, bottom in pixels."""
    scale = width / WHOLE.width
    box_left, box_top = left + round(_HEAD[0] * scale), top + round(_HEAD[1] * scale)
    size = round(_HEAD[2] * scale)
    return box_left, box_top, box_left + size, box_top + size


def _line(name: str, place: int, box: tuple[int, int, int, int], traits: ToyTraits, confidence: float) -> str:
    left, top, right, bottom = box
    sides = f"{top} {left} {right} {bottom}"
    return f"{name} {place} {sides} {confidence:.4f} {EXPRESSIONS.index(traits.expression)}"


def _name(rng: np.random.Generator, traits: ToyTraits, split: Split, index: int) -> str:
    told = EXPRESSIONS.index(traits.expression) if rng.random() < _TRUTHFUL else int(rng.integers(len(_NAMES)))
    who = _WHO[int(rng.integers(len(_WHO)))]
    numbers = count(_TRIES * (2 * index + (split == "test")))
    names = (f"{_NAMES[told]}_{who}_{number}.jpg" for number in numbers)
    return next(name for name in names if hash_split(name) == split)
