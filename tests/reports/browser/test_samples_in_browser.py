"""The sample browser: filters, links, keyboard, hostile text and thousands of samples, in Chromium."""

import json
import time
from collections import Counter
from urllib.parse import quote

import pytest

from reports import page
from reports.style import visible
from tests.reports.browser.conftest import EVIL, MANY, say, until
from tests.reports.conftest import LABELS, MODELS, SCRIPT, make_run

TILE = "#browse [role=option]"
COUNT = "#browse output"
DIALOG = "#browse dialog"
CRAFTED = (
    "#browse?model=<script>window.pwned=1</script>&status=%E0%A4%A&verdict=__proto__",
    "#browse?in=constructor&sample=%00%ff<img src=x onerror=window.pwned=1>",
    "#browse?q=" + "[" * 5000 + "&gold=\u202e%E2%80%AE&said=toString",
    "#browse?????&&&==%%%",
    "#browse?q=" + quote(EVIL),
)


def rows(folder, kind, *names):
    """The rows of one file of the run folder."""
    *folders, last = names
    return [json.loads(line) for line in folder.joinpath(kind, *folders, f"{last}.jsonl").read_text().splitlines()]


def choice(tab, name):
    """A filter of the browser."""
    return tab.locator(f"#browse [data-filter={name}]")


def at(visit, file, fragment="#browse?"):
    tab = visit(file, fragment)
    until(tab, "document.querySelector('#browse output').textContent !== ''")
    return tab


def says(tab, count):
    """Waits until so many samples are said to be shown: the address changes first, the page follows."""
    until(tab, f"document.querySelector('#browse output').textContent.startsWith('{count:,} of ')")


def place(tab, text):
    """Waits until the open sample is the one at this place."""
    tab.locator(f"{DIALOG} .place", has_text=text).wait_for()


def test_a_link_keeps_its_filters(visit, report, run_folder):
    model = "llava-v1.5-7b"
    tab = at(visit, report, f"#browse?model={model}&status=refused")
    wanted = sum(row["status"] == "refused" for name in LABELS for row in rows(run_folder, "predictions", model, name))
    assert wanted > 0
    says(tab, wanted)
    assert choice(tab, "model").input_value() == model
    assert choice(tab, "status").input_value() == "refused"


def test_filters_agree_with_the_files_and_back_takes_them_off(visit, report, run_folder):
    tab = at(visit, report)
    says(tab, 20 * len(LABELS))
    choice(tab, "question").select_option("celeba")
    choice(tab, "contradiction").select_option("yes")
    tab.wait_for_url("**contradiction=yes")
    models = [folder.name for folder in (run_folder / "predictions").iterdir()]
    against = {
        r["key"] for m in models for r in rows(run_folder, "predictions", m, "celeba") if r.get("contradictions")
    }
    assert against
    says(tab, len(against))
    tab.go_back()
    says(tab, 20)
    tab.go_back()
    says(tab, 20 * len(LABELS))
    assert choice(tab, "question").input_value() == ""


def test_a_dataset_is_all_its_questions(visit, report):
    says(at(visit, report, "#browse?dataset=fairface"), 3 * 20)


def test_gold_and_said_make_a_cell_of_the_confusion_matrix(visit, report, run_folder):
    model, question = "mantis-siglip-8b", "fairface.race"
    gold = {case["key"]: case["gold"] for case in rows(run_folder, "samples", question)}
    cells = Counter((gold[row["key"]], row.get("label")) for row in rows(run_folder, "predictions", model, question))
    wrong = next((truth, said) for truth, said in cells if said and said != truth)
    tab = at(visit, report, f"#browse?question={question}&model={model}&gold={quote(wrong[0])}&said={quote(wrong[1])}")
    says(tab, cells[wrong])


def test_the_bar_of_a_leaderboard_leads_to_its_samples(visit, report):
    tab = visit(report, "#q9")
    tab.locator("#q9 .says a", has_text="unparsed").first.click()
    tab.locator(TILE).first.wait_for()
    assert "status=unparsed" in tab.url
    assert tab.locator("#browse").bounding_box()["y"] < 400


def test_keyboard_alone_searches_moves_opens_steps_and_closes(visit, report, run_folder):
    tab = at(visit, report, "#browse?question=expw")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.dataset.filter") == "q"
    tab.keyboard.type("my answer is")
    tab.wait_for_url("**q=my+answer+is")
    answers = [row for model in MODELS for row in rows(run_folder, "responses", model, "expw")]
    count = len({row["key"] for row in answers if "my answer is" in row["text"]})
    says(tab, count)
    tab.locator(".tiles").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator(f"{TILE}[aria-selected=true]").get_attribute("aria-posinset") == "2"
    tab.keyboard.press("Enter")
    place(tab, f"2 of {count}")
    tab.keyboard.press("ArrowRight")
    place(tab, f"3 of {count}")
    tab.keyboard.press("ArrowLeft")
    place(tab, f"2 of {count}")
    tab.keyboard.press("Escape")
    tab.locator(DIALOG).wait_for(state="hidden")
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    assert tab.locator(f"{TILE}[aria-selected=true]").get_attribute("aria-posinset") == "2"
    until(tab, "!location.hash.includes('sample=')")
    tab.keyboard.press("End")
    assert tab.locator(f"{TILE}[aria-selected=true]").get_attribute("aria-posinset") == str(count)


