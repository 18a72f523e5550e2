from functools import partial

import pytest
from PIL import Image

from harness.errors import DataError, UnknownNameError
from tasks import datasets
from tasks.asks import offer
from tasks.datasets import DataOptions
from tasks.labels import label_space
from tasks.registry import questions_of

load = partial(datasets.load, "fairface")

HEAD = "file,age,gender,race,service_test"
ROWS = ("val/1.jpg,3-9,Male,East Asian,False", "val/2.jpg,more than 70,Female,Latino_Hispanic,True")


def layout(write, *rows, end="\n", images="val"):
    write(f"{images}/1.jpg")
    return write("fairface_label_val.csv", end.join([HEAD, *(rows or ROWS)]) + end)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_labels_and_groups(write, end):
    root = layout(write, end=end)
    first, second = load(root, "test")
    assert (first.id, first.image.path) == ("val/1.jpg", root / "val/1.jpg")
    assert first.labels == {"fairface.age": "3-9", "fairface.gender": "Male", "fairface.race": "East Asian"}
    assert second.group == {"age": "more than 70", "gender": "Female", "race": "Latino_Hispanic"}


@pytest.mark.parametrize(
    ("damaged", "age"),
    [("9-Mar", "3-9"), ("3-Sep", "3-9"), ("Mar-09", "3-9"), ("19-Oct", "10-19"), ("Oct-19", "10-19")],
)
def test_ages_damaged_by_a_spreadsheet_are_repaired(write, damaged, age):
    faces = load(layout(write, f"val/1.jpg,{damaged},Male,White,TRUE"), "test")
    assert faces[0].labels["fairface.age"] == faces[0].group["age"] == age
    assert faces.tally.repaired == {"age that a spreadsheet took for a date": 1}


@pytest.mark.parametrize("prefix", ["fairface/", "/data/fairface/", "./"])
def test_path_prefixes_are_ignored(write, prefix):
    (face,) = load(layout(write, f"{prefix}val/1.jpg,0-2,Male,White,False"), "test")
    assert face.id == "val/1.jpg"


@pytest.mark.parametrize(("age", "decade"), [("0-2", "0-9"), ("3-9", "0-9"), ("more than 70", "70+"), ("9-Mar", "0-9")])
@pytest.mark.parametrize(
    ("race", "five"), [("Latino_Hispanic", "Others"), ("East Asian", "Asian"), ("Indian", "Indian")]
)
def test_coarser_labels_by_name(write, age, decade, race, five):
    options = DataOptions.model_validate({"fairface": {"ages": "decades", "races": "five"}})
    (face,) = load(layout(write, f"val/1.jpg,{age},Male,{race},False"), "test", options)
    assert face.labels == {"utkface.age": decade, "fairface.gender": "Male", "utkface.race": five}
    assert face.group == {"age": decade, "gender": "Male", "race": five}
    assert options.protocol() == {"fairface": {"ages": "decades", "races": "five"}}


def test_one_choice_leaves_the_other_label_alone(write):
    options = DataOptions.model_validate({"fairface": {"races": "five"}})
    (face,) = load(layout(write, "val/1.jpg,0-2,Male,Middle Eastern,False"), "test", options)
    assert face.labels == {"fairface.age": "0-2", "fairface.gender": "Male", "utkface.race": "Others"}


def test_an_impossible_value_is_met_under_coarser_labels_too(write):
    options = DataOptions.model_validate({"fairface": {"ages": "decades", "races": "five"}})
    with pytest.raises(DataError, match=r"row 2: 'Others' is not a known race"):
        load(layout(write, "val/1.jpg,0-2,Male,Others,False"), "test", options)


def test_questions_are_asked_in_the_labels_of_the_choice():
    options = DataOptions.model_validate({"fairface": {"ages": "decades", "races": "five"}})
    age, gender, race = questions_of(["fairface.age", "fairface.gender", "fairface.race"], options)
    assert (age.name, age.space, age.labels()) == ("fairface.age", "utkface.age", label_space("utkface.age").display)
    assert (race.space, gender.space) == ("utkface.race", "fairface.gender")
    assert "70+" in age.render().text
    assert "Middle Eastern" not in race.render().text
    assert offer(race).asks[0].labels == label_space("utkface.race").labels
    fine = questions_of(["fairface.age", "fairface.race"])
    assert [one.space for one in fine] == ["fairface.age", "fairface.race"]


def padded(padding):
    return DataOptions.model_validate({"fairface": {"padding": padding}})


@pytest.mark.parametrize(("number", "padding"), [("025", "0.25"), ("125", "1.25")])
@pytest.mark.parametrize("folder", ["fairface-img-margin{}-trainval", "margin{}"])
def test_folders_of_the_archives(write, folder, number, padding):
    folder = folder.format(number)
    root = layout(write, images=f"{folder}/val")
    assert load(root, "test", padded(padding))[0].image.path == root / folder / "val/1.jpg"
    other = "1.25" if padding == "0.25" else "0.25"
    with pytest.raises(DataError, match=f"{folder}/val/ is there: set datasets.fairface.padding to {padding}"):
        load(root, "test", padded(other))


@pytest.mark.parametrize(("width", "padding", "other"), [(224, "0.25", "1.25"), (448, "1.25", "0.25")])
def test_pictures_of_the_other_padding_under_the_same_names_are_met(write, tmp_path, width, padding, other):
    root = layout(write)
    Image.new("RGB", (width, width)).save(tmp_path / "val/1.jpg")
    assert len(load(root, "test", padded(padding))) == 2
    with pytest.raises(DataError, match=f"{width} pixels wide.*padding {padding}, .* set datasets.fairface.padding"):
        load(root, "test", padded(other))


def test_train_is_its_own_file(write):
    write("train/1.jpg")
    root = write("fairface_label_train.csv", f"{HEAD}\ntrain/1.jpg,20-29,Female,Black,False")
    assert [face.id for face in load(root, "train")] == ["train/1.jpg"]


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


def test_a_header_with_a_column_twice(write):
    layout(write)
    with pytest.raises(DataError, match=r"row 1: .* names each column once"):
        load(write("fairface_label_val.csv", "file,age,gender,race,age\nval/1.jpg,0-2,Male,White,3-9"), "test")


def test_a_zero_byte_or_a_folder_in_place_of_the_file(write, tmp_path):
    with pytest.raises(DataError, match=r"fairface_label_val\.csv, row 3: .* zero byte"):
        load(layout(write, ROWS[0], "\0" * 99), "test")
    (tmp_path / "fairface_label_val.csv").unlink()
    (tmp_path / "fairface_label_val.csv").mkdir()
    with pytest.raises(DataError, match=r"fairface_label_val\.csv cannot be read: Is a directory"):
        load(tmp_path, "test")


def test_an_error_does_not_show_a_whole_huge_value(write):
    with pytest.raises(DataError) as error:
        load(layout(write, f"val/{'x' * 100_000},0-2,Male,Martian,True"), "test")
    assert len(str(error.value)) < 1000


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"fairface_label_val\.csv.*joojs/fairface"):
        load(tmp_path, "test")
    with pytest.raises(UnknownNameError, match="'val'"):
        load(tmp_path, "val")
