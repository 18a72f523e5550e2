"""A checkpoint's identity changes with every byte and with no path; where it lies is seen without loading it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.checkpoints import Whereabouts, fingerprint, parameters_in, whereabouts
from tests.hub import fake_hub, index


def test_a_folder_is_its_contents(tmp_path: Path):
    first = tmp_path / "a"
    (first / "sub").mkdir(parents=True)
    (first / "model.safetensors").write_bytes(b"weights")
    (first / "sub" / "config.json").write_text("{}")
    shutil.copytree(first, tmp_path / "b")
    assert fingerprint(str(first)) == fingerprint(str(tmp_path / "b"))
    (tmp_path / "b" / "model.safetensors").write_bytes(b"weighty")
    assert fingerprint(str(first)) != fingerprint(str(tmp_path / "b"))


def test_a_repository_is_its_id():
    assert fingerprint("owner/name") == "owner/name"
    assert fingerprint("") == ""


REPO = "owner/model"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
CHUNK = b"x" * 500_000
INDEX = "model.safetensors.index.json"


def test_a_repository_that_was_never_asked_for(tmp_path: Path):
    assert whereabouts(REPO, 14.1, tmp_path) == Whereabouts(place="hub", missing_gb=14.1)
    assert whereabouts(REPO, None, tmp_path).missing_gb is None
    assert list(tmp_path.iterdir()) == []


def test_a_repository_that_is_all_here(tmp_path: Path):
    fake_hub(tmp_path, REPO, {"config.json": b"{}", INDEX: index(*SHARDS), SHARDS[0]: CHUNK, SHARDS[1]: CHUNK})
    found = whereabouts(REPO, 0.001, tmp_path)
    assert found.place == "cache"
    assert found.here_gb == pytest.approx(0.001, rel=0.01)
    assert found.missing_gb == 0


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": b"{}"},
        {"config.json": b"{}", INDEX: index(*SHARDS), SHARDS[0]: CHUNK},
        {"config.json": b"{}", INDEX: b'{"weight_m', SHARDS[0]: CHUNK},
        {"config.json": b"{}", "llm/" + INDEX: index(*SHARDS), "llm/" + SHARDS[1]: CHUNK, "model.safetensors": CHUNK},
        {"model.safetensors": CHUNK},
    ],
)
def test_a_repository_of_which_a_part_is_here(files: dict[str, bytes], tmp_path: Path):
    fake_hub(tmp_path, REPO, files)
    found = whereabouts(REPO, 0.0012, tmp_path)
    assert found.place == "partial"
    assert found.missing_gb == pytest.approx(0.0012 - found.here_gb)


def test_weights_without_an_index_count_by_size(tmp_path: Path):
    fake_hub(tmp_path, REPO, {"config.json": b"{}", "llm/model.safetensors": CHUNK})
    assert whereabouts(REPO, 0.0005, tmp_path).place == "cache"
    assert whereabouts(REPO, None, tmp_path).place == "cache"
    assert whereabouts(REPO, 0.0010, tmp_path).place == "partial"  # the other folders of the repository are not here


def test_one_of_two_indexes_is_enough(tmp_path: Path):
    files = {"config.json": b"{}", INDEX: index("a.safetensors"), "a.safetensors": CHUNK}
    fake_hub(tmp_path, REPO, files | {"pytorch_model.bin.index.json": index("a.bin")})
    assert whereabouts(REPO, None, tmp_path).place == "cache"


def test_a_download_that_was_cut_off_leaves_a_link_to_nothing(tmp_path: Path):
    snapshot = fake_hub(tmp_path, REPO, {"config.json": b"{}", INDEX: index(*SHARDS), SHARDS[0]: CHUNK})
    (snapshot / SHARDS[1]).symlink_to(tmp_path / "gone")
    assert whereabouts(REPO, None, tmp_path).place == "partial"


def test_folders_and_models_without_weights(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(CHUNK)
    assert whereabouts(str(tmp_path)) == Whereabouts(place="folder", here_gb=0.0005)
    assert whereabouts("") == Whereabouts(place="none")
    assert whereabouts(str(tmp_path / "no/such/folder")).place == "absent"


def test_parameters_are_counted_without_loading_them(tmp_path: Path):
    assert parameters_in(tmp_path) is None
    save_file({"a": np.zeros((3, 4), np.float16), "b": np.zeros(5, np.float32)}, tmp_path / "model.safetensors")
    assert parameters_in(tmp_path) == pytest.approx(17e-9)
    save_file({"c": np.zeros(2, np.float32)}, tmp_path / "adapters.safetensors")
    assert parameters_in(tmp_path) is None
