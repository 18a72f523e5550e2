"""Stand-ins for pyfacer's two files, which are not here: a parser that tells classes by colour, and given faces."""

import contextlib
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from faceinsight.parsing import FaceMap
from harness.images import digest


class NearestColour(torch.nn.Module):
    """Gives a pixel the class of the nearest of K colours [K, 3] in 0 to 1, as logits of 1 and -1."""

    def __init__(self, colours: torch.Tensor, classes: torch.Tensor, count: int) -> None:
        super().__init__()
        self.register_buffer("colours", colours)
        self.register_buffer("classes", classes)
        self.count = count

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        apart = (x.unsqueeze(1) - self.colours.view(1, -1, 3, 1, 1)).square().sum(2)
        found = self.classes[apart.argmin(1)]
        logits = torch.nn.functional.one_hot(found, self.count).permute(0, 3, 1, 2).float() * 2 - 1
        return logits, logits

    def told(self, image: Image.Image) -> np.ndarray:
        """The class of each pixel, found without pyfacer: [height, width]."""
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float()[None] / 255
        return self(pixels)[0].argmax(1)[0].numpy()


def nearest_colour(table: dict[str, int], count: int = 19) -> NearestColour:
    """From "#RRGGBB" -> class."""
    colours = [[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in table]
    return NearestColour(torch.tensor(colours), torch.tensor(list(table.values())), count)


def save(parser: torch.nn.Module, file: Path) -> Path:
    """Write a parser in the form of pyfacer's release."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.script(parser).save(str(file))
    return file


def save_detector(file: Path) -> Path:
    """Write RetinaFace with random weights: it finds nothing, in pyfacer's own code."""
    from facer.face_detection import retinaface

    torch.manual_seed(0)
    torch.save(retinaface.RetinaFace(retinaface.cfg_mnet, "test").state_dict(), file)
    return file


class GivenFaces:
    """A detector that finds the same faces in every picture but the ones told not to have any.

    A face is its box (left, top, right, bottom); its five points lie where they do in an upright face.
    """

    POINTS = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.78), (0.65, 0.78))

    def __init__(self, *boxes: tuple[float, float, float, float], without: tuple[int, ...] = ()) -> None:
        self.boxes, self.without = boxes, without

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        assert images.dtype == torch.uint8
        found = [(n, box) for n in range(len(images)) if n not in self.without for box in self.boxes]
        if not found:
            return {key: torch.Tensor() for key in ("rects", "points", "scores", "image_ids")}
        points = [
            [(left + x * (right - left), top + y * (bottom - top)) for x, y in self.POINTS]
            for _, (left, top, right, bottom) in found
        ]
        return {
            "rects": torch.tensor([box for _, box in found], dtype=torch.float32),
            "points": torch.tensor(points, dtype=torch.float32),
            "scores": torch.ones(len(found)),
            "image_ids": torch.tensor([n for n, _ in found]),
        }


class CountingParser:
    """A parser that finds as many faces as the picture's digest says, and can be killed at its nth picture."""

    def __init__(self, name: str = "counting", dies_at: int | None = None) -> None:
        self.about = {"parser": name}
        self.dies_at = dies_at
        self.parsed: list[str] = []

    def parse(self, images: list[Image.Image]) -> list[FaceMap]:
        if self.dies_at is not None and len(self.parsed) + len(images) > self.dies_at:
            raise KeyboardInterrupt
        self.parsed += [digest(image) for image in images]
        return [self.map_of(image) for image in images]

    @staticmethod
    def map_of(image: Image.Image) -> FaceMap:
        faces = int(digest(image)[0], 16) % 3
        classes = np.full(image.size[::-1], faces, np.uint8)
        return FaceMap(classes=classes, faces=faces, outside=0.25 if faces else 1.0)


@contextlib.contextmanager
def no_network(monkeypatch):
    """Every download fails as it does without a network."""

    def fail(url: str, place: str, **_: object) -> None:
        raise OSError("Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(torch.hub, "download_url_to_file", fail)
        yield