def test_one_view_has_prompt_answers_labels_and_gold_of_the_files(visit, report, run_folder):
    case = rows(run_folder, "samples", "maad")[0]
    tab = at(visit, report, f"#browse?in=maad&sample={quote(case['sample_id'])}")
    view = tab.locator(DIALOG)
    assert view.locator(".asked").inner_text() == case["text"]
    assert view.locator(".gold").inner_text().startswith(", ".join(k for k, v in case["gold"].items() if v))
    for model, item in zip(("qwen2.5-vl-7b", "llava-v1.5-7b"), view.locator(".replies > li").all(), strict=False):
        answer = rows(run_folder, "responses", model, "maad")[0]
        item.locator(".answer i").evaluate_all("signs => signs.forEach((sign) => sign.remove())")
        assert item.locator(".answer").text_content() == visible(answer["text"])
        yes = rows(run_folder, "predictions", model, "maad")[0]["yes"]
        assert item.locator(".said").inner_text().split(" ", 2)[-1] == ", ".join(yes)
    assert view.locator("img").get_attribute("alt").startswith(f"Sample {case['sample_id']}, MAAD; gold: ")


def test_a_megabyte_is_cut_and_marks_of_direction_are_seen(visit, report):
    tab = at(visit, report, "#browse?question=celeba&status=unparsed")
    tab.locator(TILE).first.click()
    text = tab.locator(DIALOG).inner_text()
    assert "20,000 of 1,0" in text
    assert "⟨U+202E⟩gnp.exe⟨U+202C⟩" in text
    assert SCRIPT in text
    assert "\u202e" not in text


def test_hostile_names_labels_prompts_and_ids_are_only_text(visit, hostile_report):
    tab = at(visit, hostile_report)
    for name in ("model", "gold", "said"):
        assert visible(EVIL) in choice(tab, name).locator("option").all_inner_texts()
    choice(tab, "model").select_option(visible(EVIL))
    tab.wait_for_url("**model=*")
    says(tab, 8)
    tab.locator(TILE).nth(4).click()
    assert tab.locator(f"{DIALOG} .asked").inner_text() == visible(EVIL)
    assert visible(EVIL) in tab.locator(f"{DIALOG} h3").inner_text()
    assert tab.locator("img[src=x], #browse script:not([type])").count() == 0


@pytest.mark.parametrize("fragment", CRAFTED, ids=range(len(CRAFTED)))
def test_a_crafted_fragment_neither_runs_nor_breaks(visit, report, fragment):
    tab = at(visit, report, fragment)
    assert "<" not in tab.locator(COUNT).inner_text()
    tab.get_by_role("button", name="Clear").click()
    tab.locator(TILE).first.wait_for()
    says(tab, 20 * len(LABELS))


def test_thousands_of_samples_keep_few_nodes_and_the_last_is_reached(visit, large_report):
    start = time.perf_counter()
    tab = at(visit, large_report)
    tab.locator(TILE).first.wait_for()
    seconds = time.perf_counter() - start
    timing = tab.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    size = large_report.stat().st_size
    say(f"{MANY} samples, {size / 1e6:.1f} MB: DOM after {timing:.0f} ms, tiles after {1000 * seconds:.0f} ms")
    says(tab, MANY)
    assert 20 < tab.locator(TILE).count() < 300
    tab.locator(".tiles").evaluate("list => { list.scrollTop = list.scrollHeight }")
    tab.locator(f"{TILE}[aria-posinset='{MANY}']").wait_for()
    assert tab.locator(TILE).count() < 300
    assert (
        tab.locator(f"{TILE}[aria-posinset='{MANY}'] img").evaluate("i => i.decode().then(() => i.naturalWidth)") > 50
    )


def test_scrolling_does_not_stutter(visit, large_report):
    tab = at(visit, large_report)
    frames = tab.evaluate(
        """async () => {
          const list = document.querySelector(".tiles"), gaps = [];
          let before = performance.now();
          for (let step = 0; step < 40; step += 1) {
            list.scrollTop += 400;
            await new Promise(requestAnimationFrame);
            gaps.push(performance.now() - before);
            before = performance.now();
          }
          return gaps.sort((a, b) => a - b);
        }"""
    )
    say(f"40 frames of 400 pixels: median {frames[20]:.1f} ms, worst {frames[-1]:.1f} ms")
    assert frames[20] < 100


def test_a_sample_that_the_filters_leave_out_opens_alone_and_any_other_anchor_closes_it(visit, report):
    tab = at(visit, report, "#browse?question=expw&in=maad&sample=000002.jpg")
    tab.locator(f"{DIALOG} .place", has_text="not among the filtered").wait_for()
    tab.keyboard.press("ArrowRight")
    assert "000002.jpg" in tab.locator(f"{DIALOG} h3").inner_text()
    tab.evaluate("location.hash = '#q3'")
    tab.locator(DIALOG).wait_for(state="hidden")
    assert tab.url.endswith("#q3")


def test_the_search_key_works_from_the_top_of_the_page(visit, report):
    tab = visit(report)
    tab.keyboard.press("/")
    until(tab, "document.activeElement.dataset.filter === 'q'")


def test_a_model_has_only_the_samples_that_it_was_to_be_asked_about(visit, tmp_path):
    folder = make_run(tmp_path / "narrow", samples=8, models=MODELS[:2], questions=("celeba", "expw"))
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(about | {"asked": {MODELS[0]: ["celeba"]}}))
    for kind in ("responses", "predictions"):
        (folder / kind / MODELS[0] / "expw.jsonl").unlink()
    file = page.write(folder)
    says(at(visit, file), 16)
    says(at(visit, file, f"#browse?model={MODELS[1]}"), 16)
    tab = at(visit, file, f"#browse?model={MODELS[0]}")
    says(tab, 8)
    tab.locator(TILE).first.click()
    assert tab.locator(f"{DIALOG} .replies .name").count() == 2
    tab = at(visit, file, "#browse?question=expw")
    tab.locator(TILE).first.click()
    assert tab.locator(f"{DIALOG} .replies .name").all_inner_texts() == [MODELS[1]]
