"""How everything looks: names, colours, number format, the look of figures. No other module holds a colour."""

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from html import escape
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MISSING = "–"
INK = "#14181d"
"""Ink of figures; on the page it becomes the colour of the text, so one figure serves dark and light."""

_SHADES = ("#f7f9fb", "#b9d4e8", "#5fa8d6")
"""From 0 to 1; ink can be read on all of them."""
UNKNOWN = "#e3dccf"
"""The colour of a cell of which nothing is known."""

_RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "reports",
    "pdf.fonttype": 42,  # real fonts inside: publishers refuse type 3, and text can be searched
    "text.parse_math": False,  # a model named "$x$" is a name, not a formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": INK,
    "grid.alpha": 0.14,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
}


@functools.cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("style.toml").read_text(encoding="utf-8"))


def title(kind: str, name: str) -> str:
    """The display name of a task, dataset or metric; the name itself where there is none."""
    return str(_data()[kind].get(name, name))


def paper_figure(dataset: str) -> str | None:
    """Which figure of the paper a dataset's chart follows, such as "figure 3"."""
    found = _data()["figures"].get(dataset)
    return None if found is None else str(found)


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """One colour per model: its own if it has one, else the next spare one."""
    return _colours("models", models)


def variant_colours(variants: Sequence[str]) -> dict[str, str]:
    """One colour per variant of the ablation: its own if it has one, else the next spare one."""
    return _colours("variants", variants)


def model_markers(models: Sequence[str]) -> dict[str, str]:
    """One shape per model, so that colour alone never tells two apart; strangers take the spare ones in turn."""
    own: Mapping[str, str] = _data()["markers"]
    spare: list[str] = _data()["spare"]["markers"]
    strangers = [name for name in models if name not in own]
    given = {name: spare[i % len(spare)] for i, name in enumerate(strangers)}
    return {name: own.get(name) or given[name] for name in models}


def verdict_colours() -> dict[str, str]:
    """Of right, wrong and undefined phrases on white."""
    return dict(_data()["verdicts"])


def _colours(kind: str, names: Sequence[str]) -> dict[str, str]:
    own: Mapping[str, str] = _data()[kind]
    spare: list[str] = _data()["spare"]["colours"]
    strangers = [name for name in names if name not in own]
    given = {name: spare[i % len(spare)] for i, name in enumerate(strangers)}
    return {name: own.get(name) or given[name] for name in names}


def status_colours() -> dict[str, str]:
    """One colour per status, in the order of the records."""
    return dict(_data()["statuses"])


def ink_on(colour: str) -> str:
    """Black or white, whichever can be read on the colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


def shades() -> "Colormap":
    """Colours for shares from 0 to 1; what is not a number has a colour of its own."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", _SHADES).with_extremes(bad=UNKNOWN)


def percent(value: float | None, digits: int = 1) -> str:
    """0.875 -> "87.5"; a number that is absent or not finite is a dash."""
    if value is None or not isfinite(value):
        return MISSING
    return f"{round(value * 100, digits) + 0.0:.{digits}f}"  # plus zero: no "-0.0"


def percent_ticks() -> tuple[list[int], list[str]]:
    """Where an axis of percent has its ticks, and what stands there: 0, 25, 50, 75, 100 %."""
    return [0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"]


def signed(value: float | None, digits: int = 1) -> str:
    """A difference of two shares in points with its sign, 0.125 -> "+12.5"; none where it prints as zero."""
    shown = percent(value, digits)
    if shown == MISSING or not float(shown):
        return shown
    return f"+{shown}" if float(shown) > 0 else shown.replace("-", "−")


def visible(text: object) -> str:
    """The text with control, format (bidi, zero width) and unpaired characters as ⟨U+202E⟩; line ends and tabs stay."""
    plain = str(text)
    if plain.replace("\n", " ").replace("\t", " ").isprintable():  # nearly every answer, and a hundred times as fast
        return plain
    return "".join(char if _harmless(char) else f"⟨U+{ord(char):04X}⟩" for char in plain)


def _harmless(char: str) -> bool:
    return char in "\n\t" or category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def look() -> AbstractContextManager[None]:
    """The settings under which every figure is made and written."""
    import matplotlib as mpl

    return mpl.rc_context(_RC)


def save(figure: "Figure", stem: Path, kinds: Sequence[str] = ("svg", "pdf")) -> list[Path]:
    """The figure as STEM.svg and STEM.pdf on white; the same figure gives the same bytes.

    Returns:
        The files written.
    """
    undated: dict[str, dict[str, None]] = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in kinds]
    with look():
        for file, kind in zip(files, kinds, strict=True):
            figure.savefig(file, format=kind, facecolor="white", metadata=undated[kind])
    return files


def svg(figure: "Figure", prefix: str, alt: str, tips: Mapping[str, str] | None = None) -> str:
    """The figure as an <svg> element to put into a page.

    Args:
        figure: what to draw.
        prefix: put before every id, for ids must be unique in a page.
        alt: what the figure says, for those who cannot see it.
        tips: element id (gid) -> text shown under the pointer.
    """
    out = StringIO()
    with look():
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()[out.getvalue().index("<svg") :]
    for noise in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"\sxmlns(:\w+)?=\"[^\"]*\"", r"<!--.*?-->"):
        drawn = re.sub(noise, "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(?<=\bid=")|(?<=url\(#)|(?<=href="#)', f"{prefix}-", drawn)
    drawn = drawn.replace(INK, "currentColor").replace("'DejaVu Sans', sans-serif", "inherit")
    for gid, tip in (tips or {}).items():
        mark = f'<g id="{prefix}-{gid}">'
        drawn = drawn.replace(mark, f"{mark}<title>{escape(visible(tip))}</title>")
    label = f'<svg role="img" aria-label="{escape(visible(alt))}"'
    return re.sub(r'<svg width="[^"]*" height="[^"]*"', lambda _: label, drawn, count=1)
