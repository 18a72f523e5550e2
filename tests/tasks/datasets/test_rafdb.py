from functools import partial

import pytest

from harness.errors import DataError
from tasks import datasets

load = partial(datasets.load, "raf-db")

WORDS = ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
ROWS = ("train_00001.jpg 5", "test_0001.jpg 4", "test_0002.jpg 7")


def layout(
    write, *rows, file="basic/EmoLabel/list_patition_label.txt", image="basic/Image/aligned/test_0001_aligned.jpg"
):
    write(image)
    return write(file, "\n".join(rows or ROWS))


@pytest.mark.parametrize("up", ["basic/EmoLabel/", "EmoLabel/", ""])
@pytest.mark.parametrize("name", ["list_patition_label.txt", "list_partition_label.txt"])
def test_both_spellings(write, up, name):
    root = layout(write, file=up + name)
    first, second = load(root, "test")
    assert (first.id, first.labels) == ("test_0001.jpg", {"raf-db": "happy"})
    assert first.image.path == root / "basic/Image/aligned/test_0001_aligned.jpg"
    assert (second.id, second.labels) == ("test_0002.jpg", {"raf-db": "neutral"})


def test_the_prefix_is_the_split(write):
    assert [face.id for face in load(layout(write), "train")] == ["train_00001.jpg"]


def test_original_pictures_where_none_is_aligned(write):
    root = layout(write, image="basic/Image/original/test_0001.jpg")
    assert load(root, "test")[0].image.path == root / "basic/Image/original/test_0001.jpg"


@pytest.mark.parametrize("code", range(1, 8))
def test_codes(write, code):
    (face,) = load(layout(write, f"test_0001.jpg {code}"), "test")
    assert face.labels["raf-db"] == WORDS[code - 1]


def test_folders_by_class(write):
    write("DATASET/test/4/test_0001_aligned.jpg")
    root = write("test_labels.csv", "image,label\r\ntest_0001_aligned.jpg,4\r\n")
    (face,) = load(root, "test")
    assert (face.id, face.labels) == ("test_0001.jpg", {"raf-db": "happy"})
    assert face.image.path.exists()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("test_0002.jpg 8", ["row 2", "'8'", "1 to 7"]),
        ("test_0002.jpg", ["row 2", "expression"]),
        ("valid_0002.jpg 1", ["row 2", "'valid_0002.jpg'"]),
        ("test_0001.jpg 1", ["row 2", "'test_0001.jpg'", "earlier row"]),
    ],
)
def test_bad_values_name_file_row_and_value(write, bad, words):
    root = layout(write, "test_0001.jpg 4", bad)
    with pytest.raises(DataError) as error:
        load(root, "test")
    assert all(word in str(error.value) for word in ["list_patition_label.txt", *words])


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"list_patition_label\.txt.*whdeng\.cn"):
        load(tmp_path, "test")
