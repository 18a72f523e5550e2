"""A writer of tiny official layouts: label files by hand, images as empty files, since loaders never open one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.datasets import DataOptions
from tasks.toy import write_toy
from tests import quirks

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write("a/b.txt", "text") or write("a/b.jpg") below tmp_path; returns tmp_path. Bytes are written as they are."""

    def put(name: str, content: str | bytes = b"") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return put


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, so that indexes of these few files do not pile up in the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy sets of all datasets, not to be changed: copy them (tests.quirks.copy)."""
    return write_toy(tmp_path_factory.mktemp("toy"), quirks.TEST, quirks.TRAIN, quirks.SEED)


@pytest.fixture
def spoilt(toy: Path, tmp_path: Path) -> Callable[[str], Path]:
    """spoilt("celeba") copies that toy set below tmp_path, and returns its folder."""
    return lambda dataset: quirks.copy(toy, dataset, tmp_path) / dataset


@pytest.fixture(scope="session")
def plain(toy: Path) -> Callable[..., quirks.Read]:
    """plain("celeba"): what the loader says of the set without a quirk; with options, under those."""
    known: dict[tuple[str, str], quirks.Read] = {}

    def said(dataset: str, chosen: DataOptions | None = None) -> quirks.Read:
        key = dataset, chosen.model_dump_json() if chosen else ""
        if key not in known:
            known[key] = quirks.read_all(toy, dataset, chosen)
        return known[key]

    return said
