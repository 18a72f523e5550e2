"""Laws of the index: it is made once, anew when anything it stands for has changed, and never believed when half made.

And of the faces over it: a sequence says the same of a face whichever way it is asked.
"""

import os
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import datasets
from tasks.datasets import LOADERS, load, open_index
from tasks.datasets import faces as faces_module
from tasks.datasets import index as index_module
from tasks.datasets import pack as pack_module
from tasks.labels import label_space
from tests.quirks import TEST, TRAIN, edit, options, read_all

LABELS = {
    "celeba": "Anno/list_attr_celeba.txt",
    "maad": "MAAD_Face.csv",
    "fairface": "fairface_label_val.csv",
    "expw": "label/label.lst",
    "raf-db": "basic/EmoLabel/list_patition_label.txt",
}
CHOICES = {
    "maad": {"undefined": "negative"},
    "fairface": {"ages": "decades", "races": "five"},
    "utkface": {"ages": "fairface"},
    "expw": {"margin": 0.2},
}


@pytest.fixture
def scans(monkeypatch):
    """The names of the datasets that were scanned, one after the other."""
    done = []

    def counted(loader):
        def scan(root, chosen, count):
            done.append(loader.name)
            return loader.scan(root, chosen, count)

        return replace(loader, scan=scan)

    for name, loader in list(LOADERS.items()):
        monkeypatch.setitem(LOADERS, name, counted(loader))
    return done


@pytest.mark.parametrize("dataset", LOADERS)
def test_a_set_is_scanned_once(spoilt, scans, plain, dataset):
    root, expected = spoilt(dataset), plain(dataset)
    scans.clear()
    for _ in range(3):
        assert read_all(root.parent, dataset) == expected
    for split in LOADERS[dataset].source.splits:
        load(dataset, root, split)
    assert scans == [dataset]


@pytest.mark.parametrize("dataset", LABELS)
def test_a_changed_label_file_is_scanned_anew(spoilt, scans, dataset):
    root = spoilt(dataset)
    read_all(root.parent, dataset)
    edit(root / LABELS[dataset], lambda text: f"{text}\n")
    read_all(root.parent, dataset)
    read_all(root.parent, dataset)
    assert len(scans) == 2


def test_a_label_file_of_the_same_size_is_told_by_its_time(spoilt, scans):
    root = spoilt("raf-db")
    before = read_all(root.parent, "raf-db")
    edit(root / LABELS["raf-db"], lambda text: re.sub(r"\d\n", lambda code: f"{int(code[0]) % 7 + 1}\n", text))
    os.utime(root / LABELS["raf-db"], ns=(1, 1))
    after = read_all(root.parent, "raf-db")
    assert all(one.labels != two.labels for one, two in zip(before.all(), after.all(), strict=True))
    assert len(scans) == 2


def test_a_file_more_in_utkface_is_scanned(spoilt, scans):
    root = spoilt("utkface")
    before = read_all(root.parent, "utkface")
    (root / "UTKFace/1_0_0_20170116174525125.jpg.chip.jpg").touch()
    assert len(read_all(root.parent, "utkface").all()) == len(before.all()) + 1
    (root / "UTKFace/notes.txt").touch()
    assert read_all(root.parent, "utkface").dropped == {"not an image": 1}
    assert len(scans) == 3


def test_an_identity_more_in_maads_folders_is_scanned(spoilt, scans):
    root = spoilt("maad")
    read_all(root.parent, "maad")
    (root / "test/n000777").mkdir()
    read_all(root.parent, "maad")
    assert len(scans) == 2


@pytest.mark.parametrize("dataset", CHOICES)
def test_each_choice_has_its_own_index(toy, scans, dataset):
    chosen = options(**{dataset: CHOICES[dataset]})
    first = [read_all(toy, dataset, own) for own in (None, chosen)]
    again = [read_all(toy, dataset, own) for own in (None, chosen)]
    assert first == again
    assert first[0] != first[1]
    assert len(scans) == 2


def test_choices_about_other_sets_do_not_matter(toy, scans):
    for own in (None, options(maad={"undefined": "negative"})):
        read_all(toy, "celeba", own)
    assert len(scans) == 1


