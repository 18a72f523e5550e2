"""A Hugging Face cache as huggingface_hub lays it out: blobs, refs, and snapshots of links."""

import json
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fake_hub(hub: Path, repo: str, files: dict[str, bytes], commit: str = COMMIT) -> Path:
    """Put files of a repository into the cache; returns the snapshot's folder."""
    root = hub / f"models--{repo.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    for folder in (root / "blobs", root / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    for number, (name, content) in enumerate(files.items()):
        blob = root / "blobs" / f"{number:040x}"
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return snapshot


def index(*shards: str) -> bytes:
    """The index of weights that lie in these files."""
    return json.dumps({"weight_map": {f"weight.{number}": shard for number, shard in enumerate(shards)}}).encode()
