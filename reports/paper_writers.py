"""The paper's tables in Markdown, CSV and LaTeX; HTML is a template's business. Every text bears the mark of its run.

Names are hostile text: each format escapes what it would take for an order.
"""

import csv
from collections.abc import Callable
from io import StringIO

from reports import gallery, style
from reports.ablation_tables import plain
from reports.paper_tables import IN_WORDS, NOTE, Cell, Row, Table

HEAD = ("Models", "Setting", "Scored", "Measured on")
_FIELDS = (
    "table", "place", "measured_on", "group", "setting", "model", "printed_as", "column", "question", "metric",
    "scored", "value", "low", "high", "best", "published", "best_published", "difference",
    "measured_in",
)  # fmt: skip
_SETTINGS = (
    "Setting: " + "; ".join(f"{word} = {meaning}" for word, meaning in IN_WORDS.items() if word != meaning) + "."
)
"""In LaTeX a column of short words has to do."""
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "⟨": r"\textless{}",
    "⟩": r"\textgreater{}",
    "·": r"\textperiodcentered{}",
    "−": r"$-$",
    "–": r"\textendash{}",
}


def markdown(table: Table) -> str:
    """A heading, the mark, and a row per model and group."""
    head = [table.paper.head, *HEAD, *table.paper.columns]
    rule = [*["---"] * 3, "---:", "---", *["---:"] * len(table.paper.columns)]
    body = [_markdown_row(row) for row in table.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]
    said = [f"## {table.title}", *([f"**{table.mark}**"] if table.mark else []), plain(_about(table)), NOTE]
    return "\n\n".join([*said, "\n".join(lines)]) + "\n"


def as_csv(table: Table) -> str:
    """A line per number, with everything that is known of it; what is missing is empty, for programs read this."""
    out = StringIO()
    writer = csv.DictWriter(out, _FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        _record(table, row, cell, column)
        for row in table.rows
        for cell, column in zip(row.cells, table.paper.columns, strict=True)
    )
    return out.getvalue()


def latex(table: Table) -> str:
    """A table* for booktabs; a column of the paper becomes three: measured with its interval, published, difference."""
    columns = table.paper.columns
    width = 4 + 3 * len(columns)
    heads = " & ".join(rf"\multicolumn{{3}}{{c}}{{{escaped(column)}}}" for column in columns)
    rules = "".join(rf"\cmidrule(lr){{{first}-{first + 2}}}" for first in range(5, width, 3))
    names = " & ".join([table.paper.head, "Models", "Setting", "$n$", *["ours & paper & diff."] * len(columns)])
    bands = [rf"\multicolumn{{{width}}}{{c}}{{\textbf{{{escaped(table.mark)}}}}} \\", r"\midrule"] if table.mark else []
    mark = rf"\textbf{{{escaped(table.mark)}.}} " if table.mark else ""
    return "\n".join(
        [
            f"% {table.title}. {table.mark}".replace(" · ", ", ").rstrip(),
            r"% Needs \usepackage{booktabs}.",
            r"\begin{table*}",
            r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{mark}{escaped(_about(table))} {escaped(NOTE)} {_SETTINGS}}}",
            rf"\label{{tab:run-{table.paper.number}}}",
            rf"\begin{{tabular}}{{lllr{'rrr' * len(columns)}}}",
            r"\toprule",
            *bands,
            rf" & & & & {heads} \\",
            rules,
            rf"{names} \\",
            *(line for rows in table.groups().values() for line in (r"\midrule", *_latex_rows(rows))),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands, on one line, under every engine: what is not ASCII is spelt out."""
    shown = (
        _LATEX.get(char) or (char if char.isascii() else _spelt(char)) for char in " ".join(style.visible(text).split())
    )
    return "".join(shown).replace("--", "-{}-")  # no dash of two hyphens


def flat(text: str) -> str:
    """A name on one line, made visible, and cut where it is very long."""
    return " ".join(gallery.short(text).split())


WRITERS: dict[str, Callable[[Table], str]] = {"md": markdown, "csv": as_csv, "tex": latex}
"""Suffix -> writer."""


def _about(table: Table) -> str:
    place = f"Follows {table.title.lower()} of the paper ({table.paper.place}): "
    return f"{place}{table.paper.caption}"


def _markdown_row(row: Row) -> list[str]:
    name = f"{flat(row.model)} ({row.printed} in the paper)" if row.model and row.printed else flat(row.name)
    about = (row.group, name, row.setting_text, row.scored or style.MISSING, row.measured_on)
    return [*map(plain, about), *map(_markdown_cell, row.cells)]


def _markdown_cell(cell: Cell) -> str:
    measured = _bold(cell.measured_text, "**{}**", cell.best) + (f" ({cell.interval})" if cell.interval else "")
    if cell.published is None:
        return measured
    paper = _bold(cell.published_text, "**{}**", cell.best_published)
    return f"{measured}; paper {paper}; difference {cell.difference_text}"


def _record(table: Table, row: Row, cell: Cell, column: str) -> dict[str, str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}"

    return {
        "table": table.title,
        "place": table.paper.place,
        "measured_on": row.measured_on if cell.value is not None else "",
        "group": row.group,
        "setting": row.setting_text,
        "model": _harmless(flat(row.model)),
        "printed_as": row.printed,
        "column": column,
        "question": cell.place.question,
        "metric": cell.place.metric,
        "scored": "" if cell.scored is None else str(cell.scored),
        "value": number(cell.value),
        "low": number(cell.low),
        "high": number(cell.high),
        "best": "yes" if cell.best else "",
        "published": number(cell.published),
        "best_published": "yes" if cell.best_published else "",
        "difference": number(cell.difference),
        "measured_in": cell.space,
    }


def _harmless(text: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _latex_rows(rows: list[Row]) -> list[str]:
    return [_latex_row(row, row.group if place == 0 else "") for place, row in enumerate(rows)]


def _latex_row(row: Row, group: str) -> str:
    numbers = [part for cell in row.cells for part in _latex_cell(cell)]
    return (
        " & ".join([group, escaped(flat(row.name)), row.setting, escaped(row.scored or style.MISSING), *numbers])
        + r" \\"
    )


def _latex_cell(cell: Cell) -> tuple[str, str, str]:
    measured = _bold(escaped(cell.measured_text), r"\textbf{{{}}}", cell.best)
    low, _, high = cell.interval.partition(", ")
    ends = f"$_{{{low}}}^{{{high}}}$" if low else ""
    published = _bold(escaped(cell.published_text), r"\textbf{{{}}}", cell.best_published)
    return measured + ends, published, escaped(cell.difference_text)


def _bold(text: str, pattern: str, best: bool) -> str:
    return pattern.format(text) if best else text


def _spelt(char: str) -> str:
    return rf"\textless{{}}U+{ord(char):04X}\textgreater{{}}"
