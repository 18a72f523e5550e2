"""Structure of figures 1 (right) and 3-6: every point, bar and number recomputed from the scores."""

import math
from itertools import pairwise

import numpy as np
import pytest

from reports import load, paper_figures, style
from reports.published import paper
from tests.reports.conftest import make_run

AXES = (
    "MAAD", "CelebA", "FairFace-A", "FairFace-G", "FairFace-R", "UTKFace-A", "UTKFace-G", "UTKFace-R", "ExpW", "RAF-DB",
)  # fmt: skip
PAPER_ORDER = ("accuracy", "recall", "f1", "precision")


@pytest.fixture(scope="module")
def run(run_folder):
    return load.read(run_folder)


@pytest.fixture(scope="module")
def radar(run):
    return paper_figures.radar(run)


@pytest.fixture(scope="module")
def bars(run):
    return {panels.number: paper_figures.grouped_bars(run, panels) for panels in paper().figures}


def without(run, *gone):
    return load.Run(run.folder, run.manifest, {key: score for key, score in run.scores.items() if key not in gone})


def lines(figure):
    return {line.get_gid(): line for line in figure.axes[0].lines}


def hexed(colour):
    from matplotlib.colors import to_hex

    return to_hex(colour).upper()


def test_the_radar_has_the_papers_axes_clockwise_from_the_top(radar):
    axes = radar.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(AXES) == list(paper().radar)
    assert axes.get_xticks() == pytest.approx(np.arange(10) * 2 * math.pi / 10)
    assert axes.get_theta_direction() == -1
    assert axes.get_theta_offset() == pytest.approx(math.pi / 2)
    assert axes.get_ylim() == (0, 100)


def test_every_point_of_the_radar_is_an_accuracy(run, radar):
    for place, model in enumerate(run.models):
        line = lines(radar)[f"radar-{place}"]
        wanted = [100 * run.scores[model, question].metrics["accuracy"].value for question in paper().radar.values()]
        assert list(line.get_ydata()) == pytest.approx([*wanted, wanted[0]])
        assert line.get_xdata()[-1] == line.get_xdata()[0] == 0
        assert hexed(line.get_color()) == style.model_colours(run.models)[model].upper()
        assert line.get_marker() == style.model_markers(run.models)[model]
    assert len({line.get_marker() for line in radar.axes[0].lines}) == len(run.models)


def test_an_axis_that_was_not_asked_stays_empty_and_breaks_the_line(run):
    model = run.models[0]
    line = lines(paper_figures.radar(without(run, (model, "celeba"), (model, "maad"))))["radar-0"]
    assert [math.isnan(y) for y in line.get_ydata()] == [True, True, *[False] * 8, True]
    words = paper_figures.radar_in_words(without(run, (model, "celeba"), (model, "maad")))
    assert f"{model} –, –, {100 * run.scores[model, 'fairface.age'].metrics['accuracy'].value:.1f}" in words


def test_figures_3_to_6_have_the_papers_panels(bars):
    titles = {number: [axes.get_title(loc="left") for axes in figure.axes] for number, figure in bars.items()}
    assert titles == {
        3: ["MAAD", "CelebA"],
        4: ["FairFace-Age", "FairFace-Gender", "FairFace-Race"],
        5: ["UTKFace-Age", "UTKFace-Gender", "UTKFace-Race"],
        6: ["ExpW", "RAF-DB"],
    }
    for figure in bars.values():
        for axes in figure.axes:
            assert [t.get_text() for t in axes.get_xticklabels()] == ["Accuracy", "Recall", "F1", "Precision"]


def test_every_bar_is_a_score_in_its_models_colour_and_place(run, bars):
    for panels in paper().figures:
        for axes, question in zip(bars[panels.number].axes, panels.panels.values(), strict=True):
            patches = {patch.get_gid(): patch for patch in axes.patches}
            assert len(patches) == 4 * len(run.models)
            ends = []
            for group, metric in enumerate(PAPER_ORDER):
                for place, model in enumerate(run.models):
                    bar = patches[f"bar-{place}-{metric}"]
                    assert bar.get_height() == pytest.approx(100 * run.scores[model, question].metrics[metric].value)
                    assert hexed(bar.get_facecolor()) == style.model_colours(run.models)[model].upper()
                    assert round(bar.get_x() + bar.get_width() / 2) == group
                    ends.append((bar.get_x(), bar.get_x() + bar.get_width()))
            assert all(left[1] < right[0] for left, right in pairwise(ends))


