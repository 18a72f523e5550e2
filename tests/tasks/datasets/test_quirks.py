"""Law: a toy set with one quirk of the real set planted loads as the set without it, but for the difference stated."""

import re
import shutil

import pytest
from PIL import Image

from harness.errors import DataError
from tasks.datasets import load, maad
from tasks.labels import label_space
from tests.quirks import each_line, edit, options, read_all


def everywhere(change, *files):
    """A quirk of all these files."""

    def plant(root):
        for file in files:
            edit(root / file, change)

    return plant


def crlf(text):
    return text.replace("\n", "\r\n")


def bom(text):
    return "\ufeff" + text


def no_last_newline(text):
    return text.rstrip("\n")


def blank_lines(text):
    return text.replace("\n", "\n\n")


HARMLESS = {"CRLF": crlf, "BOM": bom, "no newline at the end": no_last_newline, "blank lines": blank_lines}
FILES = {
    "celeba": ("Anno/list_attr_celeba.txt", "Eval/list_eval_partition.txt"),
    "maad": ("MAAD_Face.csv",),
    "fairface": ("fairface_label_train.csv", "fairface_label_val.csv"),
    "expw": ("label/label.lst",),
    "raf-db": ("basic/EmoLabel/list_patition_label.txt",),
}


@pytest.mark.parametrize("quirk", HARMLESS)
@pytest.mark.parametrize("dataset", FILES)
def test_what_text_editors_do_to_a_file_makes_no_difference(spoilt, plain, dataset, quirk):
    root = spoilt(dataset)
    everywhere(HARMLESS[quirk], *FILES[dataset])(root)
    assert read_all(root.parent, dataset) == plain(dataset)


def test_the_toy_sets_are_whole(plain):
    sizes = {name: {split: len(own) for split, own in plain(name).faces.items()} for name in (*FILES, "utkface")}
    assert sizes.pop("celeba") == {"train": 7, "val": 1, "test": 9}
    assert all(size == {"train": 7, "test": 9} for size in sizes.values())
    assert all((plain(name).dropped, plain(name).repaired) == ({}, {}) for name in sizes)


# CelebA

ATTRIBUTES, PARTITION = FILES["celeba"]


def turn(line):
    """Reverse the columns of a row or of the header, whatever stands before the 40."""
    words = line.split()
    return " ".join([*words[:-40], *words[:-41:-1]])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.split("\n", 1)[1], id="no count line"),
        pytest.param(lambda text: text.replace("  1", " 1"), id="single spaces"),
        pytest.param(lambda text: text.replace(" ", "  "), id="double spaces"),
        pytest.param(lambda text: re.sub(" +\n", "\n", text), id="no space at the end of the header"),
        pytest.param(lambda text: text.replace(" \n", " \t  \n"), id="more spaces at the end of the header"),
        pytest.param(each_line(turn, start=1), id="columns in another order"),
        pytest.param(lambda text: bom(crlf(text.split("\n", 1)[1])), id="BOM, CRLF, no count line"),
    ],
)
def test_celeba_harmless_forms_of_the_attributes(spoilt, plain, change):
    root = spoilt("celeba")
    before = (root / ATTRIBUTES).read_bytes()
    edit(root / ATTRIBUTES, change)
    assert (root / ATTRIBUTES).read_bytes() != before
    assert read_all(root.parent, "celeba") == plain("celeba")


@pytest.mark.parametrize("count", [16, 18, 202599])
def test_celeba_a_wrong_count_line_is_an_error(spoilt, count):
    root = spoilt("celeba")
    edit(root / ATTRIBUTES, lambda text: text.replace("17\n", f"{count}\n", 1))
    with pytest.raises(DataError, match=rf"list_attr_celeba\.txt.*promises {count} rows but 17 follow"):
        read_all(root.parent, "celeba")


def to_csv(root, end="\n", places=("", "")):
    """Replace both files by those of Kaggle's layout."""
    _, names, *rows = (root / ATTRIBUTES).read_text().splitlines()
    attributes = [",".join(["image_id", *names.split()]), *(",".join(row.split()) for row in rows)]
    partition = ["image_id,partition", *(root / PARTITION).read_text().replace(" ", ",").splitlines()]
    (root / f"{places[0]}list_attr_celeba.csv").write_text(end.join(attributes) + end, newline="")
    (root / f"{places[1]}list_eval_partition.csv").write_text(end.join(partition) + end, newline="")
    (root / ATTRIBUTES).unlink()
    (root / PARTITION).unlink()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("places", [("", ""), ("Anno/", "Eval/")])
