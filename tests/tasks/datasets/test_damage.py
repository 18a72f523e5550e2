"""Law: a damaged label file either loads or is a DataError that names the file; nothing else comes out of a loader."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from tasks import datasets
from tasks.labels import label_space

VALUES = " ".join(["1", "-1"] * 20)
SETS = {
    "celeba": (
        "list_attr_celeba.txt",
        f"1\n{' '.join(label_space('celeba').labels)}\n000001.jpg {VALUES}\n",
        {"list_eval_partition.txt": "000001.jpg 2\n", "img_align_celeba/000001.jpg": ""},
    ),
    "maad": (
        "MAAD_Face.csv",
        f"Filename,Identity,{','.join(label_space('maad').labels)}\nn01/1.jpg,1,{','.join(['0', '-1'] * 23)},1\n",
        {"test/n01/1.jpg": ""},
    ),
    "fairface": ("fairface_label_val.csv", "file,age,gender,race\nval/1.jpg,0-2,Male,White\n", {"val/1.jpg": ""}),
    "expw": ("label.lst", "angry_actor_6.jpg 0 1 2 60 50 54.3 3\n", {"origin/angry_actor_6.jpg": ""}),
    "raf-db": ("list_patition_label.txt", "test_0001.jpg 4\n", {"aligned/test_0001_aligned.jpg": ""}),
}


def load(dataset, content):
    name, _, others = SETS[dataset]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for other, text in others.items():
            (root / other).parent.mkdir(parents=True, exist_ok=True)
            (root / other).write_text(text)
        (root / name).write_bytes(content)
        return list(faces := datasets.load(dataset, root, "test")), faces.tally


@pytest.mark.parametrize("dataset", SETS)
@given(
    cuts=st.lists(st.integers(0, 2000), max_size=3),
    noise=st.one_of(
        st.binary(max_size=12), st.text(max_size=12).map(str.encode), st.sampled_from([b'"', b",", b" ", b"\n", b"7"])
    ),
)
@settings(max_examples=60, deadline=None)
def test_damage_is_an_error_with_the_file_in_it(dataset, cuts, noise):
    name, text, _ = SETS[dataset]
    content = text.encode()
    for cut in cuts:
        content = content[: cut % (len(content) + 1)] + noise + content[cut % (len(content) + 1) + len(noise) // 2 :]
    try:
        faces, tally = load(dataset, content)
    except DataError as error:
        message = str(error)
    else:
        message = name
        assert tally.kept == len(faces) <= 4
    assert name in message


@pytest.mark.parametrize("dataset", SETS)
def test_undamaged_they_load(dataset):
    assert load(dataset, SETS[dataset][1].encode())[1].dropped == {}
