"""Law: a toy set with one quirk of the real set planted loads as the set without it, but for the difference stated."""

import re
import shutil
from functools import partial

import pytest

from harness.errors import DataError
from tasks.labels import label_space
from tests.quirks import Told, each_line, edit, options, read_all


@pytest.fixture(scope="module")
def plain(toy, tmp_path_factory):
    """plain("celeba"): what the loader says of the set without a quirk; with options, under those."""
    known = {}

    def said(dataset, chosen=None):
        key = dataset, chosen.model_dump_json() if chosen else ""
        if key not in known:
            known[key] = read_all(toy, dataset, chosen)
        return known[key]

    return said


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
