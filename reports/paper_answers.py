"""Figure 7, and figure 1 left: one face, and per model what it said, with right and wrong phrases and their numbers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from reports import style
from reports.ablation_figures import short
from reports.gallery import Asked, Card, Reply
from reports.marks import Piece
from reports.paper_figures import PAGE
from reports.text_flow import Flow, Span, advance, drawable, flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72
EDGE, GUTTER, GAP = 6.0, 16.0, 9.0
"""Points: round the figure, between its two columns, between blocks."""
FACE = 92.0
SIZE, LINE = 6.6, 8.6
"""Points: letters of an answer, and from line to line."""
HEAD = 11.0
"""Points from the top of a block to its first line."""
MOST = 9
"""Lines of an answer; what is longer is cut, and the figure says so."""
WIDE = PAGE * POINTS - 2 * EDGE
NARROW = (WIDE - GUTTER) / 2
KEY = (
    Piece("right", "right"),
    Piece(" phrases are bold, "),
    Piece("wrong", "wrong"),
    Piece(" ones bear a cross, "),
    Piece("unannotated", "undefined"),
    Piece(" ones a question mark."),
)


@dataclass(frozen=True)
class Block:
    """One model's answer, set."""

    reply: Reply
    text: Flow
    tail: str
    """What must be said after the lines, such as how much was cut."""

    @property
    def height(self) -> float:
        """In points."""
        return HEAD + LINE * (len(self.text.lines) + bool(self.tail))


def chosen(asked: Asked) -> Card | None:
    """The sample to draw: the first that the rules pick and whose picture can be read, or else the first."""
    return next((card for card in asked.cards if card.thumb), next(iter(asked.cards), None))


def answers(card: Card, name: str, mark: str) -> "Figure":
    """The figure of one sample.

    Args:
        card: the sample with the answers of all models.
        name: what was asked about, such as "CelebA".
        mark: what sets the run apart from the paper's.
    """
    from matplotlib.figure import Figure

    blocks = [_block(reply) for reply in card.replies]
    rows = [blocks[first : first + 2] for first in range(0, len(blocks), 2)]
    heights = [max(block.height for block in row) + GAP for row in rows]
    height = 2 * EDGE + FACE + GAP + sum(heights)
    with style.look():
        figure = Figure(figsize=(PAGE, height / POINTS))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, PAGE * POINTS)
        axes.set_ylim(height, 0)
        _face(axes, card, name, mark)
        top = EDGE + FACE + GAP
        for number, (row, used) in enumerate(zip(rows, heights, strict=True)):
            for place, block in enumerate(row):
                _draw(axes, block, EDGE + place * (NARROW + GUTTER), top, 2 * number + place)
            top += used
    return figure


def answers_in_words(card: Card, name: str) -> str:
    """The alternative text of `answers`."""
    said = [f"{reply.model}: {_counts(reply) or reply.status}" for reply in card.replies]
    return f"{name}, sample {card.sample_id}, phrases of each answer. {'; '.join(said)}."


def _block(reply: Reply) -> Block:
    text = flow(reply.pieces, NARROW - 8, SIZE, MOST)
    return Block(reply, text, _tail(reply, text))


def _tail(reply: Reply, text: Flow) -> str:
    if reply.error or not text.lines:
        return reply.error or ("(the answer is empty)" if reply.status not in ("failed", "not asked") else "")
    if text.cut or reply.cut:
        return "✂ cut here; the numbers count the whole answer"
    return ""


def _face(axes: "Axes", card: Card, name: str, mark: str) -> None:
    """The picture, and beside it what was asked, what it shows by the annotations, and how to read the answers."""
    if card.thumb:
        with Image.open(BytesIO(base64.b64decode(card.thumb.partition(",")[2]))) as image:
            axes.imshow(image.convert("RGB"), extent=_fitted(image.size), aspect="auto", gid="face", zorder=2)
    else:
        axes.text(EDGE, EDGE + 10, short(card.trouble, 60), fontsize=SIZE, color=style.verdict_colours()["wrong"])
    left = EDGE + FACE + 12
    axes.text(left, EDGE + 8, short(f"{name} · {card.sample_id}", 60), fontsize=9, fontweight="bold")
    axes.text(PAGE * POINTS - EDGE, EDGE + 8, mark, fontsize=6.5, fontweight="bold", ha="right", gid="mark")
    absent = f" (and {card.absent} absent)" if card.absent else ""
    gold = f"Annotated: {', '.join(card.gold) or 'nothing present'}{absent}"
    room = WIDE - FACE - 12
    _lines(axes, flow([Piece(f"Asked: {card.text}")], room, SIZE, 2), left, EDGE + 23)
    _lines(axes, flow([Piece(gold)], room, SIZE, 4), left, EDGE + 45)
    _lines(axes, flow(KEY, room, SIZE, 1), left, EDGE + FACE - 2)


def _fitted(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of a picture of that size in the square that is kept for it."""
    scale = FACE / max(size)
    return EDGE, EDGE + size[0] * scale, EDGE + size[1] * scale, EDGE


def _draw(axes: "Axes", block: Block, left: float, top: float, place: int) -> None:
    """A bar in the model's colour, its name, the numbers of right and wrong phrases, and the answer."""
    reply = block.reply
    axes.plot([left, left], [top, top + block.height], color=reply.colour, lw=2.2, solid_capstyle="butt")
    axes.text(
        left + 8, top + 7, short(drawable(reply.model), 34), fontsize=7.2, fontweight="bold", gid=f"model-{place}"
    )
    _numbers(axes, reply, left + NARROW, top + 7, place)
    _lines(axes, block.text, left + 8, top + HEAD + 6.5, f"answer-{place}")
    if block.tail:
        y = top + HEAD + 6.5 + LINE * len(block.text.lines)
        axes.text(left + 8, y, short(drawable(block.tail), 72), fontsize=6, fontstyle="italic", gid=f"tail-{place}")


def _numbers(axes: "Axes", reply: Reply, right: float, y: float, place: int) -> None:
    """At the right end: "right 13 / wrong 4" in the colours of the phrases, or the status of what is no answer."""
    colours = style.verdict_colours()
    said = _counts(reply)
    if not said:
        axes.text(right, y, reply.status, fontsize=7, ha="right", gid=f"status-{place}")
        return
    first, last = f"right {reply.right}", f"wrong {reply.wrong}"
    axes.text(right, y, last, fontsize=7, ha="right", color=colours["wrong"], gid=f"wrong-{place}")
    right -= advance(f"{last} ", 7)
    axes.text(right, y, "/", fontsize=7, ha="right")
    right -= advance("/ ", 7)
    axes.text(right, y, first, fontsize=7, ha="right", fontweight="bold", color=colours["right"], gid=f"right-{place}")


def _counts(reply: Reply) -> str:
    return f"right {reply.right} / wrong {reply.wrong}" if reply.right or reply.wrong else ""


def _lines(axes: "Axes", text: Flow, left: float, top: float, gid: str = "") -> None:
    for number, line in enumerate(text.lines):
        _spans(axes, line, left, top + number * LINE, gid)


def _spans(axes: "Axes", line: Sequence[Span], left: float, y: float, gid: str) -> None:
    colours = style.verdict_colours()
    for span in line:
        axes.text(
            left + span.x,
            y,
            span.text,
            fontsize=SIZE,
            color=colours.get(span.verdict or "", style.INK),
            fontweight="bold" if span.verdict == "right" else "normal",
            gid=f"{gid}-{span.verdict or 'plain'}" if gid else None,
        )
