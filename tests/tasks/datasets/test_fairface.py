import pytest

from harness.errors import DataError, UnknownNameError
from tasks.datasets.fairface import load

HEAD = "file,age,gender,race,service_test"
ROWS = ("val/1.jpg,3-9,Male,East Asian,False", "val/2.jpg,more than 70,Female,Latino_Hispanic,True")


def layout(write, *rows, end="\n", images="val"):
    write(f"{images}/1.jpg")
    return write("fairface_label_val.csv", end.join([HEAD, *(rows or ROWS)]) + end)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_labels_and_groups(write, end):
    root = layout(write, end=end)
    first, second = load(root, "test").faces
    assert (first.id, first.image.path) == ("val/1.jpg", root / "val/1.jpg")
    assert first.labels == {"fairface.age": "3-9", "fairface.gender": "Male", "fairface.race": "East Asian"}
    assert second.group == {"age": "more than 70", "gender": "Female", "race": "Latino_Hispanic"}


@pytest.mark.parametrize(
    ("damaged", "age"),
    [("9-Mar", "3-9"), ("3-Sep", "3-9"), ("Mar-09", "3-9"), ("19-Oct", "10-19"), ("Oct-19", "10-19")],
)
def test_ages_damaged_by_a_spreadsheet_are_repaired(write, damaged, age):
    (face,) = load(layout(write, f"val/1.jpg,{damaged},Male,White,TRUE"), "test").faces
    assert face.labels["fairface.age"] == face.group["age"] == age


@pytest.mark.parametrize("prefix", ["fairface/", "/data/fairface/", "./"])
def test_path_prefixes_are_ignored(write, prefix):
    (face,) = load(layout(write, f"{prefix}val/1.jpg,0-2,Male,White,False"), "test").faces
    assert face.id == "val/1.jpg"


@pytest.mark.parametrize("folder", ["fairface-img-margin025-trainval", "fairface-img-margin125-trainval"])
def test_folders_of_the_archives(write, folder):
    root = layout(write, images=f"{folder}/val")
    assert load(root, "test").faces[0].image.path == root / folder / "val/1.jpg"


def test_train_is_its_own_file(write):
    write("train/1.jpg")
    root = write("fairface_label_train.csv", f"{HEAD}\ntrain/1.jpg,20-29,Female,Black,False")
    assert [face.id for face in load(root, "train").faces] == ["train/1.jpg"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("val/3.jpg,9-Apr,Male,White,False", ["row 3", "'9-Apr'", "age"]),
        ("val/3.jpg,0-2,male,White,False", ["row 3", "'male'", "gender"]),
        ("val/3.jpg,0-2,Male,Martian,False", ["row 3", "'Martian'", "race"]),
        ("train/3.jpg,0-2,Male,White,False", ["row 3", "'train/3.jpg'", "val/"]),
        ("val/3.jpg,0-2,Male,White", ["row 3", "5 fields"]),
        ("val/1.jpg,0-2,Male,White,False", ["row 3", "'val/1.jpg'", "earlier row"]),
    ],
)
def test_bad_values_name_file_row_and_value(write, bad, words):
    root = layout(write, ROWS[0], bad)
    with pytest.raises(DataError) as error:
        load(root, "test")
    assert all(word in str(error.value) for word in ["fairface_label_val.csv", *words])


def test_a_header_without_a_column(write):
    layout(write)
    with pytest.raises(DataError, match=r"row 1.*columns race"):
        load(write("fairface_label_val.csv", "file,age,gender\nval/1.jpg,0-2,Male"), "test")


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"fairface_label_val\.csv.*joojs/fairface"):
        load(tmp_path, "test")
    with pytest.raises(UnknownNameError, match="'val'"):
        load(tmp_path, "val")
