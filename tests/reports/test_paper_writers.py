"""The tables as files, read back: Markdown by a CommonMark parser, CSV by the csv module, LaTeX by rows and cells."""

import csv
import re
from io import StringIO

import pytest
from markdown_it import MarkdownIt

from reports import load, paper_tables, style
from reports.paper_writers import WRITERS, as_csv, escaped, flat, latex, markdown
from tests.reports.conftest import make_run

EVIL = (
    "<script>alert(1)</script>",
    "\\input{/etc/passwd} & 9.99 \\\\ \\end{tabular}",
    "a | b || **c** `d` [e](f) # $x_1^2$ ~ % --",
    "line\nbreak\r\n\n| end",
    "evil\u202egnp.exe\u200b \u6f22",
    "=HYPERLINK(1)",
)
MODELS = ("faceinsight", "llava-v1.5-7b@runs/a_b&c", *EVIL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load.read(make_run(tmp_path_factory.mktemp("runs") / "evil", samples=8, models=MODELS))


@pytest.fixture(scope="module")
def tables(run):
    return paper_tables.tables(run)


def markdown_cells(text):
    """Rows of the one table as a CommonMark reader sees them: plain text and whether any of it is bold."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert sum(token.type == "table_open" for token in tokens) == 1
    assert not any(token.type.startswith("html") for token in tokens)
    rows = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and rows and len(rows[-1]) < 9:
            kinds = {child.type for child in token.children}
            assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, kinds
            rows[-1].append("".join(child.content for child in token.children))
    return rows


def test_markdown_reads_back_as_the_table(tables):
    for table in tables:
        head, *rows = markdown_cells(markdown(table))
        assert head == [table.paper.head, "Models", "Setting", "Scored", "Measured on", *table.paper.columns]
        assert len(rows) == len(table.rows)
        for found, row in zip(rows, table.rows, strict=True):
            name = f"{flat(row.model)} ({row.printed} in the paper)" if row.model and row.printed else flat(row.name)
            assert found[:5] == [row.group, name, row.setting_text, row.scored or "–", row.measured_on]
            for text, cell in zip(found[5:], row.cells, strict=True):
                numbers = re.findall(r"\d+\.\d\d", text)
                wanted = [cell.measured_text, *cell.interval.split(", "), cell.published_text, cell.difference_text]
                assert numbers == [n.lstrip("+−") for n in wanted if n not in ("", "–", paper_tables.OTHER_LABELS)]
                assert (paper_tables.OTHER_LABELS in text) == bool(cell.space and cell.value is not None)
                assert ("paper" in text) == (cell.published is not None)


def test_bold_in_markdown_is_the_best(tables):
    for line, row in zip(markdown(tables[0]).splitlines()[-len(tables[0].rows) :], tables[0].rows, strict=True):
        bold = re.findall(r"\*\*([\d.]+)\*\*", line)
        assert bold == [
            text
            for cell in row.cells
            for text, best in ((cell.measured_text, cell.best), (cell.published_text, cell.best_published))
            if best
        ]


def test_csv_reads_back_as_the_table(tables):
    for table in tables:
        records = list(csv.DictReader(StringIO(as_csv(table))))
        cells = [(row, cell) for row in table.rows for cell in row.cells]
        assert len(records) == len(cells)
        for record, (row, cell) in zip(records, cells, strict=True):
            assert record["model"].removeprefix("'") == flat(row.model)
            assert (record["question"], record["metric"]) == (cell.place.question, cell.place.metric)
            for field in ("value", "low", "high", "published", "difference"):
                value = getattr(cell, field)
                assert record[field] == "" if value is None else float(record[field]) == pytest.approx(value, abs=5e-5)
            assert record["best"] == ("yes" if cell.best else "")
            assert record["measured_in"] == cell.space
            assert record["measured_on"] == (row.measured_on if cell.value is not None else "")


def test_no_name_is_a_formula_of_a_spreadsheet(tables):
    records = list(csv.DictReader(StringIO(as_csv(tables[0]))))
    assert "'=HYPERLINK(1)" in {record["model"] for record in records}
    assert not any(value[:1] in "=+@" for record in records for value in record.values() if value)


UNTEX = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\textendash{}": "–",
    r"\textperiodcentered{}": "·",
    **{f"\\{char}": char for char in "{}#$%&_"},
}
TOKEN = re.compile("|".join([*map(re.escape, UNTEX), r"-\{\}-", r"[^\\{}#$%&_^~<>|]"]), re.DOTALL)


def untex(text):
    """What LaTeX prints; anything that is not plain text or a known escape fails."""
    found, place = [], 0
    while place < len(text):
        token = TOKEN.match(text, place)
        assert token, f"an unescaped {text[place]!r} in {text!r}"
        found.append(UNTEX.get(token.group(), "--" if token.group() == "-{}-" else token.group()))
        place = token.end()
    return "".join(found)


def spelt(text):
    """A text as LaTeX is given it: ASCII, with everything else written out."""
    return "".join({"⟨": "<", "⟩": ">"}.get(c, c if c.isascii() else f"<U+{ord(c):04X}>") for c in text)


def test_latex_reads_back_as_the_table(tables):
    for table in tables:
        text = latex(table)
        body = text[text.index("diff. \\\\\n\\midrule") :].split("\\bottomrule")[0]
        rows = [line.removesuffix(r" \\") for line in body.splitlines()[1:] if line != r"\midrule"]
        assert len(rows) == len(table.rows)
        for line, row in zip(rows, table.rows, strict=True):
            group, name, setting, scored, *numbers = re.split(r"(?<!\\)& ", line.replace(" &", "&"))
            assert group in ("", row.group)
            assert untex(name) == spelt(flat(row.name))
            assert (setting, untex(scored)) == (row.setting, row.scored or "–")
            assert len(numbers) == 3 * len(row.cells)
            for place, cell in enumerate(row.cells):
                measured, published, difference = numbers[3 * place : 3 * place + 3]
                assert measured.startswith(
                    rf"\textbf{{{cell.measured_text}}}" if cell.best else or_dash(cell.measured_text)
                )
                assert re.findall(r"[_^]\{([\d.]+)\}", measured) == [x for x in cell.interval.split(", ") if x]
                assert published == (
                    rf"\textbf{{{cell.published_text}}}" if cell.best_published else or_dash(cell.published_text)
                )
                assert difference.replace("$-$", "−").replace(r"\textendash{}", "–") == cell.difference_text


def or_dash(number):
    return r"\textendash{}" if number == "–" else number


def test_latex_is_ascii_balanced_and_of_one_width(tables):
    for table in tables:
        text = latex(table)
        assert text.isascii()
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        assert text.count(r"\begin{") == text.count(r"\end{") == 2
        assert r"\input{" not in text
        (spec,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", text)
        for line in text.split(r"\midrule")[-1].splitlines():
            if line.endswith(r"\\"):
                assert len(re.findall(r"(?<!\\)&", line)) == len(spec) - 1


def test_no_caption_is_cut(tables):
    for table in tables:
        assert table.paper.caption in markdown(table)
        assert table.paper.caption in latex(table)
        assert "points." in latex(table)


def test_the_mark_stands_where_numbers_could_be_taken_from(tables):
    for table in tables:
        tex = latex(table)
        assert tex.splitlines()[0].startswith("% Table")
        assert all(
            "TINY PROFILE" in part for part in (tex.splitlines()[0], tex[tex.index("\\caption") :].splitlines()[0])
        )
        assert "TINY PROFILE" in tex[tex.index("\\toprule") : tex.index("\\midrule")]
        assert "**TINY PROFILE · SUBSET of 8**" in markdown(table)


def test_full_runs_of_the_paper_bear_no_mark(run):
    about = run.manifest.model_copy(update={"profile": "paper", "limit": None})
    full = paper_tables.tables(load.Run(run.folder, about, run.scores))[0]
    for writer in WRITERS.values():
        assert not {"TINY", "SUBSET", "****", "textbf{}"} & set(
            re.findall(r"TINY|SUBSET|\*{4}|textbf\{\}", writer(full))
        )
    assert "full test set" in markdown(full)


def test_no_name_breaks_out_of_any_format(tables):
    for writer in WRITERS.values():
        text = writer(tables[0])
        assert "<script" not in text or writer is as_csv
        assert not {"\u202e", "\u200b", "\r"} & set(text)


@pytest.mark.parametrize("text", [*EVIL, "", "ünï", "-----", "a\tb"])
def test_escaped_text_prints_as_it_stands(text):
    assert untex(escaped(text)) == spelt(" ".join(style.visible(text).split()))
