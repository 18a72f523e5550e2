import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import METRICS, STATUSES
from harness.trials import VARIANTS
from reports import style

# Machado, Oliveira and Fernandes 2009: how full protanopes and deuteranopes see linear RGB.
SIGHTS = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
TEN = list(tomllib.loads((Path(style.__file__).with_name("style.toml")).read_text())["models"])[:10]


def lab(colour, sight):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = TO_XYZ @ np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(
    "colours",
    [style.model_colours(TEN), style.status_colours(), style.variant_colours(VARIANTS), style.verdict_colours()],
    ids=["models", "statuses", "variants", "verdicts"],
)
def test_colours_can_be_told_apart_without_all_cones(colours, sight):
    seen = {name: lab(colour, sight) for name, colour in colours.items()}
    nearest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in itertools.combinations(seen, 2))
    assert nearest[0] > 10, nearest


def test_a_model_keeps_its_colour_in_every_run():
    both = style.model_colours(["qwen2.5-vl-7b", "hf:me/mine"])
    assert style.model_colours(["stranger", "qwen2.5-vl-7b"])["qwen2.5-vl-7b"] == both["qwen2.5-vl-7b"]
    assert len(set(both.values())) == 2


def test_no_two_models_share_a_shape_and_strangers_get_others():
    known = tuple(style._data()["models"])
    shapes = style.model_markers([*known, "llava-v1.5-7b@mine", "hf:me/other"])
    assert len(set(shapes.values())) == len(known) + 2
    assert style.model_markers(known[3:4]) == {known[3]: shapes[known[3]]}
    assert tuple(style._data()["markers"]) == known


def test_spare_colours_are_no_models_colour():
    both = [*style._data()["models"].values(), *style._data()["spare"]["colours"]]
    assert len(set(both)) == len(both)


def test_every_status_and_metric_has_its_look():
    assert tuple(style.status_colours()) == STATUSES
    assert [style.title("metrics", metric) for metric in METRICS] == ["Accuracy", "Precision", "Recall", "F1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.875, "87.5"),
        (1.0, "100.0"),
        (0.0, "0.0"),
        (-0.0001, "0.0"),
        (0.12345, "12.3"),
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_percent(value, text):
    assert style.percent(value) == text


@given(st.text())
def test_visible_text_holds_nothing_that_cannot_be_seen(text):
    shown = style.visible(text)
    assert all(char.isprintable() or char in "\n\t" or char.isspace() for char in shown)
    shown.encode("utf-8")
    assert style.visible(shown) == shown


def test_bidi_marks_and_lone_surrogates_are_written_out():
    assert style.visible("a\u202eb\x00\ud800") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩"
    assert style.visible("Ünïcödé, 漢字, line\nend\t!") == "Ünïcödé, 漢字, line\nend\t!"
