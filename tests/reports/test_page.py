import base64
import json
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from harness.errors import StoreError
from reports import load, page, paper_figures, problems, tables
from tests.reports.conftest import MODELS
from tests.reports.markup import VOID, parsed


class Gallery(HTMLParser):
    """Collects (question, sample id, model's place) -> [(class, text) of each mark]."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.marks, self.missed = {}, {}
        self.galleries, self.card, self.reply, self.within = 0, "", 0, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        kind = attrs.get("class") or ""
        if tag == "details" and "gallery" in kind.split():
            self.galleries += 1
        if tag == "h4":
            self.card = ""
        if tag == "li" and "data-model" in attrs:
            self.reply = int(attrs["data-model"])
            self.marks[self.key()] = []
        if tag == "mark" and ("blockquote", "answer") in self.within:
            self.marks[self.key()].append((kind, ""))
        if tag not in VOID:
            self.within.append((tag, kind))

    def handle_endtag(self, tag):
        self.within.pop()

    def handle_data(self, data):
        where = [tag for tag, _ in self.within]
        if where[-1:] == ["h4"]:
            self.card += data.strip()
        if where[-1:] == ["mark"] and "blockquote" in where:
            kind, text = self.marks[self.key()][-1]
            self.marks[self.key()][-1] = (kind, text + data)
        if self.within and self.within[-1] == ("p", "missed"):
            self.missed[self.key()] = [name for name in data.strip().split(", ") if name]

    def key(self):
        return self.galleries - 1, self.card, self.reply


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_page_is_well_formed_and_ids_are_unique(written):
    checked = parsed(written)
    assert checked.open == []
    assert [name for name, count in Counter(checked.ids).items() if count > 1] == []
    links = {value[1:] for tag, name, value in checked.attributes if tag == "a" and name == "href"}
    targets = {link.partition("?")[0] for link in links}
    assert targets <= set(checked.ids)


def test_only_our_own_scripts_may_run_and_nothing_may_be_loaded(written):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', written).group(1)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    scripts = re.findall(r"<script>(.*?)</script>", written, re.DOTALL)
    digests = [base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 2
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert re.findall(r"<script ([^>]*)>", written) == ['type="application/json" id="browse-data"']


def test_nothing_comes_from_elsewhere(written):
    checked = parsed(written)
    loaded = [
        (t, n, v) for t, n, v in checked.attributes if n in {"src", "href", "xlink:href", "srcset", "action", "data"}
    ]
    assert loaded
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for _, _, value in loaded)
    assert not {"link", "iframe", "object", "embed", "form", "base"} & set(checked.tags)
    css = re.search(r"<style>(.*?)</style>", written, re.DOTALL).group(1)
    assert "http" not in css
    assert "url(" not in css
    assert not any(name.startswith("on") for _, name, _ in checked.attributes)


def test_hostile_text_is_shown_and_does_nothing(written, hostile):
    assert hostile["script"] not in written
    assert "&lt;script&gt;alert(&#39;gotcha&#39;)&lt;/script&gt;" in written
    assert "<img src=x" not in written
    assert "&#34;quoted&#34; &amp; &lt;img src=x" in written
    assert "evil ⟨U+202E⟩gnp.exe⟨U+202C⟩ ⟨U+200B⟩⟨U+0007⟩⟨U+001B⟩[31m" in written
    assert not {"\u202e", "\u202c", "\u200b", "\x07", "\x1b"} & set(written)


def test_a_megabyte_is_cut_and_its_length_stated(written, hostile, run_folder):
    longest = max(len(row["text"]) for row in rows(run_folder / "responses" / "qwen2.5-vl-7b" / "celeba.jsonl"))
    assert longest > len(hostile["megabyte"])
    assert f"1,500 of {longest:,} characters shown" in written
    assert len(written) < 3_000_000


def test_right_and_wrong_phrases_match_a_recomputation_from_the_files(written, run_folder):
    shown = Gallery()
    shown.feed(written)
    about = json.loads((run_folder / "run.json").read_text())
    checked = Counter()
    for place, question in enumerate(q["name"] for q in about["questions"]):
        items = {row["sample_id"]: row for row in rows(run_folder / "samples" / f"{question}.jsonl")}
        for number, model in enumerate(about["models"]):
            said = {row["key"]: row["text"] for row in rows(run_folder / "responses" / model / f"{question}.jsonl")}
            for row in rows(run_folder / "predictions" / model / f"{question}.jsonl"):
                marks = [
                    m
                    for key, m in shown.marks.items()
                    if key[0] == place and key[2] == number and key[1].startswith(row["sample_id"])
                ]
                if marks:
                    wanted = [colour(m, items[row["sample_id"]]["gold"], said[row["key"]]) for m in row["mentions"]]
                    assert marks == [wanted]
                    checked.update(kind for kind, _ in wanted)
    assert min(checked[kind] for kind in ("right", "wrong", "undefined")) > 20


def colour(mention, gold, text):
    phrase = text[mention["start"] : mention["end"]]
    if isinstance(gold, str):
        return ("right" if mention["label"] == gold else "wrong"), phrase
    if mention["label"] not in gold:
        return "undefined", phrase
    return ("right" if gold[mention["label"]] == mention["value"] else "wrong"), phrase


def test_missed_attributes_match_a_recomputation(written, run_folder):
    shown = Gallery()
    shown.feed(written)
    model = json.loads((run_folder / "run.json").read_text())["models"][3]
    items = {row["sample_id"]: row for row in rows(run_folder / "samples" / "maad.jsonl")}
    predictions = rows(run_folder / "predictions" / model / "maad.jsonl")
    wanted = {
        row["sample_id"]: [a for a, there in items[row["sample_id"]]["gold"].items() if there and a not in row["yes"]]
        for row in predictions
    }
    found = {card: names for (place, card, number), names in shown.missed.items() if (place, number) == (0, 3)}
    assert len(found) >= 5
    assert all(wanted[next(i for i in items if card.startswith(i))] == names for card, names in found.items())


def test_profile_models_statuses_and_baselines_are_on_the_page(written):
    assert "Tiny profile</h1>" in written
    assert "these numbers say nothing about the real models" in written
    for text in ("qwen2.5-vl-7b", "all negative", "always ", "95 % interval", "refused</dt>", "--tasks attr,agr,expr"):
        assert text in written


def test_failures_come_before_the_numbers(written):
    assert written.index("40 failed</h3>") < written.index('id="overview"')
    assert "image gone.jpg does not exist" in written


def test_every_chart_and_picture_has_words(written):
    checked = parsed(written)
    labels = [value for tag, name, value in checked.attributes if tag == "svg" and name == "aria-label"]
    assert checked.tags["svg"] == len(labels) == 12
    alts = [value for tag, name, value in checked.attributes if tag == "img" and name == "alt"]
    assert checked.tags["img"] == len(alts)
    assert [alt for alt in alts if "gold:" not in alt] == [""]  # of the dialog, whose picture comes with its words


def test_the_same_run_gives_the_same_bytes(small_run, tmp_path):
    first = page.write(small_run).read_bytes()
    assert page.write(small_run, tmp_path / "elsewhere" / "report.html").read_bytes() == first


def test_best_numbers_are_bold(small_run):
    text = page.write(small_run).read_text()
    scores = [s for s in json.loads((small_run / "scores.json").read_text()) if s["question"] == "expw"]
    best = max(100 * score["metrics"]["f1"]["value"] for score in scores)
    board = text[text.index('id="q1"') :]
    assert f"<b>{best:.1f}</b>" in board[: board.index("</table>")]


def test_a_run_that_is_not_finished_says_so(small_run):
    model = "llava-v1.5-7b"
    (small_run / "scores.json").unlink()
    (small_run / "responses" / model / "celeba.jsonl").unlink()
    (small_run / "predictions" / model / "celeba.jsonl").unlink()
    path = small_run / "responses" / model / "expw.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    text = page.write(small_run).read_text()
    assert parsed(text).open == []
    for notice in ("There are no scores yet", "not asked yet", "celeba (0 of 8)", "not finished", "expw (3 of 8)"):
        assert notice in text
    assert "No scores yet." in text


def test_a_run_with_nothing_but_its_manifest_renders(small_run):
    for name in ("samples", "responses", "predictions"):
        (small_run / name).rename(small_run / f"not-{name}")
    (small_run / "scores.json").unlink()
    text = page.write(small_run).read_text()
    assert "No samples on disk for celeba, expw." in text
    assert "No samples to show." in text


def test_a_score_of_fewer_samples_is_called_stale(small_run):
    path = small_run / "samples" / "expw.jsonl"
    extra = path.read_text().splitlines()[0].replace("000000.jpg", "000099.jpg")
    path.write_text(path.read_text() + extra + "\n")
    run = load.read(small_run)
    found = problems.find(run, [page.gallery.read(run, question) for question in run.questions()])
    assert {gap.what for gap in found.gaps} == {"the score covers 8 samples only: run `score`"}
    assert found.unfinished == 2


def test_hostile_names_of_models_and_questions(small_run):
    about = json.loads((small_run / "run.json").read_text())
    evil = "</style><script>alert(1)</script>$x_1$\\1\u202e"
    about["models"].append(evil)
    about["name"] = evil
    about["prompts"]["celeba"] = {evil: evil}
    about["questions"].append({"name": f"../{evil}", "task": evil, "dataset": evil})
    (small_run / "run.json").write_text(json.dumps(about))
    text = page.write(small_run).read_text()
    assert text.count("<script>") == 2
    assert text.count("<script ") == text.count('<script type="application/json"') == 1
    assert text.count("</script>") == 3
    assert text.count("</style>") == 1
    assert "\u202e" not in text
    assert parsed(text).open == []


def test_a_folder_that_is_no_run_leaves_no_page(tmp_path):
    with pytest.raises(StoreError):
        page.write(tmp_path)
    assert not (tmp_path / "report").exists()


def test_importing_the_report_loads_neither_torch_nor_matplotlib():
    code = "import sys, reports.page; sys.exit(bool({'torch', 'transformers', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ({}, "none: the defaults of docs/datasets.md"),
        (
            {"datasets": {"expw": {"margin": 0.1}, "utkface": {"ages": "fairface"}}},
            "expw.margin 0.1, utkface.ages fairface",
        ),
    ],
)
def test_the_page_says_what_was_chosen_about_the_data(small_run, protocol, said):
    file = small_run / "run.json"
    run = json.loads(file.read_text())
    file.write_text(json.dumps(run | {"protocol": protocol}))
    assert said in page.write(small_run).read_text()


def test_who_was_not_to_be_asked_is_nowhere(small_run):
    narrow, wide = MODELS[:2]
    path = small_run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"asked": {narrow: ["celeba"]}}))
    for kind in ("responses", "predictions"):
        (small_run / kind / narrow / "expw.jsonl").unlink()
    scores = json.loads((small_run / "scores.json").read_text())
    kept = [row for row in scores if (row["model"], row["question"]) != (narrow, "expw")]
    (small_run / "scores.json").write_text(json.dumps(kept))
    run = load.read(small_run)
    asked = {question.name: page.gallery.read(run, question) for question in run.questions()}
    assert not problems.find(run, list(asked.values())).gaps
    assert {reply.model for card in asked["expw"].cards for reply in card.replies} == {wide}
    assert tables.leaderboard(run, run.questions()[1]).missing == ()
    text = page.write(small_run).read_text()
    assert parsed(text).open == []
    assert "not asked yet" not in text
    (line,) = (line for line in paper_figures.radar(run).axes[0].lines if line.get_gid())
    assert line.get_gid() == "radar-1"
