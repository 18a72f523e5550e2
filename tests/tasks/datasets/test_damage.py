"""Law: a damaged label file loads with every row of it accounted for, or is an error that names the file.

Nothing else comes out of a loader: no other exception, no label outside the space, no set that is silently shorter.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, DataError
from tasks import datasets
from tasks.datasets import DataOptions
from tasks.datasets.split import hash_split
from tasks.labels import label_space
from tests.quirks import options

CELEBA, MAAD = label_space("celeba").labels, label_space("maad").labels
CELEBA_VALUES, MAAD_VALUES = ["1", "-1"] * 20, [*["0", "-1"] * 23, "1"]
SCENES = [
    next(f"{word}_{n}.jpg" for n in range(99) if hash_split(f"{word}_{n}.jpg") == "test") for word in ("sad", "a b")
]


class Kind(NamedTuple):
    """A kind of label file, and what lies beside it."""

    dataset: str
    file: str
    text: str
    others: dict[str, str]
    """File -> text."""
    told: Callable[[dict[str, int]], int]
    """From the tally's reasons, with "kept" over all splits: how many rows of the file are accounted for."""
    header: Callable[[list[str]], int] = lambda rows: 1
    """How many of its lines, the blank ones not counted, are no rows."""
    options: DataOptions = DataOptions()


def every(*reasons: str) -> Callable[[dict[str, int]], int]:
    return lambda tally: sum(tally.get(reason, 0) for reason in ("kept", *reasons))


def no_header(rows: list[str]) -> int:
    return 0


def of_attributes(rows: list[str]) -> int:
    """CelebA's count line may be missing."""
    return 2 if rows[0].strip().isdecimal() else 1


def of_partition(rows: list[str]) -> int:
    return int(rows[:1] != [] and rows[0].split(",")[0].strip() == "image_id")


def celeba(separator: str) -> str:
    names = [f"{number:06d}.jpg" for number in (1, 2, 3, 9)]
    return "".join(separator.join([name, *CELEBA_VALUES]) + "\n" for name in names)


PARTS = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n000004.jpg 2\n"
PICTURES = {"img_align_celeba/000003.jpg": ""}
ATTRIBUTES = f"4\n{' '.join(CELEBA)} \n{celeba(' ')}"
KAGGLE = f"image_id,{','.join(CELEBA)}\n{celeba(',')}"
KAGGLE_PARTS = "image_id,partition\n" + PARTS.replace(" ", ",")
MAAD_ROWS = "".join(f"n0{n // 2}/{n}.jpg,{n // 2},{','.join(MAAD_VALUES)}\n" for n in range(6))
FAIRFACE = "file,age,gender,race,service_test\nval/1.jpg,0-2,Male,White,True\nval/2.jpg,9-Mar,Female,East Asian,False\n"
EXPW = f"{SCENES[0]} 0 1 2 60 50 54.3 3\n{SCENES[0]} 4 -1 2 60 50 54.3 0\n{SCENES[1]} 0 1 2 60 50 4 6\n"
RAF = "test_0001.jpg 4\ntrain_00001.jpg 1\ntest_0002_aligned.jpg 7\n"
CODES, IMAGE = "list_patition_label.txt", {"aligned/test_0001_aligned.jpg": ""}
LIST = f"{SCENES[0]} val\n{SCENES[1]} test\nnobody.jpg train\n"
LIST_OPTIONS = {"split": "own.txt"}

KINDS = {
    "celeba": Kind(
        *("celeba", "list_attr_celeba.txt", ATTRIBUTES, {"list_eval_partition.txt": PARTS, **PICTURES}),
        *(every("in no split"), of_attributes),
    ),
    "celeba partition": Kind(
        *("celeba", "list_eval_partition.txt", PARTS, {"list_attr_celeba.txt": ATTRIBUTES, **PICTURES}),
        *(every("without attributes"), of_partition),
    ),
    "celeba csv": Kind(
        *("celeba", "list_attr_celeba.csv", KAGGLE, {"list_eval_partition.csv": KAGGLE_PARTS, **PICTURES}),
        *(every("in no split"), of_attributes),
    ),
    "celeba partition csv": Kind(
        *("celeba", "list_eval_partition.csv", KAGGLE_PARTS, {"list_attr_celeba.csv": KAGGLE, **PICTURES}),
        *(every("without attributes"), of_partition),
    ),
    "maad": Kind(
        *("maad", "MAAD_Face.csv", f"Filename,Identity,{','.join(MAAD)}\n{MAAD_ROWS}"),
        *({"test/n01/2.jpg": "", "train/n00/1.jpg": ""}, every("identity in no folder")),
    ),
    "fairface": Kind("fairface", "fairface_label_val.csv", FAIRFACE, {"val/1.jpg": ""}, every()),
    "expw": Kind("expw", "label.lst", EXPW, {f"origin/{SCENES[0]}": ""}, every(), no_header),
    "expw, wide": Kind(
        *("expw", "label.lst", EXPW, {f"origin/{SCENES[0]}": ""}, every(), no_header, options(expw={"margin": 1.0})),
    ),
    "raf-db": Kind("raf-db", CODES, RAF, IMAGE, every(), no_header),
    "raf-db compound": Kind(
        *("raf-db", f"compound/{CODES}", RAF.replace("4", "11"), {"compound/aligned/test_0001_aligned.jpg": ""}),
        *(every(), no_header, options(raf_db={"classes": "compound"})),
    ),
    "raf-db csv": Kind(
        *("raf-db", "test_labels.csv", "image,label\ntest_0001_aligned.jpg,4\ntest_0002_aligned.jpg,1\n"),
        *({"DATASET/test/4/test_0001_aligned.jpg": ""}, every()),
    ),
    "list of splits": Kind(
        *("expw", "own.txt", LIST, {"label.lst": EXPW, f"origin/{SCENES[0]}": ""}),
        *(lambda tally: tally["pictures"] + tally.get("in the list of splits only", 0), no_header),
    ),
}


