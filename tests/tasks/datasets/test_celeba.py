from functools import partial

import pytest

from harness.errors import DataError, UnknownNameError
from tasks import datasets
from tasks.labels import label_space

load = partial(datasets.load, "celeba")

NAMES = label_space("celeba").labels


def row(name, *positive, one=" 1"):
    return f"{name} " + " ".join(one if attribute in positive else "-1" for attribute in NAMES)


def attr(*rows, count=True, end="\n", names=NAMES):
    head = [str(len(rows))] if count else []
    return end.join([*head, " ".join(names) + " ", *rows]) + end


ROWS = (row("000001.jpg", "Smiling"), row("162771.jpg"), row("182638.jpg", "Bald", "Male"), row("182639.jpg", "Young"))
PARTS = "000001.jpg 0\n162771.jpg 1\n182638.jpg 2\n182639.jpg 2"


def flat(write, text=None, parts=PARTS):
    write("list_attr_celeba.txt", attr(*ROWS) if text is None else text)
    write("img_align_celeba/182638.jpg")
    return write("list_eval_partition.txt", parts)


def positives(face):
    gold = face.labels["celeba"]
    assert list(gold) == list(NAMES)
    return {name for name, present in gold.items() if present}


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_count_line_and_line_ends_make_no_difference(write, count, end):
    faces = load(flat(write, attr(*ROWS, count=count, end=end)), "test")
    assert [face.id for face in faces] == ["182638.jpg", "182639.jpg"]
    assert [positives(face) for face in faces] == [{"Bald", "Male"}, {"Young"}]
    assert (faces.tally.kept, faces.tally.dropped) == (2, {})


@pytest.mark.parametrize(("split", "ids"), [("train", ["000001.jpg"]), ("val", ["162771.jpg"])])
def test_partition_codes(write, split, ids):
    assert [face.id for face in load(flat(write), split)] == ids


@pytest.mark.parametrize("images", ["Img/img_align_celeba", "Img/img_align_celeba/img_align_celeba"])
def test_archive_layout(write, images):
    write(f"{images}/182638.jpg")
    write("Anno/list_attr_celeba.txt", attr(*ROWS))
    root = write("Eval/list_eval_partition.txt", PARTS)
    assert load(root, "test")[0].image.path == root / images / "182638.jpg"


def test_kaggle_csv(write):
    write("img_align_celeba/img_align_celeba/182638.jpg")
    rows = [",".join(line.split()) for line in ROWS]
    write("list_attr_celeba.csv", "\n".join(["image_id," + ",".join(NAMES), *rows]))
    root = write("list_eval_partition.csv", "image_id,partition\n" + PARTS.replace(" ", ","))
    assert [positives(face) for face in load(root, "test")] == [{"Bald", "Male"}, {"Young"}]


def test_columns_are_read_by_name(write):
    turned = [f"{line.split()[0]} {' '.join(reversed(line.split()[1:]))}" for line in ROWS]
    faces = load(flat(write, attr(*turned, names=NAMES[::-1])), "test")
    assert positives(faces[0]) == {"Bald", "Male"}


def test_a_missing_image_stays_a_sample(write):
    root = flat(write)
    assert not (root / "img_align_celeba/182639.jpg").exists()
    assert len(load(root, "test")) == 2


def test_what_only_one_file_lists_is_counted(write):
    faces = load(flat(write, parts=PARTS.replace("182639.jpg 2", "182640.jpg 2")), "test")
    assert (faces.tally.kept, faces.tally.dropped) == (1, {"in no split": 1, "without attributes": 1})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (attr(ROWS[0], ROWS[2].replace(" 1", " 7", 1)), ["row 4", "'7'", "-1 or 1"]),
        (attr(ROWS[0], "182638.jpg -1 1"), ["row 4", "182638.jpg -1 1", "40 values"]),
        (attr(*ROWS, names=("Beard", *NAMES[1:])), ["row 2", "Beard", "5_o_Clock_Shadow"]),
        (attr(*ROWS, ROWS[2]), ["row 7", "182638.jpg", "earlier row"]),
        (attr(*ROWS).replace("4\n", "9\n", 1), ["promises 9 rows", "4 follow"]),
        (b"\xff\xfe\x00", ["not UTF-8"]),
    ],
)
def test_bad_values_name_file_row_and_value(write, text, words):
    root = flat(write, text)
    with pytest.raises(DataError) as error:
        load(root, "test")
    assert all(word in str(error.value) for word in ["list_attr_celeba.txt", *words])


@pytest.mark.parametrize("bad", ["182638.jpg 3", "182638.jpg", "182638.jpg 2 2"])
def test_bad_partition(write, bad):
    with pytest.raises(DataError, match=r"list_eval_partition.txt, row 1: '.*182638.jpg"):
        load(flat(write, parts=bad), "test")


def test_a_name_that_the_partition_has_twice_is_an_error(write):
    with pytest.raises(DataError, match=r"list_eval_partition.txt, row 5: '182638.jpg' is not new"):
        load(flat(write, parts=f"{PARTS}\n182638.jpg 0"), "test")


def test_quoted_fields_of_a_csv(write):
    write("img_align_celeba/182638.jpg")
    quoted = [",".join(f'"{word}"' for word in line.split()) for line in ROWS]
    write("list_attr_celeba.csv", "\n".join(["image_id," + ",".join(NAMES), *quoted]))
    root = write("list_eval_partition.csv", '"image_id","partition"\n"182638.jpg","2"')
    faces = load(root, "test")
    assert [face.id for face in faces] == ["182638.jpg"]
    assert faces.tally.dropped == {"in no split": 3}


@pytest.mark.parametrize("parts", [",", ",,\n", '"'])
def test_a_partition_that_begins_with_a_comma_or_a_quote_is_an_error(write, parts):
    write("img_align_celeba/1.jpg")
    write("list_attr_celeba.txt", attr(*ROWS))
    with pytest.raises(DataError, match=r"list_eval_partition\.csv, row 1"):
        load(write("list_eval_partition.csv", parts), "test")


def test_a_count_of_thousands_of_digits_is_an_error(write):
    with pytest.raises(DataError, match=r"list_attr_celeba.txt, row 1: .* among the 40 attribute names"):
        load(flat(write, "9" * 5000 + "\n" + attr(*ROWS, count=False)), "test")


def test_missing_files_say_what_is_wanted_and_where_it_is_from(tmp_path):
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt.*mmlab\.ie\.cuhk\.edu\.hk"):
        load(tmp_path, "test")
    with pytest.raises(DataError, match="no folder"):
        load(tmp_path / "absent", "test")


def test_misspelt_split(write):
    with pytest.raises(UnknownNameError, match="Did you mean 'test'"):
        load(flat(write), "tset")


def test_indexes_of_folders_that_are_no_more_are_removed(write, cache, tmp_path):
    load(flat(write), "test")
    assert len(list((cache / "index").glob("*.arrow"))) == 1
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert len(load(moved, "test")) == 2
    assert len(list((cache / "index").glob("*.arrow"))) == 1
