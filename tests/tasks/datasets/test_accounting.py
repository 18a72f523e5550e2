"""Law: every row of valid and odd ones is a face of a split, or counted under the reason for which it is left out."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.datasets import pack as pack_module
from tasks.datasets.split import hash_split
from tasks.labels import label_space
from tests.quirks import Read, read_all

END = st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"])
FEW = settings(max_examples=40, deadline=None)
CELEBA, MAAD = label_space("celeba").labels, label_space("maad").labels
AGES = {"0-2": "0-2", "3-9": "3-9", "more than 70": "more than 70", "9-Mar": "3-9", "19-Oct": "10-19", "Mar-09": "3-9"}


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """So that a few rows are several blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack_module, "ROWS", 3)
        yield


def told(dataset: str, files: dict[str, str]) -> Read:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / dataset / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return read_all(Path(folder), dataset)


def counts(**reasons: int) -> dict[str, int]:
    return {reason.replace("_", " "): count for reason, count in reasons.items() if count}


def ids(read: Read) -> dict[str, list[str]]:
    return {split: [one.id for one in own] for split, own in read.faces.items()}


NUMBERS = st.lists(st.integers(1, 12), unique=True, max_size=10)


@given(listed=NUMBERS, parted=st.dictionaries(st.integers(1, 12), st.integers(0, 2)), counted=st.booleans(), end=END)
@FEW
def test_celeba(listed, parted, counted, end):
    """Rows of the attributes = kept + in no split; rows of the partition = kept + without attributes."""
    rows = [f"{number}.jpg {' '.join(['-1', '1'] * 20)}" for number in listed]
    head = [str(len(rows))] if counted else []
    read = told(
        "celeba",
        {
            "list_attr_celeba.txt": end.join([*head, " ".join(CELEBA), *rows]) + end,
            "list_eval_partition.txt": "".join(f"{number}.jpg {code}{end}" for number, code in parted.items()),
            "img_align_celeba/1.jpg": "",
        },
    )
    splits = {split: [f"{n}.jpg" for n in listed if parted.get(n) == code] for code, split in enumerate(read.faces)}
    assert ids(read) == splits
    unparted, unlisted = len(set(listed) - set(parted)), len(set(parted) - set(listed))
    assert read.dropped == counts(in_no_split=unparted, without_attributes=unlisted)
    assert len(read.all()) + unparted == len(rows)
    assert len(read.all()) + unlisted == len(parted)


PEOPLE = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), unique=True, min_size=1)


@given(rows=PEOPLE, end=st.sampled_from(["\n", "\r\n"]))
@FEW
def test_maad(rows, end):
    """Rows = kept + identity in no folder; identities 0 and 1 are in train, 2 and 3 in test."""
    lines = [f"n{person}/{number}.jpg,{person},{','.join(['0', '1'] * 23)},-1" for person, number in rows]
    places = {f"{split}/n{n}/x.jpg": "" for split, own in (("train", (0, 1)), ("test", (2, 3))) for n in own}
    text = end.join([",".join(["Filename", "Identity", *MAAD]), *lines])
    read = told("maad", {"MAAD_Face.csv": text, **places})
    assert ids(read) == {
        split: [f"n{person}/{number}.jpg" for person, number in rows if person in own]
        for split, own in (("train", (0, 1)), ("test", (2, 3)))
    }
    nowhere = sum(person > 3 for person, _ in rows)
    assert read.dropped == counts(identity_in_no_folder=nowhere)
    assert len(read.all()) + nowhere == len(rows)


@given(train=st.lists(st.sampled_from(list(AGES))), val=st.lists(st.sampled_from(list(AGES))), end=END)
@FEW
def test_fairface(train, val, end):
    """Rows = kept; the damaged ages among them are counted as repaired."""
    files = {"train/1.jpg": "", "val/1.jpg": ""}
    for part, ages in (("train", train), ("val", val)):
        rows = [f"x/{part}/{place}.jpg,{age},Male,White" for place, age in enumerate(ages)]
        files[f"fairface_label_{part}.csv"] = end.join(["file,age,gender,race", *rows])
    read = told("fairface", files)
    assert [len(own) for own in read.faces.values()] == [len(train), len(val)]
    assert [one.labels["fairface.age"] for one in read.all()] == [AGES[age] for age in train + val]
    damaged = sum(AGES[age] != age for age in train + val)
    assert read.repaired == ({"age that a spreadsheet took for a date": damaged} if damaged else {})
    assert read.dropped == {}