def test_a_changed_list_of_splits_is_scanned_anew(toy, tmp_path, scans):
    (tmp_path / "own.txt").write_text("000001.jpg test\n")
    chosen = options(celeba={"split": tmp_path / "own.txt"})
    assert len(load("celeba", toy / "celeba", "test", chosen)) == 1
    (tmp_path / "own.txt").write_text("000001.jpg test\n000002.jpg test\n")
    assert len(load("celeba", toy / "celeba", "test", chosen)) == 2
    assert len(scans) == 2


def test_other_code_scans_anew(toy, scans, monkeypatch):
    read_all(toy, "expw")
    monkeypatch.setattr(index_module, "_code", lambda: "other code")
    read_all(toy, "expw")
    assert len(scans) == 2


def test_two_folders_have_two_indexes(toy, spoilt, scans):
    root = spoilt("expw")
    edit(root / LABELS["expw"], lambda text: text.split("\n")[0])
    assert len(read_all(toy, "expw").all()) > len(read_all(root.parent, "expw").all()) == 1
    assert len(read_all(toy, "expw").all()) == TEST + TRAIN
    assert len(scans) == 2


class Killed(BaseException):
    """As a signal is: no error."""


@pytest.mark.parametrize("late", [False, True], ids=["in the first block", "in the last block"])
def test_a_writer_that_dies_leaves_nothing_that_is_believed(toy, cache, plain, monkeypatch, late):
    monkeypatch.setattr(pack_module, "ROWS", 4)
    whole = LOADERS["celeba"]

    def dying(root, chosen, count):
        blocks = list(whole.scan(root, chosen, count))
        yield from blocks if late else blocks[:1]
        raise Killed

    monkeypatch.setitem(LOADERS, "celeba", replace(whole, scan=dying))
    with pytest.raises(Killed):
        read_all(toy, "celeba")
    assert [file.suffix for file in (cache / "index").iterdir()] == [".lock"]
    monkeypatch.setitem(LOADERS, "celeba", whole)
    assert read_all(toy, "celeba") == plain("celeba")


