"""Words that commands share: lists, and the device a training sees."""

import os

import pytest

from harness.cli_words import confine, words


def test_words_are_those_between_commas_once_each():
    assert words(" a, b,,a ") == ("a", "b")
    assert words("") == ()


@pytest.mark.parametrize(
    ("device", "before", "rank", "after"),
    [
        ("auto", None, None, None),
        ("cuda", "2,3", None, "2,3"),
        ("cpu", "2,3", None, ""),
        ("cpu", None, "0", ""),
        ("cuda:1", None, None, "1"),
        ("cuda:1", "2,3", None, "3"),
        ("cuda:1", "2,3", "0", "2,3"),
    ],
)
def test_a_training_sees_the_device_it_was_given(
    device: str, before: str | None, rank: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("CUDA_VISIBLE_DEVICES", before), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    confine(device)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == after