def test_celeba_csv(spoilt, plain, end, places):
    root = spoilt("celeba")
    to_csv(root, end, places)
    assert read_all(root.parent, "celeba") == plain("celeba")
    edit(root / f"{places[1]}list_eval_partition.csv", bom)
    assert read_all(root.parent, "celeba") == plain("celeba")


@pytest.mark.parametrize(
    "place", ["img_align_celeba", "Img/img_align_celeba/img_align_celeba", "img_align_celeba/img_align_celeba"]
)
def test_celeba_places_of_the_pictures(spoilt, plain, place):
    root = spoilt("celeba")
    (root / "Img/img_align_celeba").rename(root / "away")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / "away").rename(root / place)
    assert read_all(root.parent, "celeba") == plain("celeba").moved("Img/img_align_celeba", place)


def test_celeba_all_in_one_folder(spoilt, plain):
    root = spoilt("celeba")
    for file in (ATTRIBUTES, PARTITION):
        (root / file).rename(root / file.split("/")[1])
    shutil.rmtree(root / "Anno")
    assert read_all(root.parent, "celeba") == plain("celeba")


def test_celeba_a_name_that_one_file_lacks_is_counted(spoilt, plain):
    root, gone = spoilt("celeba"), plain("celeba").faces["test"][3].id
    edit(root / PARTITION, lambda text: text.replace(f"{gone} 2\n", ""))
    assert read_all(root.parent, "celeba") == plain("celeba").without(gone).but(dropped={"in no split": 1})
    edit(root / PARTITION, lambda text: text + f"{gone} 2\n900001.jpg 0\n900002.jpg 1\n")
    assert read_all(root.parent, "celeba") == plain("celeba").but(dropped={"without attributes": 2})


# MAAD

LABELS = "MAAD_Face.csv"


def cells(change, start=0):
    """An edit of each row's cells."""
    return each_line(lambda line: ",".join(change(line.split(","))), start)


@pytest.mark.parametrize("name", ["MAAD-Face.csv", "Maad_Face.csv", "MAADFace.csv", "maad_face.csv"])
def test_maad_spellings_of_the_file(spoilt, plain, name):
    root = spoilt("maad")
    (root / LABELS).rename(root / name)
    assert read_all(root.parent, "maad") == plain("maad")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cells(lambda row: [f'"{cell}"' for cell in row]), id="all fields quoted"),
        pytest.param(cells(lambda row: [f'"{row[0]}"', *row[1:]], 1), id="names quoted"),
        pytest.param(cells(lambda row: [row[0], f'"{row[1]}"', *row[2:]], 1), id="identities quoted"),
        pytest.param(cells(lambda row: [row[0], f"n{row[1]:0>6}", *row[2:]], 1), id="identities as folders"),
        pytest.param(cells(lambda row: [row[0], *row[:0:-1]]), id="columns in another order"),
        pytest.param(cells(lambda row: [row[0], *row[2:]]), id="no identities"),
        pytest.param(
            lambda text: cells(lambda row: [*row, "7"])(text).replace(",7\n", ",Score\n", 1), id="one more column"
        ),
        pytest.param(lambda text: text.replace(",", ", "), id="a blank behind each comma"),
        pytest.param(lambda text: bom(crlf(text)), id="BOM and CRLF"),
    ],
)
def test_maad_harmless_forms(spoilt, plain, change):
    root = spoilt("maad")
    edit(root / LABELS, change)
    assert read_all(root.parent, "maad") == plain("maad")


def test_maad_undefined_cells(plain):
    dropped, negative = plain("maad"), plain("maad", options(maad={"undefined": "negative"}))
    names = label_space("maad").labels
    assert any(len(one.labels["maad"]) < len(names) for one in dropped.all())
    absent = dict.fromkeys(names, False)
    assert negative == dropped.each(lambda one: one._replace(labels={"maad": absent | one.labels["maad"]}))


