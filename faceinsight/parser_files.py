"""The two weight files that pyfacer needs: found, fetched or refused, and only then opened by pyfacer.

The parser's file is TorchScript, which is a program: opening one from anywhere but pyfacer's own release runs whatever
its author wished. The detector's file is a pickle; it is opened as plain tensors or not at all.
"""

# mypy: disallow-untyped-calls=False

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch

from harness.errors import AdapterError, ConfigError

_BLOCK = 1 << 20


def open_parser(
    facer: Any, model: str, device: torch.device, given: Path | None, wanted: str | None
) -> tuple[Any, str]:
    """A parser of pyfacer and the hash of its file.

    Args:
        facer: the package; importing it takes seconds, so whoever has it hands it over.
        model: one of the parser's names, such as "farl/celebm/448".
        device: where it is to work.
        given: its TorchScript file; None takes pyfacer's release.
        wanted: the hash that its file must have, if any.

    Raises:
        ConfigError: the given file does not exist, or the file has another hash.
        AdapterError: the file cannot be fetched or read.
    """
    from facer.face_parsing.farl import pretrain_settings

    url = pretrain_settings[model.removeprefix("farl/")]["url"][0]
    file = weight_file(url, given, "--weights")
    found = sha256(file)
    if wanted and wanted.lower() != found:
        raise ConfigError(f"{file} has the sha256 {found}, not {wanted}: it is not opened, for it is a program.")
    try:
        return facer.face_parser(model, device=device, model_path=str(file)), found
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise AdapterError(f"{file} cannot be opened as a TorchScript file ({reason}). {url} is one.") from error


def open_detector(
    facer: Any, detector: str, device: torch.device, given: Path | None, flag: str = "--detector-weights"
) -> tuple[Any, str]:
    """A face detector of pyfacer, such as "retinaface/mobilenet", and the hash of its file; see `open_parser`.

    Raises:
        ConfigError: the given file does not exist.
        AdapterError: the file cannot be fetched, or holds something else than this detector's tensors.
    """
    from facer.face_detection import retinaface

    kind = detector.removeprefix("retinaface/")
    file = weight_file(retinaface.pretrained_urls[kind], given, flag)
    layout = {"mobilenet": retinaface.cfg_mnet, "resnet50": retinaface.cfg_re50}[kind]
    check_tensors(file, set(retinaface.RetinaFace(layout, "test").state_dict()))
    cudnn_benchmark = torch.backends.cudnn.benchmark
    try:
        return facer.face_detector(detector, device=device, model_path=str(file)), sha256(file)
    finally:
        torch.backends.cudnn.benchmark = cudnn_benchmark  # pyfacer turns it on for the whole process


def weight_file(url: str, given: Path | None, flag: str) -> Path:
    """The file that was given, or the one fetched from this address before, or fetched now.

    Args:
        url: where the file is published; torch's hub folder ($TORCH_HOME/hub/checkpoints) keeps it.
        given: a local file, which is taken as it is.
        flag: the option that gives a local file, for the sentence; empty where there is none.

    Raises:
        ConfigError: the given file does not exist.
        AdapterError: the file is not here and cannot be fetched.
    """
    name = Path(urlparse(url).path).name
    if given is not None:
        if not given.is_file():
            raise ConfigError(f"{flag} {given} is not a file. {name} is published at {url}")
        return given
    kept = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not kept.is_file():
        _fetch(url, kept, flag)
    return kept


def _fetch(url: str, place: Path, flag: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    named = f", or name the file with {flag}" if flag else ""
    try:
        torch.hub.download_url_to_file(url, str(place), progress=False)
    except OSError as error:  # an URLError is one
        raise AdapterError(
            f"pyfacer's weights {place.name} are not in {place.parent} and cannot be fetched ({error}). Download {url} "
            f"on a machine with a network and put it there{named}."
        ) from error


def sha256(file: Path) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def check_tensors(file: Path, names: set[str]) -> None:
    """See to it that a file holds the tensors of these names and nothing that could run.

    pyfacer itself takes a file of another network without a word, if one name fits.

    Raises:
        AdapterError: it holds something else, or lacks a tensor.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        tensors = content.get("state_dict", content)
        held = {name.split("module.", 1)[-1] for name in tensors}
    except Exception as error:  # torch.load raises what it likes
        raise AdapterError(f"{file} is no file of plain tensors, as a face detector's must be ({error}).") from error
    if lacking := sorted(name for name in names - held if not name.endswith("num_batches_tracked")):
        raise AdapterError(
            f"{file} lacks {len(lacking)} of the detector's {len(names)} tensors, {lacking[0]} among them: it belongs "
            "to another network (mobilenet and resnet50 have each their own)."
        )
