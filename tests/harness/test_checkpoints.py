"""A checkpoint's identity changes with every byte and with no path."""

import shutil
from pathlib import Path

from harness.checkpoints import fingerprint


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
