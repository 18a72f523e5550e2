"""The published numbers against the paper's own text where it is at hand, and against a hash everywhere."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.registry import names, spec
from harness.records import METRICS
from reports.published import Group, PaperTable, paper
from tasks.registry import questions_of

TEXT = next((file for up in Path(__file__).parents for file in sorted(up.glob("shared/paper/*.txt"))), None)
"""The paper, where a folder "shared" lies beside or above the checkout."""
needs_text = pytest.mark.skipif(TEXT is None, reason="the paper's text is not here")
TABLES = {table.number: table for table in paper().tables}
METRIC_OF = {"Accuracy": "accuracy", "Recall": "recall", "F1-Score": "f1", "Precision": "precision"}


def lines_of(table):
    """The rows as the paper prints them: the group's name before its first model."""
    return [
        " ".join([*([group.name] if place == 0 else []), model, *(f"{value:.2f}" for value in values)])
        for group in table.groups
        for place, (model, values) in enumerate(group.values.items())
    ]


@needs_text
@pytest.mark.parametrize("number", TABLES)
def test_every_number_name_and_row_is_as_the_paper_prints_it(number):
    table = TABLES[number]
    printed = TEXT.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(printed) if line.startswith(f"Table {number}. "))
    assert printed[start] == f"Table {number}. {table.caption} Bold values denote the best performance."
    rows = lines_of(table)
    assert printed[start + 1 : start + 2 + len(rows)] == [" ".join([table.head, "Models", *table.columns]), *rows]
    heading = next(line for line in reversed(printed[:start]) if re.match(r"4\.3\.\d\. ", line))
    assert table.place == f"section {heading.split('. ')[0]}"


@needs_text
def test_captions_of_the_figures_are_the_papers():
    printed = TEXT.read_text(encoding="utf-8").splitlines()
    assert all(f"Figure {figure.number}. {figure.caption}" in printed for figure in paper().figures)


def test_the_numbers_are_those_that_were_compared_with_the_paper():
    """A change of any number, name or order must be made here too, after another look at the paper."""
    text = "\n".join(line for table in TABLES.values() for line in [table.caption, *table.columns, *lines_of(table)])
    assert sha256(text.encode()).hexdigest() == "7b82d194a44332a56fb0bd5649b5986d18f9c983040f3db28a16247f0d9d6913"


def test_numbers_that_two_tables_share_agree():
    seen = {}
    for table in TABLES.values():
        for group in table.groups:
            for model, values in group.values.items():
                for place, value in zip(group.cells, values, strict=True):
                    assert seen.setdefault((model, place), value) == value
    assert len(seen) == 4 * 4 * 10 + 2 * 2 * 3


def test_every_cell_asks_for_a_question_of_ours_and_the_metric_of_its_column():
    known = {question.name for question in questions_of(("attr", "agr", "expr"))}
    for table in TABLES.values():
        for group in table.groups:
            for column, place in zip(table.columns, group.cells, strict=True):
                assert place.question in known
                assert place.metric == METRIC_OF.get(column, "accuracy")
                if column not in METRIC_OF:
                    assert (
                        place.question == f"{column.lower()}.{'gender' if group.name == 'Gen' else group.name.lower()}"
                    )
    assert set(METRIC_OF.values()) == set(METRICS)
    assert set(paper().radar.values()) == known
    assert {question for figure in paper().figures for question in figure.panels.values()} == known


@pytest.mark.parametrize(
    ("model", "setting", "printed"),
    [
        ("faceinsight", "trained", "FaceInsight"),
        ("faceinsight@runs/mine", "fine-tuned", "FaceInsight"),
        ("llava-v1.5-7b", "training-free", None),
        ("llava-v1.5-7b@runs/mine", "fine-tuned", "LLaVA-v1.5-7b"),
        ("qwen2.5-vl-7b@mine", "fine-tuned", None),
        ("facexformer", "trained", "FaceXFormer"),
        ("farl", "trained", None),
        ("openai:llava-v1.5-7b@http://localhost:8000/v1", "training-free", None),
        ("hf:me/llava-v1.5-7b@main", "training-free", None),
        ("nvila-8b ", "training-free", None),
    ],
)
def test_fine_tuned_numbers_stand_beside_fine_tuned_ones_only(model, setting, printed):
    assert (paper().setting(model), paper().printed(model)) == (setting, printed)


def test_a_row_with_a_number_too_few_is_refused():
    group = Group(name="MAAD", cells=["maad:accuracy", "maad:f1"], values={"FaceInsight": (1.0,)})
    with pytest.raises(ValidationError, match="must have 2 values"):
        PaperTable(number=1, place="", caption="", head="", columns=("Accuracy", "F1-Score"), groups=(group,))


@pytest.mark.parametrize("cell", ["maad", "maad:auc", ":f1"])
def test_a_cell_that_names_no_question_and_metric_is_refused(cell):
    with pytest.raises(ValidationError, match="QUESTION:METRIC"):
        Group(name="MAAD", cells=[cell], values={})


def test_the_floors_are_those_of_the_model_list():
    assert list(paper().floors) == [name for name in names() if spec(name).group == "floor"]
