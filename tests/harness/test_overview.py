"""The table of scores: one layout, 80 columns, mAP only where there is one."""

import pytest
from rich.console import Console

from harness import overview
from harness.records import METRICS, Estimate, Score

FULL = Estimate(value=1, low=1, high=1)


@pytest.fixture
def shown(monkeypatch, capsys):
    monkeypatch.setattr(overview, "terminal", lambda: Console(width=80))

    def show(*scores):
        overview.show_scores(scores)
        return capsys.readouterr().out

    return show


def scored(model, question="fairface.gender", **more):
    return Score(
        model=model,
        question=question,
        n=20_000,
        scored=20_000,
        counts={"parsed": 19_962},
        metrics=dict.fromkeys(METRICS, FULL),
        answered={},
        baseline={"accuracy": 0.525},
        baseline_name="majority label (Male)",
        **more,
    )


def test_the_widest_table_fits_80_columns_uncut(shown):
    ranked = scored("llava-onevision-7b-si", mean_average_precision=FULL, ranked=20_000)
    text = shown(ranked, scored("minicpm-llama3-v2.5"), scored("minicpm-llama3-v2.5", "utkface.gender"))
    assert "…" not in text
    words = [line.split() for line in text.splitlines()]
    full = ["100.0"] * 4
    assert ["llava-onevision-7b-si", *full, "100.0", "52.5", "19962/20000"] in words
    assert words.count(["minicpm-llama3-v2.5", *full, "-", "52.5", "19962/20000"]) == 2
    assert [line for line in words if line in (["fairface.gender"], ["utkface.gender"])] == [
        ["fairface.gender"],
        ["utkface.gender"],
    ]


def test_without_evidence_there_is_no_column_for_it(shown):
    text = shown(scored("echo"))
    assert "mAP" not in text
    assert ["echo", *["100.0"] * 4, "52.5", "19962/20000"] in [line.split() for line in text.splitlines()]


def test_options_have_a_column_where_they_were_asked_for(shown):
    text = shown(
        scored("llava-onevision-7b-si", mean_average_precision=FULL, option_mass=0.378),
        scored("faceinsight", mean_average_precision=FULL),
    )
    words = [line.split() for line in text.splitlines()]
    assert ["llava-onevision-7b-si", *["100.0"] * 5, "52.5", "37.8"] in words
    assert ["faceinsight", *["100.0"] * 5, "52.5", "-"] in words
    assert "options" not in shown(scored("echo"))


def test_a_name_with_brackets_is_a_name(shown):
    assert "hf:[bold]x" in shown(scored("hf:[bold]x"))
