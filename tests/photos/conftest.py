"""The photographs, where they are on this machine; without them every test here is skipped, and says why."""

import pytest
from PIL import Image

from docs.portraits import photos as found
from harness.errors import DataError


@pytest.fixture(scope="session")
def photos():
    """The 30 portraits."""
    try:
        return found.portraits()
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def files(photos):
    """The 31 files."""
    return [*(photo.path for photo in photos), found.astronaut()]


@pytest.fixture(scope="session")
def astronaut(photos):
    """The photograph of a whole upper body."""
    return found.astronaut()


@pytest.fixture(scope="session")
def portrait(photos):
    """One portrait in colour, as upright RGB."""
    path = next(photo.path for photo in photos if Image.open(photo.path).mode == "RGB")
    return Image.open(path).convert("RGB")