@pytest.mark.parametrize(("split", "other"), [("test", "train"), ("train", "test")])
def test_maad_one_split_alone(spoilt, plain, split, other):
    root, whole = spoilt("maad"), plain("maad")
    shutil.rmtree(root / other)
    kept = {split: whole.faces[split]}
    assert read_all(root.parent, "maad") == whole.but(
        faces=kept, dropped={"identity in no folder": len(whole.faces[other])}
    )
    with pytest.raises(DataError, match=rf"none of {other}, vggface2_{other}/{other}.*Put MAAD_Face\.csv there"):
        load("maad", root, other)


def test_maad_an_identity_in_no_folder(spoilt, plain):
    root = spoilt("maad")
    shutil.rmtree(root / "test/n000001")
    gone = [one.id for one in plain("maad").faces["test"] if one.id.startswith("n000001/")]
    assert read_all(root.parent, "maad") == plain("maad").without(*gone).but(
        dropped={"identity in no folder": len(gone)}
    )


def test_maad_an_identity_in_both_folders_is_an_error(spoilt):
    root = spoilt("maad")
    (root / "train/n000001").mkdir()
    with pytest.raises(DataError, match=r"identity n000001 is in .*train and in .*test.*remove one"):
        read_all(root.parent, "maad")


@pytest.mark.parametrize("place", ["vggface2_{0}/{0}", "vggface2_{0}", "VGGFace2/{0}"])
def test_maad_places_of_the_pictures(spoilt, plain, place):
    root, expected = spoilt("maad"), plain("maad")
    for split in ("train", "test"):
        (root / split).rename(root / "away")
        (root / place.format(split)).parent.mkdir(parents=True, exist_ok=True)
        (root / "away").rename(root / place.format(split))
        expected = expected.moved(f"{split}/", f"{place.format(split)}/")
    assert read_all(root.parent, "maad") == expected


def in_row(number, cell, value):
    """An edit of one cell; rows are counted from 1, the header included."""

    def edited(text):
        lines = text.split("\n")
        row = lines[number - 1].split(",")
        row[cell] = value
        lines[number - 1] = ",".join(row)
        return "\n".join(lines)

    return edited


@pytest.mark.parametrize("value", ["2", "300", "-129", "", "yes", "1.0", "nan"])
def test_maad_an_impossible_value_is_an_error_with_its_row(spoilt, value):
    root = spoilt("maad")
    edit(root / LABELS, in_row(6, 4, value))
    with pytest.raises(DataError, match=rf"MAAD_Face\.csv, row 6: '{re.escape(value)}' is not -1, 0 or 1 for Middle"):
        read_all(root.parent, "maad")


def test_maad_a_doubled_column_is_an_error(spoilt):
    root = spoilt("maad")
    edit(root / LABELS, cells(lambda row: [*row, row[2]]))
    with pytest.raises(DataError, match=r"MAAD_Face\.csv, row 1: .* names each column once"):
        read_all(root.parent, "maad")


@pytest.mark.parametrize("column", [0, 1])
def test_maad_a_quote_that_is_closed_in_a_later_row_swallows_no_row(spoilt, column):
    root = spoilt("maad")
    lines = (root / LABELS).read_text().split("\n")
    rows = [line.split(",") for line in lines]
    rows[4][column], rows[5][column] = '"' + rows[4][column], rows[5][column] + '"'
    (root / LABELS).write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(DataError, match=r"MAAD_Face\.csv, row 5: .* of 49 fields"):
        read_all(root.parent, "maad")


LATE = {"2": "row 1818: '2'", "": "row 1818: ''", "300": "row 1818: '300'", "1,1": "row 1818: .* of 49 fields"}


@pytest.mark.parametrize("value", LATE)
def test_maad_a_fault_behind_the_first_block_is_found_in_its_row(spoilt, plain, monkeypatch, value):
    monkeypatch.setattr(maad, "_BYTES", 4096)
    root = spoilt("maad")
    edit(root / LABELS, lambda text: text + "".join(f"n9/{n}.jpg,9{',1' * 47}\n" for n in range(2000)))
    assert (root / LABELS).stat().st_size > 40 * 4096
    assert read_all(root.parent, "maad") == plain("maad").but(dropped={"identity in no folder": 2000})
    edit(root / LABELS, in_row(1818, 48, value))
    with pytest.raises(DataError, match=rf"MAAD_Face\.csv, {LATE[value]}"):
        read_all(root.parent, "maad")


