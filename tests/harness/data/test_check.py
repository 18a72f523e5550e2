"""What `data check` says is what lies on disk: found, incomplete or missing, and every gap is named."""

import shutil
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.data.check import check
from harness.data.show import next_steps, show
from harness.data.stats import stats
from harness.errors import DataError
from tasks.datasets import SOURCES, DataOptions, load
from tasks.toy import write_toy


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("drawn"), test=6, train=4, seed=0)


@pytest.fixture
def root(drawn, tmp_path, monkeypatch) -> Path:
    """A copy that looks as if nobody had drawn it."""
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))
    shutil.copytree(drawn, tmp_path / "data")
    for stamp in (tmp_path / "data").glob("*/toy.json"):
        stamp.unlink()
    return tmp_path / "data"


def printed(root, *found) -> str:
    console = Console(width=100, record=True, file=StringIO())
    show(console, root, found)
    return console.export_text()


def test_an_empty_folder_tells_a_newcomer_all_that_is_needed(tmp_path):
    words = printed(tmp_path, *(check(name, tmp_path) for name in SOURCES))
    for name, source in SOURCES.items():
        assert f"{name} " in words
        for needed in (source.title, source.obtain, source.licence, source.size, *source.layout):
            assert needed in words
    assert "docs/datasets.md" in words
    assert f"python -m harness data toy --out {tmp_path}" in words
    assert f"python -m harness data fetch celeba --data {tmp_path}" in words
    assert f"Obtain {', '.join(SOURCES)}" in words


@pytest.mark.parametrize("name", SOURCES)
def test_drawn_sets_are_found_whole(name, drawn):
    found = check(name, drawn, decode=True)
    assert (found.state, found.toy, found.reasons) == ("found", True, ())
    assert found.splits["test"].faces == 6
    assert (found.splits["test"].absent, found.splits["test"].broken) == (0, 0)


@pytest.mark.parametrize("name", SOURCES)
def test_fewer_faces_than_were_published_are_said(name, root):
    found = check(name, root)
    assert found.state == "incomplete"
    published = SOURCES[name].published
    for split, count in published.items():
        where = found.splits[split].faces if split != "all" else sum(one.faces for one in found.splits.values())
        assert any(f"{where:,} faces where {count:,} were published" in reason for reason in found.reasons)


@pytest.mark.parametrize("name", SOURCES)
def test_the_label_distribution_is_that_of_the_faces(name, root):
    found = check(name, root)
    faces = [face for split in found.splits for face in load(name, root / name, split)]
    for space, counts in found.labels.items():
        golds = [face.labels[space] for face in faces]
        held = Counter(
            label for gold in golds for label in ([gold] if isinstance(gold, str) else filter(gold.get, gold))
        )
        assert {label: count for label, count in counts.items() if count} == dict(held)


@pytest.mark.parametrize("name", SOURCES)
def test_pictures_that_are_absent_or_broken_are_counted_and_named(name, root):
    if name == "utkface":
        pytest.skip("UTKFace's labels are its files: what is absent is no face")
    paths = list(dict.fromkeys(face.image.path for face in load(name, root / name, "test")))
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-40])
    hit = Counter(face.image.path for face in load(name, root / name, "test"))
    quick, slow = check(name, root).splits["test"], check(name, root, decode=True).splits["test"]
    assert (quick.absent, quick.broken) == (slow.absent, None) == (hit[paths[0]], None)
    assert slow.broken == hit[paths[0]] + hit[paths[1]]
    assert str(paths[0]) in quick.examples[0]
    assert any(str(paths[1]) in reason for reason in slow.examples)
    words = printed(root, check(name, root, decode=True))
    assert f"{slow.broken} of 6 faces of test have a picture that cannot be read." in words


def test_a_damaged_label_file_is_incomplete_with_its_error(root):
    (root / "fairface/fairface_label_val.csv").write_text("file,age,gender,race\nval/1.jpg,9-Apr,Male,White\n")
    found = check("fairface", root)
    assert found.state == "incomplete"
    assert "row 2: '9-Apr'" in found.reasons[0]
    assert not found.usable


def test_a_training_split_that_is_absent_is_a_note(drawn, root):
    shutil.rmtree(root / "maad/train")
    shutil.copy(drawn / "maad/toy.json", root / "maad")
    found = check("maad", root)
    assert (found.state, found.reasons) == ("found", ())
    assert found.notes == ("train is not there; it is needed only to train.",)
    assert found.dropped == {"identity in no folder": 4}
    assert "left out: 4 identity in no folder" in printed(root, found)


def test_the_next_command_asks_about_what_is_there(root):
    for name in SOURCES:
        if name not in ("fairface", "expw"):
            shutil.rmtree(root / name)
    said = "\n".join(next_steps(root, [check(name, root) for name in SOURCES]))
    assert "--tasks fairface.age,fairface.gender,fairface.race,expw --dry-run" in said
    assert "Obtain celeba, maad, utkface, raf-db" in said


def test_stats_add_up(root):
    found = stats(root, (), ("train", "val", "test"), DataOptions())
    assert {(one.dataset, one.split) for one in found} >= {(name, "test") for name in SOURCES}
    for one in found:
        for rows in one.labels.values():
            assert all(row.present + row.absent + row.undefined == one.tally.kept for row in rows)
        assert (one.rules is not None) == (one.dataset in ("celeba", "maad"))
        assert one.rules is None or (one.rules.faces, one.rules.impossible) == (one.tally.kept, 0)


def test_stats_of_nothing_say_so(tmp_path):
    with pytest.raises(DataError, match=r"holds no dataset.*data check"):
        stats(tmp_path, (), ("test",), DataOptions())
