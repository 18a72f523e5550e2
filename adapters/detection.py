"""The face in a picture that nobody has cropped, found by pyfacer's RetinaFace, and cut out as networks want it.

pyfacer is maintained and is there for the segmentation maps; the detectors that the specialists' own code brings are
not (facenet-pytorch) or have no wheel (dlib). So boxes and points differ from theirs; by how much is not measured.
"""

# mypy: disallow-untyped-calls=False

import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from faceinsight.parser_files import open_detector
from faceinsight.parsing import DETECTORS, Detector, choose, import_facer, shrunk, silence
from harness.errors import ImageError, UnknownNameError

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
Points = npt.NDArray[np.float64]
"""[5, 2]: x, y in pixels of the eyes (left in the picture first), the nose's tip and the corners of the mouth."""

# dlib's template of a face for get_face_chips (image_transforms/interpolation.h): x, y on the unit square of the
# corners of the right and the left eye in the picture. RetinaFace gives no corners: the middle of each eye is matched.
_EYES = (((0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677)),
         ((0.1205750620789, 0.2137274526848), (0.3340850613712, 0.2290642403242)))  # fmt: skip


class Face(NamedTuple):
    """One face, in pixels of the whole picture."""

    box: Box
    points: Points


class Finder:
    """Finds the largest face of a picture; of equal ones that nearest to the middle, and then the first.

    Args:
        detector: pictures -> faces, as pyfacer has it.
        sha256: of its weights.
        device: where it works.
    """

    def __init__(self, detector: Detector, sha256: str, device: torch.device | None = None) -> None:
        self.detector = detector
        self.sha256 = sha256
        self.device = device or torch.device("cpu")
        self._one = threading.Lock()  # pictures are prepared in several threads

    @classmethod
    def of(cls, name: str, device: torch.device) -> "Finder":
        """With one of pyfacer's detectors, whose file is in torch's hub folder or is fetched into it.

        Raises:
            UnknownNameError: there is no such detector.
            AdapterError: pyfacer cannot be imported, or the file cannot be fetched or read.
        """
        if name not in DETECTORS:
            known = f"`--protocol NAME.detector=...`, with {' or '.join(DETECTORS)},"
            raise UnknownNameError.of("detector", name, DETECTORS, known)
        with silence():
            detector, sha256 = open_detector(import_facer(), name, device, None, flag="")
        return cls(detector, sha256, device)

    def __call__(self, image: Image.Image) -> Face:
        """The face.

        Raises:
            ImageError: there is none.
        """
        small = shrunk(image)
        pixels = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1)[None].to(self.device)
        with self._one, silence(), torch.inference_mode():
            found = {key: value.cpu().double().numpy() for key, value in self.detector(pixels).items()}
        if not len(found["rects"]):
            raise ImageError(
                "no face was found in the picture: if it shows one, cropped or aligned before, take crop = none"
            )
        best = choose(found["rects"], small.size)
        scale = np.array(image.size) / np.array(small.size)
        left, top, right, bottom = (found["rects"][best].reshape(2, 2) * scale).reshape(-1).tolist()
        return Face((left, top, right, bottom), found["points"][best] * scale)


def with_margin(image: Image.Image, box: Box, share: float) -> Image.Image:
    """The box with a margin on each side, a share of its width and height; no more than there is of the picture.

    Raises:
        ImageError: nothing of the box is in the picture.
    """
    left, top, right, bottom = box
    wide, high = share * (right - left), share * (bottom - top)
    # Cut off to whole pixels, as FaceXFormer's own code does.
    edges = (int(max(0, left - wide)), int(max(0, top - high)))
    ends = (int(min(image.width, right + wide)), int(min(image.height, bottom + high)))
    if ends[0] <= edges[0] or ends[1] <= edges[1]:
        raise ImageError("the face that was found lies outside the picture")
    return image.crop((*edges, *ends))


def chip(image: Image.Image, points: Points, size: int, padding: float) -> Image.Image:
    """The face turned upright in a square, its eyes where dlib's get_face_chips has them; black beyond the picture.

    Args:
        image: the picture.
        points: of the face.
        size: side of the square in pixels.
        padding: margin around the template, as a share of its side.

    Raises:
        ImageError: both eyes are at one place.
    """
    template = np.array(_EYES).mean(1)[::-1]  # left in the picture first
    wanted = (padding + template) / (2 * padding + 1) * size
    eyes = points[:2]
    scale = _complex(eyes[1] - eyes[0]) / _complex(wanted[1] - wanted[0])  # a turn and a size, picture by square
    if abs(scale) < 1e-6:
        raise ImageError("the eyes of the face that was found are at one place")
    shrink = max(1.0, abs(scale))
    # Sampling four pixels is no way to make a picture smaller, so that is done before.
    if shrink > 1:
        width, height = (max(1, round(side / shrink)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    turn, start = scale / shrink, (_complex(eyes[0]) - scale * _complex(wanted[0])) / shrink
    matrix = (turn.real, -turn.imag, start.real, turn.imag, turn.real, start.imag)
    return image.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _complex(point: npt.NDArray[np.floating[Any]]) -> complex:
    return complex(float(point[0]), float(point[1]))