# FairFace

VAL = "fairface_label_val.csv"


def test_fairface_ages_that_a_spreadsheet_took_for_dates(spoilt, plain):
    root = spoilt("fairface")
    dates = {"3-9": "9-Mar", "10-19": "19-Oct"}
    damaged = sum(one.labels["fairface.age"] in dates for one in plain("fairface").all())
    assert damaged, "choose another seed"
    for file in FILES["fairface"]:
        edit(root / file, lambda text: re.sub(",(3-9|10-19),", lambda found: f",{dates[found[1]]},", text))
    expected = plain("fairface").but(repaired={"age that a spreadsheet took for a date": damaged})
    assert read_all(root.parent, "fairface") == expected


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("True", "TRUE").replace("False", "FALSE"), id="TRUE and FALSE"),
        pytest.param(lambda text: re.sub("^(train|val)/", r"fairface/\1/", text, flags=re.M), id="a path prefix"),
        pytest.param(lambda text: re.sub("^(train|val)/", r"/data/x/\1/", text, flags=re.M), id="an absolute path"),
        pytest.param(cells(lambda row: row[:4]), id="no service_test"),
        pytest.param(cells(lambda row: row[::-1]), id="columns in another order"),
        pytest.param(cells(lambda row: [f'"{cell}"' for cell in row]), id="quoted"),
        pytest.param(lambda text: bom(crlf(text)), id="BOM and CRLF"),
    ],
)
def test_fairface_harmless_forms(spoilt, plain, change):
    root = spoilt("fairface")
    everywhere(change, *FILES["fairface"])(root)
    assert read_all(root.parent, "fairface") == plain("fairface")


@pytest.mark.parametrize(("archive", "padding"), [("margin025", "0.25"), ("margin125", "1.25")])
def test_fairface_both_paddings_by_name(spoilt, plain, archive, padding):
    root, chosen = spoilt("fairface"), options(fairface={"padding": padding})
    folder = f"fairface-img-{archive}-trainval"
    (root / folder).mkdir()
    for part in ("train", "val"):
        if padding == "0.25":
            (root / part).rename(root / folder / part)
        else:  # the others stay, under the plain names
            (root / folder / part).mkdir()
            for picture in (root / part).iterdir():
                Image.new("RGB", (448, 448)).save(root / folder / part / picture.name)
    expected = plain("fairface").each(lambda one: one._replace(path=f"{folder}/{one.path}"))
    assert read_all(root.parent, "fairface", chosen) == expected


def test_fairface_the_guard_on_the_width(spoilt):
    root = spoilt("fairface")
    with pytest.raises(DataError, match=r"224 pixels wide, .* set datasets\.fairface\.padding to 0\.25"):
        read_all(root.parent, "fairface", options(fairface={"padding": "1.25"}))


@pytest.mark.parametrize("race", ["Latino_Hispanic", "East Asian", "Southeast Asian", "Middle Eastern"])
def test_fairface_names_of_races(spoilt, plain, race):
    root = spoilt("fairface")
    edit(root / VAL, in_row(3, 3, race))

    def changed(one):
        labels, group = one.labels | {"fairface.race": race}, one.group | {"race": race}
        return one._replace(labels=labels, group=group) if one.id == "val/2.jpg" else one

    assert read_all(root.parent, "fairface") == plain("fairface").each(changed)


@pytest.mark.parametrize("race", ["Latino Hispanic", "East_Asian", "east asian", ""])
def test_fairface_other_spellings_of_races_are_errors(spoilt, race):
    root = spoilt("fairface")
    edit(root / VAL, in_row(3, 3, race))
    with pytest.raises(DataError, match=rf"fairface_label_val\.csv, row 3: '{race}' is not a known race"):
        read_all(root.parent, "fairface")


def test_fairface_the_guard_holds_after_the_index_is_written(spoilt):
    root = spoilt("fairface")
    read_all(root.parent, "fairface")
    for picture in (root / "val").iterdir():
        picture.unlink()
        Image.new("RGB", (448, 448)).save(picture)
    with pytest.raises(DataError, match=r"448 pixels wide, .* set datasets\.fairface\.padding to 1\.25"):
        read_all(root.parent, "fairface")
