"""A real browser, where there is one, and pages for it to open from files: finished, hostile, large."""

import json
import os
import shutil
import sys
import time

import pytest

from harness.store import quoted
from reports import page
from tests.reports.conftest import MODELS, make_run

EVIL = "</script></style><img src=x onerror=window.pwned=1>\u202e\u2028'\"&<script>window.pwned=2</script>"
MANY = 2400
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium():
    """The system's own Chromium, headless; $CHROME names another.

    Of one module: the driver's event loop runs in this thread, and other modules' tests need to run their own.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROME") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed, and $CHROME names none")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Opens a file at a fragment; afterwards nothing may have run, failed or been asked of any network."""
    contexts, complaints = [], []

    def go(file, fragment="", **options):
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        address = f"{file.as_uri()}{fragment}"
        tab.on("request", lambda request: check(request.url.startswith((file.as_uri(), "data:")), request.url[:200]))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: check(message.type != "error", message.text))
        tab.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        tab.goto(address)
        return tab

    def check(fine, complaint):
        if not fine:
            complaints.append(complaint)

    yield go
    for context in contexts:
        for tab in context.pages:
            assert tab.evaluate("typeof window.pwned") == "undefined"
        context.close()
    assert complaints == []


def until(tab, expression):
    """Waits until JavaScript says yes; Playwright's own wait evaluates text in the page, which its policy forbids."""
    deadline = time.monotonic() + 20
    while not tab.evaluate(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        tab.wait_for_timeout(30)


def say(text):
    """A measurement, for whoever runs the tests with -s."""
    sys.stdout.write(f"\n{text}\n")


@pytest.fixture(scope="session")
def report(run_folder):
    """The page of the made-up run, which holds hostile answers of every status."""
    return page.write(run_folder)


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory):
    """A page whose model, question, label, sample, prompt and group are all hostile text."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "evil", samples=8, models=MODELS[:2], questions=("expw",))
    for file in folder.rglob("*.jsonl"):
        rows = [json.loads(line.replace('"happy"', json.dumps(EVIL))) for line in file.read_text().splitlines()]
        for row in rows:
            if "image" in row:
                row |= {"text": EVIL, "group": {EVIL: EVIL}, "sample_id": row["sample_id"] + EVIL}
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for kind in ("responses", "predictions"):
        (folder / kind / MODELS[0]).rename(folder / kind / quoted(EVIL))
    rename(folder / "scores.json", f'"{MODELS[0]}"', json.dumps(EVIL))
    rename(folder / "run.json", f'"{MODELS[0]}"', json.dumps(EVIL))
    return page.write(folder)


def rename(file, old, new):
    file.write_text(file.read_text().replace(old, new))


@pytest.fixture(scope="session")
def large_report(tmp_path_factory):
    """A page of 2,400 samples with as many pictures: other parts of a few drawn ones."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "large", samples=24, models=MODELS[:3], questions=("expw",))
    for file in folder.rglob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(copied(row, place)) + "\n" for place in range(MANY // 24) for row in rows))
    return page.write(folder)


def copied(row, place):
    """The same row of another sample, with another part of the picture."""
    copy = row | {"key": f"{row['key']}-{place}", "sample_id": f"{place}-{row['sample_id']}"}
    if "image" in row:
        copy["image"] = row["image"] | {"box": [0, 0, 200 - place // 10, 200 - place % 10]}
    return copy
