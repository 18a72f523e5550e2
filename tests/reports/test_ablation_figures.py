"""Structure of figure 8: every dot, bar and interval recomputed with numpy and scipy."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from harness.trials import OMEGAS, VARIANTS
from reports import ablation_figures, ablation_rows, style
from reports.seeds import conditions
from tests.reports import trials as made

SEEDS = (0, 1, 2)
LABELS = made.NAMES[:27]
FULL = VARIANTS[3]


@pytest.fixture(scope="module")
def trials():
    return made.ablation(LABELS, SEEDS)


@pytest.fixture(scope="module")
def condition(trials):
    return conditions(trials)[0]


@pytest.fixture(scope="module")
def parts(condition):
    return ablation_figures.figure_8a(condition)


def oracle(values):
    """Mean, low and high in percent."""
    values = 100 * np.array(values)
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return values.mean(), values.mean() - half, values.mean() + half


def of(trials, variant, read):
    return [read(t) for t in trials if t.variant == variant]


def marks(figure, prefix):
    return {
        line.get_gid(): line for axes in figure.axes for line in axes.lines if (line.get_gid() or "").startswith(prefix)
    }


def whiskers(axes, gid):
    (found,) = [c for c in axes.collections if c.get_gid() == gid]
    return found.get_segments()


def hexed(colour):
    return colour if isinstance(colour, str) else "#{:02X}{:02X}{:02X}".format(*(round(255 * c) for c in colour[:3]))


def test_every_attribute_has_a_row_in_one_of_two_columns(parts, condition):
    rows = [text.get_text() for axes in parts.axes[1:] for text in axes.get_yticklabels()]
    assert tuple(rows) == condition.labels()
    assert sorted(rows) == sorted(LABELS)
    assert [len(axes.get_yticks()) for axes in parts.axes[1:]] == [14, 13]


def test_a_dot_is_the_mean_over_seeds_and_its_whisker_the_interval(parts, trials):
    dots = marks(parts, "dot-")
    for column, axes in enumerate(parts.axes[1:]):
        names = [text.get_text() for text in axes.get_yticklabels()]
        for place, variant in enumerate(VARIANTS):
            lines = whiskers(axes, f"whiskers-label{column}-{place}")
            for row, name in enumerate(names):
                mean, low, high = oracle(of(trials, variant, lambda t, name=name: t.accuracy_by_label[name]))
                dot = dots[f"dot-label{column}-{row}-{place}"]
                assert dot.get_xdata()[0] == pytest.approx(mean)
                assert lines[row][:, 0] == pytest.approx([low, high])
                assert lines[row][:, 1] == pytest.approx([dot.get_ydata()[0]] * 2)
                assert hexed(dot.get_color()) == style.variant_colours(VARIANTS)[variant]
    assert len(dots) == 4 * len(LABELS) + 8


@pytest.mark.parametrize("row", [0, 1])
def test_means_stand_on_top(parts, trials, row):
    read = (lambda t: t.accuracy, lambda t: t.mean_average_precision)[row]
    assert [text.get_text() for text in parts.axes[0].get_yticklabels()] == ["Mean accuracy", "mAP"]
    for place, variant in enumerate(VARIANTS):
        mean, low, high = oracle(of(trials, variant, read))
        assert marks(parts, "dot-mean")[f"dot-mean-{row}-{place}"].get_xdata()[0] == pytest.approx(mean)
        assert whiskers(parts.axes[0], f"whiskers-mean-{place}")[row][:, 0] == pytest.approx([low, high])


def test_variants_of_an_attribute_do_not_lie_upon_each_other_or_leave_their_row(parts):
    dots = marks(parts, "dot-label0-")
    for row in range(14):
        ys = [dots[f"dot-label0-{row}-{place}"].get_ydata()[0] for place in range(4)]
        assert min(np.diff(ys)) > 0.1
        assert row - 0.5 < ys[0] < ys[-1] < row + 0.5


def test_the_constant_answer_is_dotted(parts, trials):
    shares = trials[0].present_by_label
    lines = [line for line in parts.axes[1].lines if line.get_linestyle() == ":"]
    names = [text.get_text() for text in parts.axes[1].get_yticklabels()]
    wanted = [100 * max(shares[name], 1 - shares[name]) for name in names]
    assert [line.get_xdata()[0] for line in lines] == pytest.approx(wanted)


def test_the_axis_holds_all_dots_and_whiskers_within_0_and_100(parts):
    for axes in parts.axes:
        low, high = axes.get_xlim()
        xs = [x for c in axes.collections for segment in c.get_segments() for x in segment[:, 0]]
        assert low <= max(0, min(xs))
        assert high >= min(100, max(xs))


def test_the_legend_names_every_variant_once(parts):
    assert [text.get_text() for text in parts.legends[0].get_texts()] == [*VARIANTS, "constant answer"]


def test_one_seed_has_a_dot_and_no_whisker():
    figure = ablation_figures.figure_8a(conditions(made.ablation(LABELS, seeds=(5,)))[0])
    assert len(marks(figure, "dot-")) == 4 * len(LABELS) + 8
    assert not any(axes.collections for axes in figure.axes)


def test_a_variant_that_is_not_run_leaves_its_place_empty(trials, parts):
    fewer = [t for t in trials if t.variant != "org+seg"]
    figure = ablation_figures.figure_8a(conditions(fewer)[0])
    assert not [gid for gid in marks(figure, "dot-") if gid.endswith("-1")]
    assert marks(figure, "dot-mean")["dot-mean-0-2"].get_ydata() == marks(parts, "dot-mean")["dot-mean-0-2"].get_ydata()


def test_forty_attributes_do_not_overlap():
    figure = ablation_figures.figure_8a(conditions(made.ablation(made.NAMES, SEEDS))[0])
    figure.draw_without_rendering()
    for axes in figure.axes[1:]:
        boxes = [text.get_window_extent() for text in axes.get_yticklabels()]
        assert len(boxes) == 20
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
        assert all(box.x0 >= 0 for box in boxes)


@pytest.mark.parametrize("figure", ["figure_8a", "figure_8b", "violations"])
def test_nothing_is_cut_off_at_the_edges(condition, figure):
    drawn = getattr(ablation_figures, figure)(condition)
    drawn.draw_without_rendering()
    texts = [
        *drawn.legends[0].get_texts(),
        *(axes.title for axes in drawn.axes),
        *(axes._left_title for axes in drawn.axes),
    ]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(
        box.x0 >= 0 and box.x1 <= drawn.bbox.width and box.y0 >= 0 and box.y1 <= drawn.bbox.height for box in boxes
    )


@pytest.mark.parametrize(("panel", "measure"), [(0, "accuracy"), (1, "map")])
def test_the_sweep_has_means_intervals_and_every_seed(condition, trials, panel, measure):
    figure = ablation_figures.figure_8b(condition)
    (curve,) = [line for line in figure.axes[panel].lines if (line.get_gid() or "").startswith("curve-")]
    read = (lambda t: t.accuracy) if measure == "accuracy" else (lambda t: t.mean_average_precision)
    names = {w: FULL if w == 0.8 else f"{FULL}@{w:g}" for w in OMEGAS}
    wanted = [oracle(of(trials, names[w], read)) for w in OMEGAS]
    assert list(curve.get_xdata()) == list(OMEGAS)
    assert list(curve.get_ydata()) == pytest.approx([mean for mean, _, _ in wanted])
    drawn = [segment for c in figure.axes[panel].collections for segment in c.get_segments()]
    assert [tuple(s[:, 1]) for s in drawn] == [pytest.approx((low, high)) for _, low, high in wanted]
    assert [s[0, 0] for s in drawn] == list(OMEGAS)
    dots = marks(figure, f"seeds-{measure}")
    assert sorted(y for d in dots.values() for y in d.get_ydata()) == pytest.approx(
        sorted(100 * x for name in names.values() for x in of(trials, name, read))
    )


def test_rule_breaking_starts_at_zero_and_shows_every_seed(condition, trials):
    axes = ablation_figures.violations(condition).axes[0]
    bars = {patch.get_gid(): patch for patch in axes.patches}
    segments = iter([segment for c in axes.collections for segment in c.get_segments()])
    assert axes.get_ylim()[0] == 0
    for measure in ("impossible", "incomplete"):
        for place, variant in enumerate(VARIANTS):
            values = of(trials, variant, lambda t, measure=measure: getattr(t, measure))
            mean, low, high = oracle(values)
            assert bars[f"bar-{measure}-{place}"].get_height() == pytest.approx(mean)
            assert next(segments)[:, 1] == pytest.approx([low, high])
            rings = marks(axes.figure, f"seeds-{measure}-{place}").popitem()[1]
            assert sorted(rings.get_ydata()) == pytest.approx(sorted(100 * x for x in values))


def test_words_hold_the_numbers(condition, trials):
    words = ablation_rows.sweep_in_words(condition)
    for omega in (0.0, 0.5):
        mean, low, high = oracle(of(trials, f"{FULL}@{omega:g}", lambda t: t.accuracy))
        assert f"{FULL} at ω {omega:g}: {mean:.2f} [{low:.2f}, {high:.2f}]" in words
    mean, low, high = oracle(of(trials, "org", lambda t: t.accuracy_by_label[condition.labels()[0]]))
    tip = ablation_rows.tips(condition)["dot-label0-0-0"]
    assert tip == f"{condition.labels()[0]}, org: {mean:.2f} [{low:.2f}, {high:.2f}]"