class Outcome(NamedTuple):
    """What came of a load: the tally by reason and the number of faces, or a message."""

    tally: dict[str, int]
    message: str | None = None


def load(kind: Kind, content: bytes) -> Outcome:
    """Load the set with this label file, and check what it says of each face."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {**kind.others, kind.file: ""}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / kind.file).write_bytes(content)
        chosen = options(expw={"split": root / "own.txt"}) if kind.file == "own.txt" else kind.options
        try:
            index = datasets.open_index(kind.dataset, root, chosen)
        except (DataError, ConfigError) as error:
            return Outcome({}, str(error))
        faces = [face for split in index.splits if split not in index.absent for face in check(index.faces(split))]
        tally = {"kept": len(faces), "pictures": len({face.image.path for face in faces})}
        return Outcome(tally | index.faces().tally.dropped)


def check(faces: datasets.Faces) -> Iterator[object]:
    """The faces, each of which is labelled with labels of the space."""
    assert faces.tally.kept == len(faces)
    for face in faces:
        assert tuple(face.labels) == faces.spaces
        for space, gold in face.labels.items():
            labels = label_space(space).labels
            assert gold in labels if isinstance(gold, str) else set(gold) <= set(labels)
        yield face


def rows_in(kind: Kind, content: bytes) -> int:
    """The rows of a text that its loader took for UTF-8."""
    if content in (b"\xef", b"\xef\xbb"):  # the beginning of a byte-order mark alone is an empty text to Python
        content = b""
    rows = [line for line in re.split("\r\n|\r|\n", content.decode("utf-8-sig")) if line.strip()]
    return len(rows) - kind.header(rows)


NOISE = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
    st.sampled_from(
        [b'"', b",", b" ", b"\n", b"\r", b"\r\r\n", b"\0", b"7", b"-", b"\t", b"\xff\xfe", b"\xef\xbb\xbf"]
    ),
)
OFTEN = st.sampled_from([1, 1, 1, 1, 12, 5000, 200_000])
"""How often the noise is repeated: a field may be huge."""
WHERE = st.floats(0, 1, exclude_max=True)


def swapped(content: bytes, first: float, second: float) -> bytes:
    lines = content.split(b"\n")
    one, two = int(first * len(lines)), int(second * len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def doubled(content: bytes, which: float, to: float) -> bytes:
    lines = content.split(b"\n")
    lines.insert(int(to * len(lines)), lines[int(which * len(lines))])
    return b"\n".join(lines)


def edited(content: bytes, where: float, noise: bytes, often: int, over: int) -> bytes:
    at = int(where * (len(content) + 1))
    return content[:at] + noise * often + content[at + over :]


def cut_off(content: bytes, where: float) -> bytes:
    return content[: int(where * (len(content) + 1))]


DAMAGE = st.one_of(
    st.tuples(st.just(edited), WHERE, NOISE, OFTEN, st.integers(0, 12)),
    st.tuples(st.just(cut_off), WHERE),
    st.tuples(st.just(swapped), WHERE, WHERE),
    st.tuples(st.just(doubled), WHERE, WHERE),
)


@pytest.mark.parametrize("kind", KINDS)
@given(damages=st.lists(DAMAGE, min_size=1, max_size=3))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damage_is_an_error_with_the_file_in_it_or_every_row_is_accounted_for(kind, damages):
    content = KINDS[kind].text.encode()
    for damage, *where in damages:
        content = damage(content, *where)
    tally, message = load(KINDS[kind], content)
    if message is None:
        assert KINDS[kind].told(tally) == rows_in(KINDS[kind], content)
    else:
        assert Path(KINDS[kind].file).name in message


@pytest.mark.parametrize("kind", KINDS)
def test_undamaged_they_load(kind):
    tally, message = load(KINDS[kind], KINDS[kind].text.encode())
    assert message is None
    assert KINDS[kind].told(tally) == rows_in(KINDS[kind], KINDS[kind].text.encode()) > 1


NAMES = st.one_of(
    st.from_regex(r"\A\d{1,3}_[0-3]_[0-5]_\d{15,18}[ ]?\.?(jpg|pg)?(\.chip)?(\.jpg)?\Z"),
    st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=20).map(
        lambda name: os.fsdecode(name.replace(b"/", b"").replace(b"\0", b"") or b"x")
    ),
).filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) < 200)


@given(st.sets(NAMES, min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_names_of_utkface_are_faces_or_counted(names):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / "UTKFace").mkdir(exist_ok=True)
            (Path(folder) / "UTKFace" / name).touch()
        index = datasets.open_index("utkface", Path(folder))
        faces = [face for split in index.splits for face in check(index.faces(split))]
        assert len(faces) + sum(index.faces().tally.dropped.values()) == len(names)
        assert {face.id for face in faces} <= names
