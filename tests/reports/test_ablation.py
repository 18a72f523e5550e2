"""The page, the files and the Markdown of an ablation: finished, half finished, hostile, damaged."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from scipy import stats

from harness.errors import StoreError
from harness.trials import VARIANTS, Asked, Trials
from reports import ablation, ablation_notes, ablation_tables
from reports.seeds import conditions
from tests.reports import trials as made
from tests.reports.markup import parsed

FULL = VARIANTS[3]
FILES = {"index.html", "ablation.md"} | {
    f"{name}.{kind}" for name in ("figure-8a", "figure-8b", "violations") for kind in ("svg", "pdf")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made.written(tmp_path_factory.mktemp("abl") / "toy", made.ablation(), title="Parts")


@pytest.fixture(scope="module")
def page(folder):
    return ablation.write_ablation(folder).read_text(encoding="utf-8")


def table_of(text, title):
    """Rows of a Markdown table as lists of cells."""
    part = text.split(f"### {title}\n")[1].split("\n### ")[0]
    return [[cell.strip() for cell in line[2:-2].split(" | ")] for line in part.splitlines() if line.startswith("| ")]


def test_all_files_are_written(folder, page):
    assert {file.name for file in (folder / "report").iterdir()} == FILES
    assert (folder / "report" / "figure-8a.pdf").read_bytes().startswith(b"%PDF")
    ElementTree.parse(folder / "report" / "figure-8b.svg")


def test_the_page_is_well_formed_and_loads_nothing(page):
    checked = parsed(page)
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))
    loaded = [v for _, name, v in checked.attributes if name in {"src", "href", "xlink:href", "srcset", "data"}]
    assert loaded
    assert all(value.startswith("#") and value[1:] in checked.ids for value in loaded)
    assert "default-src 'none'" in page
    assert checked.tags["svg"] == 3


def test_a_tiny_ablation_claims_nothing_about_the_paper(folder, page, tmp_path):
    assert ablation.TOY in page.split("<main>")[0].replace("&#39;", "'")
    assert ablation.TOY in (folder / "report" / "ablation.md").read_text()
    other = ablation.write_ablation(made.written(tmp_path, made.ablation(), profile="paper"))
    assert ablation.TOY not in other.read_text().replace("&#39;", "'")
    assert ablation.TOY not in other.with_name("ablation.md").read_text()


def test_the_same_trials_give_the_same_bytes(folder, page, tmp_path):
    again = made.written(tmp_path / "other name", reversed(made.ablation()), title="Parts")
    ablation.write_ablation(again)
    for name in sorted(FILES):
        assert (again / "report" / name).read_bytes() == (folder / "report" / name).read_bytes(), name


def test_the_markdown_holds_the_paired_differences(folder, page):
    rows = {
        row[0]: row[1:] for row in table_of((folder / "report" / "ablation.md").read_text(), "What each part gives")
    }
    old, new = ([100 * t.accuracy for t in made.ablation() if t.variant == v] for v in ("org", FULL))
    low, high = stats.ttest_rel(new, old).confidence_interval(0.95)
    mean = sum(new) / 3 - sum(old) / 3
    word = "better" if low > 0 else "not told apart"
    assert rows[f"org → {FULL}"][:2] == ["3 of 3", f"{mean:+.2f} {word} ({low:.2f} to {high:.2f})"]
    assert len(rows) == 4 + 2


def test_the_sweep_is_compared_with_its_control(folder, page):
    rows = {row[0]: row for row in table_of((folder / "report" / "ablation.md").read_text(), "Sweep of ω")}
    zero, half = ([100 * t.accuracy for t in made.ablation() if t.variant == f"{FULL}@{w}"] for w in ("0", "0.5"))
    low, high = stats.ttest_rel(half, zero).confidence_interval(0.95)
    assert rows[f"{FULL}, ω = 0"][-1] == "–"
    assert rows[f"{FULL}, ω = 0.5"][-1].endswith(f"({low:.2f} to {high:.2f})")


def test_page_and_markdown_hold_the_same_numbers(page):
    (condition,) = conditions(made.ablation())
    for table in ablation_tables.tables(condition):
        for line in table.lines:
            assert all(cell.text in page and cell.interval in page for cell in line.cells)


def test_half_an_ablation_says_what_is_lacking(tmp_path):
    trials = [t for t in made.ablation() if (t.variant, t.seed) != ("org", 2) and t.base != "org+seg"]
    trials = [t for t in trials if t.variant != f"{FULL}@1"]
    text = ablation.write_ablation(made.written(tmp_path, trials)).read_text(encoding="utf-8")
    assert "standard: org has 2 of 3 seeds." in text
    assert "standard: org+seg has 0 of 3 seeds." in text
    assert f"standard: {FULL} at ω = 1 has 0 of 3 seeds." in text
    rows = {
        row[0]: row[1:] for row in table_of((tmp_path / "report" / "ablation.md").read_text(), "What each part gives")
    }
    assert rows["org → org+seg"][:2] == ["0 of 3", "– too few seeds"]
    assert rows[f"org → {FULL}"][0] == "2 of 3"


@pytest.mark.parametrize(
    "trials", [[], [made.trial("org", 0)], [made.trial("org", 0, labels=("Bald",), mean_average_precision=None)]]
)
def test_the_first_minutes_of_an_ablation_have_a_page(tmp_path, trials):
    text = ablation.write_ablation(made.written(tmp_path, trials, seeds=[0, 1, 2])).read_text(encoding="utf-8")
    assert ("standard: org has 1 of 3 seeds." if trials else "No trials yet.") in text
    assert parsed(text).open == []


def test_without_ablation_json_the_profile_is_unknown(tmp_path):
    Trials(tmp_path).write(made.trial())
    assert "Profile not recorded" in ablation.write_ablation(tmp_path).read_text()


def test_another_condition_has_files_of_its_own(tmp_path):
    few = made.ablation(condition="few labels")
    ablation.write_ablation(made.written(tmp_path, [*few, made.trial()]))
    names = {file.name for file in (tmp_path / "report").iterdir()}
    assert {"figure-8a.svg", "figure-8a.few%20labels.svg", "figure-8b.few%20labels.pdf"} <= names
    assert "figure-8b.svg" not in names


def lists(markdown, title):
    """First column of a Markdown table."""
    return [row[0] for row in table_of(markdown, title)[2:]]


def test_a_condition_lists_only_what_it_asks_for(tmp_path):
    faint = [made.trial(v, s, "faint") for v in VARIANTS[:2] for s in (0, 1, 2)]
    asked = {"faint": Asked(variants=VARIANTS[:2], omegas=()).model_dump(mode="json")}
    page = ablation.write_ablation(made.written(tmp_path, faint, seeds=[0, 1, 2], conditions=asked))
    markdown = page.with_name("ablation.md").read_text(encoding="utf-8")
    assert lists(markdown, "Variants") == ["org", "org+seg"]
    assert lists(markdown, "What each part gives") == ["org → org+seg"]
    assert table_of(markdown, "By attribute")[0] == [
        "Attribute", "Constant", "org", "org+seg", "Difference", "Difference in AP",
    ]  # fmt: skip
    assert "too few seeds" not in markdown
    assert table_of(markdown, "Broken rules")[0] == ["Rule", "org", "org+seg"]
    shown = page.read_text(encoding="utf-8").partition("<script>")[0]
    for text in (markdown, shown, page.with_name("figure-8a.faint.svg").read_text()):
        assert "of 3 seeds." not in text
        assert "corr" not in text


def test_of_what_a_condition_asks_for_what_is_lacking_is_still_said(tmp_path):
    few = [made.trial(v, s, "few", omega=0.8) for v in VARIANTS[2:] for s in (0, 1)]
    few += [made.trial(f"{FULL}@0", 0, "few", omega=0.0)]
    asked = {"few": Asked(variants=VARIANTS[1:], omegas=(0.0, 0.2))}
    (condition,) = conditions(few, (0, 1), asked)
    assert ablation_notes.unfinished(condition) == [
        "few: org+seg has 0 of 2 seeds.",
        f"few: {FULL} at ω = 0 has 1 of 2 seeds.",
        f"few: {FULL} at ω = 0.2 has 0 of 2 seeds.",
    ]
    assert condition.pairs == (*pairwise(VARIANTS[1:]), ("org+seg", FULL))
    (early,) = conditions([t for t in few if t.base == t.variant], (0, 1), asked)
    assert "few: there is no sweep of ω yet." in ablation_notes.unfinished(early)


def test_what_is_run_is_listed_asked_for_or_not():
    trials = [made.trial(v, 0) for v in ("mine", "org+seg", FULL)]
    (condition,) = conditions(trials, asked={"standard": Asked(variants=("org", "org+seg"))})
    assert condition.variants == ("org", "org+seg", FULL, "mine")


@pytest.mark.parametrize(("variants", "seen"), [((), []), (("org",), ["org"])])
def test_a_condition_without_two_variants_compares_nothing(tmp_path, variants, seen):
    trials = [made.trial(v, 0) for v in (*variants, f"{FULL}@0.2")]
    asked = {"standard": Asked(variants=variants, omegas=(0.2,)).model_dump(mode="json")}
    page = ablation.write_ablation(made.written(tmp_path, trials, conditions=asked))
    markdown = page.with_name("ablation.md").read_text(encoding="utf-8")
    assert "### What each part gives" not in markdown
    assert table_of(markdown, "By attribute")[0] == ["Attribute", "Constant", *seen]


def test_hostile_names_stay_text(tmp_path):
    evil = made.EVIL
    trials = made.ablation(labels=(evil, "Bald"), condition=evil)
    trials += [made.trial(evil, s, evil, (evil, "Bald"), broken={evil: 0.5}, config={evil: evil}) for s in (0, 1)]
    file = ablation.write_ablation(made.written(tmp_path, trials, title=evil, command=evil, versions={evil: evil}))
    text = file.read_text(encoding="utf-8")
    checked = parsed(text)
    assert checked.open == []
    assert checked.tags["script"] == 2
    assert "a" not in {tag for tag, name, value in checked.attributes if name == "href" and "evil" in value}
    assert "\u202e" not in text
    for svg in (tmp_path / "report").glob("*.svg"):
        assert not list(ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}script"))
    markdown = file.with_name("ablation.md").read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert not re.search(r"(?<!\\)[`\[]", markdown.replace("[95 % t-interval over seeds]", ""))
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in markdown.splitlines() if line.startswith("| org")}
    assert widths == {len(table.head) + 1 for table in ablation_tables.tables(conditions(trials)[0])[:3]}


def test_settings_are_said_once_where_all_agree():
    trials = [made.trial(v, 0, config={"lr": 0.1, "graph": "corr" in v}) for v in VARIANTS]
    said = ablation_notes.settings(conditions(trials)[0])
    assert said["lr"] == "0.1"
    assert said["graph"] == f"false (org, org+seg); true (org+seg+corr, {FULL})"


def test_trials_on_other_faces_are_named():
    trials = [made.trial("org", 0), made.trial("org+seg", 0, faces=1200)]
    assert "standard: trials differ in test faces (1,200, 400); do not compare them." in ablation_notes.unfinished(
        conditions(trials)[0]
    )


def test_a_folder_without_an_ablation_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match="holds no ablation"):
        ablation.write_ablation(tmp_path)


def test_damage_is_named_with_its_cure(tmp_path):
    made.written(tmp_path, [made.trial()])
    (tmp_path / "ablation.json").write_text('{"profile": "tiny", ')
    with pytest.raises(StoreError, match=r"ablation\.json is damaged: .* Remove it and run"):
        ablation.write_ablation(tmp_path)
    (tmp_path / "ablation.json").unlink()
    Trials(tmp_path).file("standard", "org", 0).write_text("{")
    with pytest.raises(StoreError, match="Remove it; the trial is run again"):
        ablation.write_ablation(tmp_path)
