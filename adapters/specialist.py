"""The base of the specialists: networks that others have trained and published, each in one file of weights.

A picture is taken whole (`crop` = "none", for data that has been cropped or aligned), or the largest face is found in
it first ("detected"), as the networks' own code does; a picture without a face is then a failed request.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn

from adapters import guards, weights
from adapters.classifier import Classifier
from adapters.detection import Face, Finder
from adapters.resolution import AS_SAVED
from faceinsight.parsing import DETECTORS
from harness.errors import AdapterError

CROPS = ("none", "detected")


class Specialist(Classifier):
    """A published network behind the seam of classifiers; a subclass has `network`, `prepared` and `read`.

    Its protocol records the hash of the file it was loaded from; given with `--protocol NAME.sha256=...`, the file must
    have it.
    """

    defaults = MappingProxyType(
        {"crop": CROPS[0], "detector": DETECTORS[0], "sha256": weights.ANY, "image_size": AS_SAVED}
    )
    inside: ClassVar[str] = ""
    """The key under which the published file has its tensors."""
    unread: ClassVar[tuple[str, ...]] = ()
    """How the names of those tensors of the published file begin that the network here has no use for."""
    image_size: int = 224
    """Side of the square that the network sees; a folder's config.json may have another."""
    finder: Finder | None = None
    """Finds faces, where `crop` asks for that."""

    @staticmethod
    def network(config: Mapping[str, Any]) -> nn.Module:
        """The network of these sizes, of the published ones where they are not said, its weights drawn at random."""
        raise NotImplementedError

    def prepared(self, image: Image.Image, face: Face | None) -> Tensor:
        """The tensor of a picture, and of the face that was found in it where one was looked for."""
        raise NotImplementedError

    def load(self) -> nn.Module:
        """The network with the weights of its file, after a look at the protocol.

        Raises:
            AdapterError: a file or a choice that cannot be used.
        """
        if self.protocol["crop"] not in CROPS:
            raise AdapterError(f"{self.source}: crop is {' or '.join(CROPS)}, not '{self.protocol['crop']}'")
        found = weights.read(self.source, str(self.protocol["sha256"]), self.inside)
        tensors = {name: tensor for name, tensor in found.tensors.items() if not name.startswith(self.unread)}
        with guards.loading(self.source):
            network = self._of_sizes(found.config)
            weights.fill(network, tensors, self.source)
        self.revision = found.revision
        self.image_size = int(found.config.get("image_size", self.image_size))
        if self.protocol["crop"] == "detected":
            self.finder = Finder.of(str(self.protocol["detector"]), self.device)
        self.protocol |= {"sha256": found.sha256, "image_size": self.image_size}
        self.protocol |= {"detector_sha256": self.finder.sha256} if self.finder else {}
        return network

    def _of_sizes(self, config: Mapping[str, Any]) -> nn.Module:
        try:
            return self.network(config)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise AdapterError(
                f"{weights.CONFIG} of {self.source} is not this model's: {where}: {first['msg']}"
            ) from error

    def image(self, image: Image.Image) -> Tensor:
        """The picture, or the face in it, as the network's own code prepares it.

        Raises:
            ImageError: a face is looked for, and there is none.
        """
        return self.prepared(image, self.finder(image) if self.finder else None)
