"""Face parsing: the class of each pixel of a picture, by pyfacer behind the small `FaceParser` seam.

It is used ahead of training and inference, by `python -m harness segment`; docs/segmentation.md has pyfacer's faults
and what is done about each. Importing pyfacer takes seconds and brings half of the scientific Python world along, so
only a parser that is made does it.

Shapes: B pictures, N faces, C classes, H x W pixels.
"""

# mypy: disallow-untyped-calls=False, disable-error-code="no-any-return"

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from faceinsight.parser_files import open_detector, open_parser
from harness.errors import AdapterError, ConfigError, UnknownNameError
from harness.maps import CLASSES, Classes
from harness.records import Record

MODELS = ("farl/celebm/448", "farl/lapa/448")
DETECTORS = ("retinaface/mobilenet", "retinaface/resnet50")
LONGEST = 1024
"""Larger pictures are parsed at this length of their longer side, in pixels: logits take 76 bytes a pixel and face,
and RetinaFace's largest anchor is 512."""
_HELP = "`python -m harness segment --help`"
_JUST_BELOW_1 = 1 - 2**-20

Detector = Callable[[Tensor], dict[str, Tensor]]
"""Pictures uint8 [B, 3, H, W] -> rects [N, 4] (left, top, right, bottom), points [N, 5, 2], scores [N], image_ids [N];
facer's own detectors are such."""


class FaceMap(NamedTuple):
    """What a parser makes of one picture."""

    classes: Classes
    """uint8 [height, width], values as in harness.maps.CLASSES."""
    faces: int
    """How many faces were found; one of them was parsed."""
    outside: float
    """The share of the picture that the parser did not look at and that is background for want of better, 0 to 1."""


class FaceParser(Protocol):
    """Whatever turns pictures into maps."""

    @property
    def about(self) -> dict[str, Any]:
        """Everything that decides the maps: kept beside them, so that two parsers' maps never mix."""

    def parse(self, images: Sequence[Image.Image]) -> list[FaceMap]:
        """One map per picture, each of its picture's size."""


class PyfacerOptions(Record):
    """Which of pyfacer's networks, and from which files."""

    model: str = MODELS[0]
    detector: str = DETECTORS[0]
    weights: Path | None = None
    """The parser's TorchScript file; None takes pyfacer's release. It is a program: trust its origin."""
    sha256: str | None = None
    """Refuse the parser's file if it has another hash."""
    detector_weights: Path | None = None
    device: str = "auto"
    """"auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ..."""


