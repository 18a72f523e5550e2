"""The scripted model: same request, same reply; a broken image fails alone."""

import pytest

from adapters.echo import REPLIES, Echo
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request
from tests import tiny_models


@pytest.fixture
def requests(tmp_path):
    tiny_models.picture().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    ref = {True: ImageRef(path=tmp_path / "a.png"), False: ImageRef(path=tmp_path / "b.png")}
    return [Request(key=f"k{i}", sample_id=str(i), image=ref[i != 3], text="?") for i in range(20)]


def flat(engine, requests):
    return [row for batch in engine.generate(requests, Decoding()) for row in batch]


def test_replies_depend_on_the_key_alone(requests):
    rows = flat(Echo(), requests)
    assert [row.key for row in rows] == [request.key for request in requests]
    assert flat(Echo(), requests[7:]) == rows[7:]
    assert {row.text for row in rows if row.finish == "stop"} == set(REPLIES)


def test_a_broken_image_is_one_failed_row(requests):
    rows = flat(Echo(), requests)
    assert [row.sample_id for row in rows if row.finish == "failed"] == ["3"]
    assert "b.png" in rows[3].error


def test_own_replies(requests, tmp_path):
    script = tmp_path / "replies.txt"
    script.write_text("Female.\n\n")
    assert {row.text for row in flat(Echo(str(script)), requests) if row.finish == "stop"} == {"Female."}
    script.write_text("\n")
    with pytest.raises(AdapterError, match="no reply"):
        Echo(str(script))
    with pytest.raises(AdapterError, match="no file"):
        Echo("absent.txt")