def test_a_writer_that_dies_before_its_note_leaves_nothing_that_is_believed(spoilt, plain, monkeypatch):
    """Even where an earlier note lies there, and what it was written for comes back."""
    root = spoilt("celeba")
    read_all(root.parent, "celeba")
    file = root / LABELS["celeba"]
    times, text = file.stat(), file.read_text()
    file.write_text(text.replace("-1", " 1", 1))
    with monkeypatch.context() as patch:
        patch.setattr(index_module.json, "dumps", lambda _: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            read_all(root.parent, "celeba")
    file.write_text(text)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_all(root.parent, "celeba") == plain("celeba")


KILL = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from tasks.datasets import LOADERS, open_index
whole = LOADERS["celeba"]
def scan(root, chosen, count):
    yield from whole.scan(root, chosen, count)
    os.kill(os.getpid(), signal.SIGKILL)
LOADERS["celeba"] = replace(whole, scan=scan)
open_index("celeba", Path(sys.argv[1]))
"""


def test_a_killed_process_leaves_nothing_that_is_believed_and_no_lock(toy, plain):
    killed = subprocess.run([sys.executable, "-c", KILL, str(toy / "celeba")], cwd=Path.cwd(), check=False)
    assert killed.returncode < 0
    assert read_all(toy, "celeba") == plain("celeba")


@pytest.mark.parametrize("damage", [lambda _: b"", lambda old: old[: len(old) // 2], lambda _: b'{"state": 3}'])
def test_a_damaged_note_is_not_believed(toy, cache, plain, damage):
    read_all(toy, "expw")
    (note,) = (cache / "index").glob("*.json")
    note.write_bytes(damage(note.read_bytes()))
    assert read_all(toy, "expw") == plain("expw")


def test_an_index_that_was_cut_short_is_made_anew(toy, cache, plain):
    for dataset in LOADERS:
        open_index(dataset, toy / dataset)
    for file in (cache / "index").glob("*.arrow"):
        os.truncate(file, file.stat().st_size // 2)
    for dataset in LOADERS:
        assert read_all(toy, dataset) == plain(dataset)


def test_an_index_that_was_deleted_is_made_anew(toy, cache, plain):
    read_all(toy, "expw")
    (table,) = (cache / "index").glob("*.arrow")
    table.unlink()
    assert read_all(toy, "expw") == plain("expw")


def _in_a_process(root, dataset, start, answers):
    start.wait()
    answers.put(read_all(root, dataset))


@pytest.mark.parametrize("dataset", ["maad", "expw"])
def test_processes_that_read_at_once_get_equal_faces(toy, plain, dataset):
    context = get_context("fork")
    start, answers = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_in_a_process, args=(toy, dataset, start, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    told = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert told == [plain(dataset)] * 3


def test_the_index_is_one_of_all_splits(toy, plain):
    for dataset in LOADERS:
        assert len(open_index(dataset, toy / dataset)) == len(plain(dataset).all()) >= TEST + TRAIN


# The faces as a sequence


@pytest.fixture(scope="module", params=[(3, 2), (2, 5), (65536, 8192)], ids=str)
def sequences(request, toy, tmp_path_factory):
    """Dataset -> its faces, in blocks of so few rows on disk and in memory, and the records of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACE_HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(pack_module, "ROWS", request.param[0])
        patch.setattr(faces_module, "BLOCK", request.param[1])
        found = {name: open_index(name, toy / name).faces() for name in LOADERS}
        yield {name: (faces, list(faces)) for name, faces in found.items()}


@pytest.mark.parametrize("dataset", LOADERS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_sequence_says_the_same_whichever_way_it_is_asked(sequences, dataset, data):
    whole, records = sequences[dataset]
    rows = data.draw(st.lists(st.integers(0, len(records) - 1), max_size=12))
    some, own = whole.take(np.array(rows, dtype=np.int64)), [records[row] for row in rows]
    cut = data.draw(st.slices(len(rows)))
    assert list(some[cut]) == own[cut]
    agree(some, own)
    agree(some[cut], own[cut])


def agree(faces, records):
    assert len(faces) == len(records)
    assert list(faces) == records
    for place in range(-len(records), len(records)):
        assert faces[place] == records[place]
    for beyond in (len(records), -len(records) - 1):
        with pytest.raises(IndexError):
            faces[beyond]
    assert list(faces.strings("id")) == [one.id for one in records]
    assert list(faces.strings("path")) == [one.image.path.relative_to(faces.folder).as_posix() for one in records]
    assert faces.boxes().tolist() == [list(one.image.box or (0, 0, 0, 0)) for one in records]
    for space in faces.spaces:
        found = label_space(space)
        if found.kind == "attributes":
            golds = [one.labels[space] for one in records]
            cells = [[2 * gold[name] - 1 if name in gold else 0 for name in found.labels] for gold in golds]
            assert faces.codes(space).tolist() == cells
            assert faces.codes(space).shape == (len(records), len(found.labels))
        else:
            assert faces.codes(space).tolist() == [found.labels.index(one.labels[space]) for one in records]


@pytest.mark.parametrize("dataset", LOADERS)
def test_blocks_do_not_show(sequences, plain, dataset):
    _, records = sequences[dataset]
    assert sorted(one.id for one in records) == sorted(one.id for one in plain(dataset).all())


def test_iterating_holds_a_block_of_faces_and_not_all(tmp_path, write, monkeypatch):
    rows, block = 600, 20
    made, plain = [], faces_module._golds
    monkeypatch.setattr(faces_module, "BLOCK", block)
    monkeypatch.setattr(faces_module, "_golds", lambda space, values: made.extend(values) or plain(space, values))
    values = " ".join(["1", "-1"] * 20)
    head = " ".join(label_space("celeba").labels)
    write("list_attr_celeba.txt", "\n".join([head, *(f"{n}.jpg {values}" for n in range(rows))]))
    write("img_align_celeba/1.jpg")
    root = write("list_eval_partition.txt", "".join(f"{n}.jpg 2\n" for n in range(rows)))
    alive, most, count = weakref.WeakValueDictionary(), 0, 0
    for count, face in enumerate(load("celeba", root, "test"), start=1):
        alive[count] = face
        most = max(most, len(alive))
        assert len(made) <= block * (1 + (count - 1) // block)  # the next block is not made before it is wanted
    assert count == len(made) == rows
    assert most <= 2  # the one before, while the next is made
    assert datasets.load("celeba", root, "test")[rows - 1].id == f"{rows - 1}.jpg"
