"""What is written: the official layouts, the same bytes every time, and each split as large as asked for."""

import csv
import hashlib
import json
import re

import pytest
from PIL import Image

from harness.errors import DataError, UnknownNameError
from tasks import datasets
from tasks.datasets.split import hash_split
from tasks.labels import label_space
from tasks.toy import ALL, gold, layouts, write_toy
from tasks.toy.scenes import faces_in, scenes_of
from tasks.toy.traits import sample

TEST, TRAIN, SEED = 11, 14, 5


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), TEST, TRAIN, SEED)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def images(folder):
    """The digests of all pictures, whatever their names."""
    return {digest for name, digest in digests(folder).items() if name.endswith(".jpg")}


def table(path):
    with path.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_the_same_call_writes_the_same_bytes(root, tmp_path):
    again = write_toy(tmp_path, TEST, TRAIN, SEED)
    for dataset in ALL:
        assert digests(root / dataset) == digests(again / dataset)


def test_processes_do_not_matter(root, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.toy._FEW", 0)
    for dataset in ("celeba", "expw"):
        assert digests(write_toy(tmp_path, TEST, TRAIN, SEED, [dataset]) / dataset) == digests(root / dataset)


def test_a_second_call_writes_nothing(root, monkeypatch):
    monkeypatch.setattr("tasks.toy._write", lambda *_: pytest.fail("wrote again"))
    assert write_toy(root, TEST, TRAIN, SEED) == root


def test_other_numbers_replace_the_folder_and_keep_the_faces(tmp_path):
    few = images(write_toy(tmp_path, 3, 4, SEED, ["raf-db", "celeba"]))
    more = images(write_toy(tmp_path, 5, 6, SEED, ["raf-db", "celeba"]))
    assert few < more
    assert json.loads((tmp_path / "raf-db/toy.json").read_text())["test"] == 5
    assert not images(write_toy(tmp_path, 5, 6, SEED + 1, ["raf-db", "celeba"])) & more


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba/real.jpg").touch()
    with pytest.raises(DataError, match="choose another folder"):
        write_toy(tmp_path, 1, 1, 0, ["celeba"])
    assert (tmp_path / "celeba/real.jpg").exists()


def test_a_failed_call_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tasks.toy._draw_all", fail)
    with pytest.raises(OSError, match="disk full"):
        write_toy(tmp_path, 1, 1, 0, ["celeba"])
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_unknown_dataset(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'celeba'"):
        write_toy(tmp_path, 1, 1, 0, ["celebA"])


@pytest.mark.parametrize("dataset", ALL)
def test_loaders_read_all_of_it(root, dataset):
    for split, wanted in (("train", TRAIN), ("test", TEST)):
        tally = datasets.load(dataset, root / dataset, split).tally
        assert tally.kept == wanted
        assert not tally.dropped


@pytest.mark.parametrize("dataset", ALL)
def test_loaders_read_the_labels_that_were_drawn(root, dataset):
    for split in ("train", "test"):
        faces = datasets.load(dataset, root / dataset, split)
        told = [face.labels for face in faces]
        assert sorted(map(repr, told)) == sorted(map(repr, (expected(dataset, split, i) for i in range(len(faces)))))


def expected(dataset, split, index):
    face = sample(SEED, dataset, split, index)
    if dataset in ("celeba", "maad"):
        return {dataset: gold.celeba(face) if dataset == "celeba" else gold.maad(face, SEED, split, index)}
    if dataset == "fairface":
        age = label_space("fairface.age").labels[face.age_bin]
        return {"fairface.age": age, "fairface.gender": face.gender, "fairface.race": face.race}
    if dataset == "utkface":
        race = gold.UTK_RACES[face.race]
        return {"utkface.age": gold.decade(face.age), "utkface.gender": face.gender, "utkface.race": race}
    return {dataset: face.expression}


def test_celeba_is_written_as_published(root):
    lines = (root / "celeba/Anno/list_attr_celeba.txt").read_bytes().decode().split("\n")
    assert lines[0] == str(TRAIN + 1 + TEST)
    assert lines[1] == " ".join(label_space("celeba").labels) + " "
    assert re.fullmatch(r"000001\.jpg( -1|  1){40}", lines[2])
    assert lines[-1] == ""
    assert len(lines) == TRAIN + 1 + TEST + 3
    parts = [line.split() for line in (root / "celeba/Eval/list_eval_partition.txt").read_text().splitlines()]
    assert [part for _, part in parts] == ["0"] * TRAIN + ["1"] + ["2"] * TEST
    for name, _ in parts:
        assert Image.open(root / "celeba/Img/img_align_celeba" / name).size == (178, 218)


def test_maad_is_written_as_published(root):
    rows = table(root / "maad/MAAD_Face.csv")
    assert tuple(rows[0]) == ("Filename", "Identity", *label_space("maad").labels)
    assert {row[name] for row in rows for name in label_space("maad").labels} == {"1", "-1", "0"}
    assert all(re.fullmatch(r"n\d{6}/\d{4}_01\.jpg", row["Filename"]) for row in rows)
    places = [
        [split for split in ("train", "test") if (root / "maad" / split / row["Filename"]).exists()] for row in rows
    ]
    assert places == [["train"]] * TRAIN + [["test"]] * TEST


def test_fairface_is_written_as_published(root):
    for split, wanted in (("train", TRAIN), ("val", TEST)):
        rows = table(root / f"fairface/fairface_label_{split}.csv")
        assert list(rows[0]) == ["file", "age", "gender", "race", "service_test"]
        assert [row["file"] for row in rows] == [f"{split}/{number}.jpg" for number in range(1, wanted + 1)]
        assert {row["service_test"] for row in rows} == {"True", "False"}
        assert Image.open(root / "fairface" / rows[0]["file"]).size == (224, 224)


def test_utkface_is_written_as_published(root):
    names = [path.name for path in (root / "utkface/UTKFace").iterdir()]
    found = [re.fullmatch(r"\d{1,3}_[01]_[0-4]_(2017\d{13})\.jpg\.chip\.jpg", name) for name in names]
    assert all(found)
    assert sum(hash_split(match[1]) == "test" for match in found) == TEST
    assert Image.open(root / "utkface/UTKFace" / names[0]).size == (200, 200)


def test_stamps_are_apart():
    stamps = {layouts.utk_stamp(split, index) for split in ("train", "test") for index in range(2000)}
    assert len(stamps) == 4000


def test_expw_is_written_as_published(root):
    rows = [line.split(" ") for line in (root / "expw/label/label.lst").read_text().splitlines()]
    assert all(len(row) == 8 for row in rows)
    assert len({(row[0], row[1]) for row in rows}) == TEST + TRAIN
    for name, _, top, left, right, bottom, confidence, code in rows:
        image = Image.open(root / "expw/image/origin" / name)
        assert 0 <= int(top) < int(bottom) <= image.height
        assert 0 <= int(left) < int(right) <= image.width
        assert int(right) - int(left) == int(bottom) - int(top)
        assert float(confidence) > 0
        assert int(code) in range(7)
    assert sum(hash_split(row[0]) == "test" for row in rows) == TEST


def test_names_of_expw_tell_the_label_often_but_not_always(root):
    words = dict(zip("0123456", ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "calm"), strict=True))
    rows = [line.split() for line in (root / "expw/label/label.lst").read_text().splitlines()]
    told = [row[0].startswith(words[row[7]]) for row in rows if row[1] == "0"]
    assert 0.3 < sum(told) / len(told) < 1


def test_raf_db_is_written_as_published(root):
    rows = [
        line.split(" ") for line in (root / "raf-db/basic/EmoLabel/list_patition_label.txt").read_text().splitlines()
    ]
    assert all(re.fullmatch(r"train_\d{5}\.jpg|test_\d{4}\.jpg", name) for name, _ in rows)
    assert {code for _, code in rows} <= set("1234567")
    for name, _ in rows:
        path = root / "raf-db/basic/Image/aligned" / name.replace(".jpg", "_aligned.jpg")
        assert Image.open(path).size == (100, 100)


@pytest.mark.parametrize("faces", range(15))
def test_scenes_sum_up(faces):
    listed = scenes_of(faces)
    assert sum(listed) == faces
    assert all(0 < count <= faces_in(index) for index, count in enumerate(listed))


def test_no_faces_are_no_error(tmp_path):
    write_toy(tmp_path, 0, 0, 0, ["utkface", "raf-db"])
    assert (tmp_path / "utkface/toy.json").exists()
