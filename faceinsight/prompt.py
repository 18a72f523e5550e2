"""The prompt of FaceInsight: LLaVA-1.5's conversation, the knowledge behind the query (eq. 2), and faces for it."""

from typing import Any, NamedTuple

from PIL import Image

from harness.images import mean_colour, square

TEMPLATE = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
    "USER: <image>\n{question} <knowledge> ASSISTANT:"
)
"""For one question about one face; {question} is replaced."""


class Seen(NamedTuple):
    """A face as the processor takes it: two squares of one size."""

    picture: Image.Image
    """RGB."""
    classes: Image.Image | None = None
    """Mode "L", the class of each pixel; the padding is background."""


def seen(picture: Image.Image, classes: Image.Image | None, image_processor: Any) -> Seen:
    """Pad a face and its map alike to squares: the mean colour around the face, background around the map."""
    return Seen(square(picture, mean_colour(image_processor)), None if classes is None else square(classes, 0))
