"""Every text of the pages can be read on what lies behind it: contrast AA of WCAG 2, light and dark."""

import re

import pytest

from reports import assets, style

CSS = (assets.TEMPLATES / "page.css").read_text(encoding="utf-8")
PALETTE = {
    name: dict(zip(("light", "dark"), both, strict=True))
    for name, *both in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}
BEHIND = {
    "paper": ("ink", "soft", "link", "right", "wrong", "warn", "bad"),
    "panel": ("ink", "soft", "link", "right", "wrong", "bad"),
    "warn-bg": ("ink", "soft", "link", "warn", "bad"),
    "grey-bg": ("ink", "soft", "grey", "bad"),
    "right-bg": ("right",),
    "wrong-bg": ("wrong",),
    "heat": ("ink",),
}
TEXT, SHAPE = 4.5, 3.0
"""The least contrast that AA asks of small text, and of what is no text, such as the frame of a field."""


def luminance(colour):
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("behind", "text"), [(back, name) for back, names in BEHIND.items() for name in names])
def test_text_can_be_read(behind, text, scheme):
    assert contrast(PALETTE[text][scheme], PALETTE[behind][scheme]) >= TEXT


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_frame_of_a_field_and_the_focus_can_be_seen(scheme):
    for shape in ("edge", "link"):
        assert contrast(PALETTE[shape][scheme], PALETTE["paper"][scheme]) >= SHAPE


@pytest.mark.parametrize(("status", "colour"), style.status_colours().items())
def test_the_word_on_the_colour_of_a_status_can_be_read(status, colour):
    assert contrast(style.ink_on(colour), colour) >= TEXT


def test_every_colour_of_the_palette_has_a_dark_twin_and_no_other_sheet_has_colours():
    assert set(re.findall(r"var\(--([\w-]+)\)", "".join(map(read, assets.SHEETS)))) <= set(PALETTE) | {"mono"}
    assert not re.findall(r"#[0-9a-f]{3,6}\b(?![^{]*\{)", read("tables.css"))


def read(name):
    return (assets.TEMPLATES / name).read_text(encoding="utf-8")