UTK = st.tuples(
    *(st.sampled_from(["0", "26", "116", "117", "999", ""]), st.sampled_from("0123"), st.sampled_from(["0", "4", "5"])),
    *(st.integers(0, 40), st.sampled_from([".jpg.chip.jpg", " .jpg", ".pg", "jpg.chip.jpg", ".tar.gz", ".txt", ""])),
)


@given(st.lists(UTK, unique=True))
@FEW
def test_utkface(rows):
    """Files = kept + malformed name + not an image."""
    kept, dropped = {"train": [], "test": []}, Counter()
    files = {"UTKFace/.DS_Store": ""}
    for age, gender, race, number, ending in rows:
        stamp = str(20170116174525125 + number)
        name = f"{age}_{gender}_{race}_{stamp}{ending}"
        files[f"UTKFace/{name}"] = ""
        if ending in (".tar.gz", ".txt"):
            dropped["not an image"] += 1
        elif age in ("0", "26", "116") and gender in "01" and race in "04":
            kept[hash_split(stamp)].append(name)
        else:
            dropped["malformed name" if ending else "not an image"] += 1
    read = told("utkface", files)
    assert ids(read) == {split: sorted(names) for split, names in kept.items()}
    assert read.dropped == dict(dropped + Counter({"not an image": 1}))
    assert len(read.all()) + sum(read.dropped.values()) == len(files)


EXPW = st.tuples(
    st.sampled_from(["a.jpg", "b c.jpg", "happy_boss_1.jpg", "é.jpg", "sad  x.jpg"]),
    st.integers(0, 9),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(10, 99), st.integers(10, 99)),
    st.integers(0, 6),
)


@given(st.lists(EXPW, unique_by=lambda row: row[:2]), END)
@FEW
def test_expw(rows, end):
    """Rows = kept; a box that begins beyond the left or the top side is counted as repaired."""
    text = "".join(f"{name} {face} {' '.join(map(str, sides))} 1.5 {code}{end}" for name, face, sides, code in rows)
    read = told("expw", {"label.lst": text, "origin/a.jpg": ""})
    splits = {split: [f"{row[0]}#{row[1]}" for row in rows if hash_split(row[0]) == split] for split in read.faces}
    assert ids(read) == splits
    outside = sum(min(sides[:2]) < 0 for _, _, sides, _ in rows)
    assert read.repaired == ({"box clamped at the left or the top": outside} if outside else {})
    assert read.dropped == {}


@given(
    rows=st.lists(st.tuples(st.sampled_from(["train", "test"]), st.integers(1, 99)), unique=True),
    codes=st.lists(st.integers(1, 7), min_size=200, max_size=200),
    aligned=st.booleans(),
    end=END,
)
@FEW
def test_raf_db(rows, codes, aligned, end):
    """Rows = kept, in the official file and in those of sorted copies."""
    coded = list(zip(rows, codes, strict=False))
    text = "".join(f"{split}_{n:04d}{'_aligned' * aligned}.jpg {code}{end}" for (split, n), code in coded)
    official = told("raf-db", {"list_patition_label.txt": text, "aligned/test_0001_aligned.jpg": ""})
    assert ids(official) == {
        split: [f"{own}_{number:04d}.jpg" for own, number in rows if own == split] for split in official.faces
    }
    copies = {"DATASET/train/1/x.jpg": "", "DATASET/test/1/x.jpg": ""}
    for part in ("train", "test"):
        own = [f"{part}_{n:04d}_aligned.jpg,{code}" for (split, n), code in coded if split == part]
        copies[f"{part}_labels.csv"] = end.join(["image,label", *own])
    sorted_in = told("raf-db", copies)
    assert [(one.id, one.labels) for one in sorted_in.all()] == [(one.id, one.labels) for one in official.all()]
    assert official.dropped == sorted_in.dropped == {}