def test_intervals_and_the_constant_answer_are_drawn(run, bars):
    axes, question = bars[6].axes[0], "expw"
    drawn = sorted(tuple(s[:, 1]) for whiskers in axes.collections for s in whiskers.get_segments())
    wanted = [run.scores[model, question].metrics[metric] for model in run.models for metric in PAPER_ORDER]
    assert drawn == [pytest.approx(pair) for pair in sorted((100 * e.low, 100 * e.high) for e in wanted)]
    baseline = run.scores[run.models[0], question].baseline
    dashed = {line.get_gid(): line.get_ydata()[0] for line in axes.lines if line.get_gid()}
    assert dashed == pytest.approx({f"baseline-{metric}": 100 * baseline[metric] for metric in PAPER_ORDER})


def test_each_bar_stands_over_the_number_that_its_model_has_in_the_legend(run, bars):
    for figure in bars.values():
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend == [*(f"{i + 1}  {model}" for i, model in enumerate(run.models)), "constant answer"]
        for axes in figure.axes:
            numbers = {text.get_gid(): text for text in axes.texts}
            patches = {patch.get_gid(): patch for patch in axes.patches}
            for group, metric in enumerate(PAPER_ORDER):
                for place in range(len(run.models)):
                    bar, number = patches[f"bar-{place}-{metric}"], numbers[f"number-{group}-{place}"]
                    assert number.get_text() == str(place + 1)
                    assert number.get_position()[0] == pytest.approx(bar.get_x() + bar.get_width() / 2)


def test_a_model_without_a_score_keeps_its_place_and_number(run):
    gone = without(run, *((run.models[1], question) for question in ("expw", "raf-db")))
    figure = paper_figures.grouped_bars(gone, paper().figures[3])
    assert not [patch for axes in figure.axes for patch in axes.patches if patch.get_gid().startswith("bar-1-")]
    assert [text.get_text()[:1] for text in figure.legends[0].get_texts()] == ["1", "3", "4", "c"]


def test_every_figure_bears_the_mark_of_its_run(run, radar, bars):
    for figure in (radar, *bars.values()):
        assert figure.get_suptitle() == "TINY PROFILE · SUBSET of 20"
    full = load.Run(run.folder, run.manifest.model_copy(update={"profile": "paper", "limit": None}), run.scores)
    assert paper_figures.radar(full).get_suptitle() == ""


def test_figures_are_as_wide_as_a_column_or_the_page(radar, bars):
    assert radar.get_size_inches()[0] == pytest.approx(3.35)
    assert {figure.get_size_inches()[0] for figure in bars.values()} == {7.0}


def test_ten_models_with_long_names_fit(tmp_path):
    names = (*paper_ten(), "llava-v1.5-7b@" + "runs/a-long-way-down/" * 4)
    run = load.read(make_run(tmp_path / "ten", samples=3, models=names, questions=("maad", "celeba")))
    for figure in (paper_figures.radar(run), paper_figures.grouped_bars(run, paper().figures[0])):
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= min(axes.get_window_extent().y0 for axes in figure.axes)


def test_labels_of_the_radar_do_not_overlap(radar):
    radar.draw_without_rendering()
    boxes = [label.get_window_extent() for label in radar.axes[0].get_xticklabels()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(box.x0 >= 0 and box.x1 <= radar.bbox.width for box in boxes)


def paper_ten():
    return tuple(style._data()["models"])[:10]


def test_nothing_scored_still_gives_figures(run):
    nothing = load.Run(run.folder, run.manifest, {})
    assert all(math.isnan(y) for line in paper_figures.radar(nothing).axes[0].lines for y in line.get_ydata())
    assert not any(axes.patches for axes in paper_figures.grouped_bars(nothing, paper().figures[0]).axes)
