from itertools import pairwise

import pytest

from harness.records import METRICS, STATUSES
from reports import figures, load, style, tables

QUESTION = "fairface.age"


@pytest.fixture(scope="module")
def run(run_folder):
    return load.read(run_folder)


@pytest.fixture(scope="module")
def scores(run):
    return tables.scores_of(run, QUESTION)


def bars_of(figure):
    return {patch.get_gid(): patch for patch in figure.axes[0].patches}


def test_a_bar_per_model_and_metric_as_high_as_its_number_and_in_the_models_colour(run, scores):
    bars = bars_of(figures.bars(scores, style.model_colours(run.models), "FairFace"))
    assert len(bars) == len(run.models) * 4
    for place, model in enumerate(run.models):
        for metric in METRICS:
            bar = bars[f"bar-{place}-{metric}"]
            assert bar.get_height() == pytest.approx(100 * scores[model].metrics[metric].value)
            assert (
                "#{:02X}{:02X}{:02X}".format(*(round(c * 255) for c in bar.get_facecolor()[:3]))
                == (style.model_colours(run.models)[model])
            )


def test_bars_of_a_metric_stand_side_by_side_in_the_order_of_the_models(run, scores):
    bars = bars_of(figures.bars(scores, style.model_colours(run.models), "FairFace"))
    ends = [
        (bar.get_x(), bar.get_x() + bar.get_width())
        for metric in METRICS
        for bar in (bars[f"bar-{place}-{metric}"] for place in range(len(run.models)))
    ]
    assert all(left[1] < right[0] for left, right in pairwise(ends))


def test_whiskers_are_the_interval(run, scores):
    axes = figures.bars(scores, style.model_colours(run.models), "FairFace").axes[0]
    drawn = sorted(
        tuple(segment[:, 1])
        for whiskers in axes.collections
        if (segments := whiskers.get_segments())
        for segment in segments
    )
    wanted = sorted((100 * e.low, 100 * e.high) for score in scores.values() for e in score.metrics.values())
    assert drawn == [pytest.approx(pair) for pair in wanted]


def test_the_constant_answer_is_a_dashed_line_over_each_group(run, scores):
    axes = figures.bars(scores, style.model_colours(run.models), "FairFace").axes[0]
    lines = {line.get_gid(): line for line in axes.lines if line.get_gid()}
    baseline = next(iter(scores.values())).baseline
    assert {gid: line.get_ydata()[0] for gid, line in lines.items()} == pytest.approx(
        {f"baseline-{metric}": 100 * baseline[metric] for metric in METRICS}
    )
    assert all(line.get_linestyle() == "--" for line in lines.values())


def test_a_model_without_a_score_keeps_its_place_empty(run, scores):
    fewer = {model: score for model, score in scores.items() if model != run.models[1]}
    bars = bars_of(figures.bars(fewer, style.model_colours(run.models), "FairFace"))
    assert not any(gid.startswith("bar-1-") for gid in bars)
    assert (
        bars["bar-2-f1"].get_x()
        == bars_of(figures.bars(scores, style.model_colours(run.models), "x"))["bar-2-f1"].get_x()
    )


def test_legend_names_each_model_and_the_constant_answer_once(run, scores):
    figure = figures.bars(scores, style.model_colours(run.models), "FairFace")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == sorted([*run.models, next(iter(scores.values())).baseline_name])
    assert not figures.bars(scores, style.model_colours(run.models), "FairFace", legend=False).legends


def test_a_question_without_scores_still_gives_a_figure(run):
    assert not figures.bars({}, style.model_colours(run.models), "FairFace").axes[0].patches
    assert "no scores yet" in figures.bars_in_words({}, "FairFace")


def test_words_of_the_chart_hold_every_number(run, scores):
    words = figures.bars_in_words(scores, "FairFace")
    assert all(style.percent(e.value) in words for score in scores.values() for e in score.metrics.values())


def test_status_bars_add_up_to_a_hundred_and_hold_the_counts(run):
    counted = tables.counts(run)
    axes = figures.status_bars(counted).axes[0]
    widths = {patch.get_gid(): patch.get_width() for patch in axes.patches}
    for place, statuses in enumerate(counted.values()):
        n = sum(statuses.values())
        assert sum(width for gid, width in widths.items() if gid.startswith(f"status-{place}-")) == pytest.approx(100)
        for status in STATUSES:
            assert widths.get(f"status-{place}-{status}", 0) == pytest.approx(100 * statuses[status] / n)


def test_svg_has_its_own_ids_and_escapes_hostile_names(run, scores):
    evil = '<script>alert(1)</script>"$\\frac{1}$\u202e'
    models = [evil, *run.models[1:]]
    scores = {evil: scores[run.models[0]], **{m: s for m, s in scores.items() if m != run.models[0]}}
    drawn = style.svg(
        figures.bars(scores, style.model_colours(models), evil), "q0", evil, figures.bar_tips(scores, models)
    )
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    assert drawn.count('id="') == drawn.count('id="q0-')
    tip = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;$\\frac{1}$⟨U+202E⟩: F1 "
    assert tip + style.percent(scores[evil].metrics["f1"].value) in drawn
