import os
from functools import partial

import pytest

from harness.errors import DataError, UnknownNameError
from tasks import datasets
from tasks.labels import label_space

load = partial(datasets.load, "maad")

NAMES = label_space("maad").labels


def row(name, **values):
    return ",".join([name, name.split("/")[0], *(str(values.get(attribute, -1)) for attribute in NAMES)])


HEAD = ",".join(["Filename", "Identity", *NAMES])
ROWS = (row("n000002/0001_01.jpg"), row("n000001/0001_01.jpg", Male=1, Young=0), row("n000001/0002_01.jpg", Young=1))


def layout(write, rows=ROWS, file="MAAD_Face.csv", end="\n", head=HEAD):
    write("train/n000002/0001_01.jpg")
    write("test/n000001/0001_01.jpg")
    return write(file, end.join([head, *rows]) + end)


@pytest.mark.parametrize("file", ["MAAD_Face.csv", "MAAD-Face.csv", "Maad_Face.csv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_all_spellings_and_line_ends(write, file, end):
    faces = load(layout(write, file=file, end=end), "test")
    assert [face.id for face in faces] == ["n000001/0001_01.jpg", "n000001/0002_01.jpg"]
    assert (faces.tally.kept, faces.tally.dropped) == (2, {})


def test_undefined_cells_are_absent(write):
    first, second = load(layout(write), "test")
    assert first.labels["maad"] == {name: name == "Male" for name in NAMES if name != "Young"}
    assert second.labels["maad"] == {name: name == "Young" for name in NAMES}


def test_the_folder_decides_the_split(write):
    root = layout(write)
    (face,) = load(root, "train")
    assert face.image.path == root / "train/n000002/0001_01.jpg"


def test_identities_without_a_folder_are_counted(write):
    faces = load(layout(write, [*ROWS, row("n000009/0001_01.jpg")]), "test")
    assert faces.tally.dropped == {"identity in no folder": 1}


def test_columns_are_read_by_name(write):
    name, *rest = ROWS[2].split(",")
    head = ",".join(["Filename", *NAMES[::-1], "Identity"])
    (face,) = load(layout(write, [",".join([name, *rest[::-1]])], head=head), "test")
    assert face.labels["maad"] == {name: name == "Young" for name in NAMES}


@pytest.mark.parametrize(
    ("rows", "head", "words"),
    [
        ([ROWS[0], ROWS[1].replace(",1,", ",2,")], HEAD, ["row 3", "'2'", "Male"]),
        ([ROWS[1] + ",1"], HEAD, ["row 2", "49 fields"]),
        ([ROWS[1], ROWS[1]], HEAD, ["row 3", "n000001/0001_01.jpg", "earlier row"]),
        (ROWS, HEAD.replace("Goatee", "Goaty"), ["row 1", "Goatee"]),
        (ROWS, "Identity,Filename," + HEAD.split(",", 2)[2], ["row 1", "begins with Filename"]),
    ],
)
def test_bad_values_name_file_row_and_value(write, rows, head, words):
    root = layout(write, rows, head=head)
    with pytest.raises(DataError) as error:
        load(root, "test")
    assert all(word in str(error.value) for word in ["MAAD_Face.csv", *words])


def test_a_folder_whose_name_is_no_utf8_is_no_identity(write, tmp_path):
    layout(write)
    os.mkdir(os.fsencode(tmp_path / "test") + b"/n\xff1")
    assert len(load(tmp_path, "test")) == 2


def test_what_is_missing_is_said(write, tmp_path):
    with pytest.raises(DataError, match=r"MAAD_Face\.csv.*pterhoer"):
        load(tmp_path, "test")
    root = write("MAAD_Face.csv", HEAD)
    with pytest.raises(DataError, match="none of test,"):
        load(root, "test")
    with pytest.raises(UnknownNameError, match="split of MAAD-Face 'val'"):
        load(root, "val")
