"""Sorting and filtering tables, colours, print and the page without script, in Chromium."""

import json

import pytest

from tests.reports.browser.conftest import until
from tests.reports.conftest import MODELS

BOARD = "#q0 table.sortable >> nth=0"


@pytest.fixture(scope="module")
def accuracies(run_folder):
    scores = json.loads((run_folder / "scores.json").read_text())
    return {s["model"]: s["metrics"]["accuracy"]["value"] for s in scores if s["question"] == "maad"}


def models(tab):
    return tab.locator(f"{BOARD} >> tbody th").all_inner_texts()


def comes(tab, order):
    """Waits until the rows stand in this order: the library draws a moment after the click."""
    wanted = json.dumps(order)
    until(
        tab,
        f"""[...document.querySelectorAll("#q0 table.sortable")[0].tBodies[0].rows]
            .map((row) => row.cells[0].textContent.trim()).join() === {wanted}.join()""",
    )


@pytest.fixture
def board(visit, report):
    tab = visit(report, "#q0")
    tab.locator(f"{BOARD} >> .dt-column-order >> nth=1").wait_for()
    return tab


def test_a_column_sorts_down_up_and_back_as_the_data_say(board, accuracies):
    given = models(board)
    head = board.locator(f"{BOARD} >> thead th >> nth=1")
    ranked = sorted(accuracies, key=accuracies.get)
    for order, state in ((ranked[::-1], "descending"), (ranked, "ascending"), (given, None)):
        head.click()
        comes(board, order)
        assert head.get_attribute("aria-sort") == state


def test_a_column_sorts_by_keyboard(board, accuracies):
    board.locator(f"{BOARD} >> .dt-column-order >> nth=1").focus()
    board.keyboard.press("Enter")
    comes(board, sorted(accuracies, key=accuracies.get, reverse=True))


def test_a_filter_leaves_the_rows_that_fit(board):
    field = board.locator("#q0 .filter input").first
    field.fill("llava")
    comes(board, [name for name in MODELS if "llava" in name])
    field.fill("no such model")
    board.locator(f"{BOARD} >> text=No row fits the filter.").wait_for()
    assert board.locator(f"{BOARD} >> tfoot tr").count() == 1


def test_dark_and_light_follow_the_system_and_then_the_button(visit, report):
    def paper(tab):
        return tab.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = visit(report, color_scheme="light"), visit(report, color_scheme="dark")
    colours = paper(light), paper(dark)
    assert len(set(colours)) == 2
    for wanted in ("light", "dark"):
        dark.get_by_role("button", name="Colours").click()
        assert (paper(dark), dark.get_by_role("button", name="Colours").get_attribute("title")) == (
            colours[wanted == "dark"],
            f"Colours: {wanted}",
        )


def test_print_hides_what_only_a_screen_can_use(board):
    board.set_viewport_size({"width": 1039, "height": 720})  # A4 across, less the margins
    board.emulate_media(media="print", color_scheme="dark")
    for part in ("nav", "#browse", "#q0 .filter", "#q0 .dt-column-order"):
        assert not board.locator(part).first.is_visible()
    assert board.locator(BOARD).is_visible()
    assert board.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    cut = "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1).length"
    assert board.evaluate(cut) == 0


def test_without_script_the_boards_and_cards_stand_and_the_rest_is_said(chromium, report):
    with chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(report.as_uri())
        assert tab.locator(BOARD).is_visible()
        assert tab.locator(".card img").first.is_visible()
        assert tab.locator("#browse noscript p").is_visible()
        assert not tab.locator("#browse .filters").is_visible()


def test_the_first_tab_stop_skips_to_the_results(visit, report):
    tab = visit(report)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
