"""`python -m harness adapters new NAME`: a file that works, with comments where a model usually differs."""

import re
from pathlib import Path

from harness.errors import ConfigError

_FILE = '''"""{name}: an adapter to start from. As it stands it runs any checkpoint that has a chat template:

    python -m harness ask {file}:{cls}@FOLDER_OR_REPO portrait.jpg

Take out what you do not change. docs/adding-a-model.md explains each part.
"""

from PIL import Image

from adapters.generic import Generic


class {cls}(Generic):
    """Say here where the official prompt and the image treatment were read, so that others can check."""

    # The weights when no @FOLDER_OR_REPO is given.
    # repo = "owner/name"

    # Tokens that end an answer, beside those of the checkpoint's generation settings. The first must exist.
    # stops = ("<|im_end|>",)

    # To write the official prompt yourself, derive from adapters.hf.ChatModel instead of Generic and state these two.
    # The image placeholder stands in the text; a begin-of-sequence token does not: `bos = True` puts it there once.
    # template = "USER: <image>\\n{{question}} ASSISTANT:"
    # bos = True

    def image(self, image: Image.Image) -> Image.Image:
        """The photograph as the official code prepares it: pad, crop, resize. The processor does the rest."""
        return image
'''


def write(name: str, folder: Path = Path()) -> Path:
    """Write NAME.py with the class Name into a folder and return its path.

    Raises:
        ConfigError: the name has no letter, the folder is missing, or the file exists (it is never overwritten).
    """
    words = re.findall(r"[A-Za-z0-9]+", name)
    if not words or not words[0][0].isalpha():
        raise ConfigError(f"'{name}' makes no file name: begin with a letter, such as my-model")
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}: make it first, or name another with --folder")
    path = folder / f"{'_'.join(words).lower()}.py"
    text = _FILE.format(name=name, file=path.name, cls="".join(word[0].upper() + word[1:] for word in words))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} exists and is not overwritten: choose another name or --folder") from None
    return path