class PyfacerParser:
    """pyfacer: RetinaFace finds faces and their five points, FaRL parses the largest.

    Args:
        options: the networks and their files.
        detector: takes RetinaFace's place; then no file is needed for it.

    Raises:
        UnknownNameError: there is no such model or detector.
        ConfigError: a file or a device that does not exist, or a parser's file of another hash.
        AdapterError: pyfacer cannot be imported, or a file cannot be fetched or read.
    """

    def __init__(self, options: PyfacerOptions, detector: Detector | None = None) -> None:
        for kind, name, known in (("parser", options.model, MODELS), ("detector", options.detector, DETECTORS)):
            if name not in known:
                raise UnknownNameError.of(kind, name, known, _HELP)
        self.device = _device(options.device)
        with silence():
            facer = import_facer()
            self._parser, parser_hash = open_parser(facer, options.model, self.device, options.weights, options.sha256)
            self._detector: Detector
            self._detector, detector_hash = (
                (detector, "given")
                if detector
                else open_detector(facer, options.detector, self.device, options.detector_weights)
            )
        self._table = _table(self._parser.label_names)
        self.about: dict[str, Any] = {
            "parser": "pyfacer",
            "version": version("pyfacer"),
            "model": options.model,
            "weights": parser_hash,
            "detector": options.detector,
            "detector_weights": detector_hash,
            "longest": LONGEST,
        }

    def parse(self, images: Sequence[Image.Image]) -> list[FaceMap]:
        """One map per picture; without a face all of it is background.

        Raises:
            AdapterError: the parser's file gives another number of classes than its model has.
        """
        small = [shrunk(image) for image in images]
        found: dict[int, FaceMap] = {}
        for size in dict.fromkeys(image.size for image in small):  # pyfacer takes pictures of one size
            places = [place for place, image in enumerate(small) if image.size == size]
            with silence(), torch.inference_mode():
                maps = self._parse([small[place] for place in places])
            found |= dict(zip(places, maps, strict=True))
        return [_of_size(found[place], image.size) for place, image in enumerate(images)]

    def _parse(self, images: list[Image.Image]) -> list[FaceMap]:
        pixels_BCHW = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)
        pixels_BCHW = pixels_BCHW.to(self.device)
        faces = self._detector(pixels_BCHW)
        ids = [int(place) for place in faces["image_ids"].tolist()]
        blank = np.zeros(images[0].size[::-1], np.uint8)
        maps = [FaceMap(blank, ids.count(place), 1.0) for place in range(len(images))]
        chosen = _largest(ids, faces["rects"].float().cpu().numpy(), images[0].size)
        if not chosen:  # pyfacer's parser fails on an empty list
            return maps
        for face, (classes, outside) in zip(chosen, self._parse_faces(pixels_BCHW, faces, chosen), strict=True):
            maps[ids[face]] = maps[ids[face]]._replace(classes=classes, outside=outside)
        return maps

    def _parse_faces(
        self, pixels_BCHW: Tensor, faces: dict[str, Tensor], chosen: list[int]
    ) -> list[tuple[Classes, float]]:
        picked = {key: values[chosen] for key, values in faces.items()}
        picked["image_ids"] = picked["image_ids"].long()
        # pyfacer guesses the type from the largest value: a dark uint8 picture would pass for floats, and a white one
        # whose interpolation gives 1.0000001 for bytes.
        logits_NCHW = self._parser(pixels_BCHW.float() / 255 * _JUST_BELOW_1, picked)["seg"]["logits"]
        if logits_NCHW.shape[1] != len(self._table):
            raise AdapterError(
                f"the parser's file gives {logits_NCHW.shape[1]} classes, not the {len(self._table)} of its model: "
                "--model names the one that the file belongs to."
            )
        classes_NHW = self._table[logits_NCHW.argmax(1).cpu().numpy()]
        # Beyond the aligned crop grid_sample leaves zeros, whose argmax is background.
        outside_N = (logits_NCHW == 0).all(1).float().mean((1, 2)).tolist()
        return list(zip(classes_NHW, outside_N, strict=True))


def choose(rects_N4: npt.NDArray[np.floating[Any]], size: tuple[int, int]) -> int:
    """The place of the largest box; of equal ones that whose middle is nearest to the picture's, and then the first.

    Args:
        rects_N4: left, top, right, bottom in pixels, at least one.
        size: width and height of the picture in pixels.
    """
    areas = (rects_N4[:, 2:] - rects_N4[:, :2]).prod(1)
    aside = np.hypot(*((rects_N4[:, :2] + rects_N4[:, 2:]) / 2 - np.array(size) / 2).T)
    return int(np.lexsort((aside, -areas))[0])


def _largest(ids: list[int], rects_N4: npt.NDArray[np.floating[Any]], size: tuple[int, int]) -> list[int]:
    """The places of the chosen faces, one per picture that has any, in the pictures' order."""
    chosen = []
    for picture in sorted(set(ids)):
        own = [place for place, of in enumerate(ids) if of == picture]
        chosen.append(own[choose(rects_N4[own], size)])
    return chosen


def _table(names: Sequence[str]) -> Classes:
    """A model's class -> ours, by name: the two models number the same parts differently."""
    return np.array([CLASSES.index(name) for name in names], np.uint8)


def shrunk(image: Image.Image) -> Image.Image:
    """The picture in colours, no longer than LONGEST."""
    image = image.convert("RGB")
    scale = LONGEST / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3)


def _of_size(found: FaceMap, size: tuple[int, int]) -> FaceMap:
    if found.classes.shape == size[::-1]:
        return found
    classes = Image.fromarray(found.classes).resize(size, Image.Resampling.NEAREST)
    return found._replace(classes=np.asarray(classes))


def import_facer() -> Any:
    """The package pyfacer; this takes seconds.

    Raises:
        AdapterError: it cannot be imported.
    """
    try:
        import facer
    except (ImportError, RuntimeError) as error:  # torchvision of another torch raises the latter
        raise AdapterError(
            f"pyfacer cannot be imported ({error}): `pip install pyfacer` in this environment."
        ) from error
    return facer


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Hide torch's warnings about TorchScript, and what pyfacer prints before it raises."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"'{name}' is no device; use auto, cpu, cuda, cuda:1 ...") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"there is no CUDA device here for --device {name}; use auto or cpu")
    return device
