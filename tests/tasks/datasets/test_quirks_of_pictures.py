"""Law: the quirks of the sets whose labels hang on names and boxes, planted one at a time: UTKFace, ExpW, RAF-DB."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError
from harness.images import read
from tasks.datasets import load
from tasks.datasets.split import hash_split
from tasks.registry import question
from tests.quirks import each_line, edit, options, read_all

# UTKFace

FAIRFACE_BINS = options(utkface={"ages": "fairface"})


@pytest.fixture
def faces(spoilt):
    """UTKFace/ of a copy that may be spoilt."""
    return spoilt("utkface") / "UTKFace"


def first(faces):
    return min(faces.iterdir())


@pytest.mark.parametrize("ending", [" .jpg.chip.jpg", "jpg.chip.jpg", ".pg", ".jpg", ".JPG.CHIP.JPG", "  .jpg"])
def test_utkface_odd_endings_are_read(faces, plain, ending):
    old = first(faces).name
    new = old.removesuffix(".jpg.chip.jpg") + ending
    (faces / old).rename(faces / new)
    renamed = plain("utkface").each(lambda one: one._replace(id=new, path=f"UTKFace/{new}") if one.id == old else one)
    assert read_all(faces.parents[1], "utkface").sorted() == renamed.sorted()


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg.chip.jpg",
        "61_1_20170109142408075.jpg.chip.jpg",
        "53__0_20170116184028385.jpg",
        "61_3_20170109150557335.jpg",
        "117_0_0_20170109150557335.jpg.chip.jpg",
        "20_0_5_20170109150557335.jpg.chip.jpg",
        "20_0_4_2017010915055.jpg.chip.jpg",
        "-1_0_4_20170109150557335.jpg.chip.jpg",
        "٢٠_0_4_20170109150557335.jpg.chip.jpg",
    ],
)
def test_utkface_malformed_names_are_dropped_and_counted(faces, plain, name):
    shutil.copy(first(faces), faces / name)
    assert read_all(faces.parents[1], "utkface") == plain("utkface").but(dropped={"malformed name": 1})


@pytest.mark.parametrize("age", [0, 116])
def test_utkface_the_outermost_ages_are_read(faces, plain, age):
    shutil.copy(first(faces), faces / f"{age}_0_0_20170109150557335.jpg.chip.jpg")
    (new,) = (one for one in read_all(faces.parents[1], "utkface").all() if one.id.startswith(f"{age}_0_0_2017010915"))
    assert new.labels["utkface.age"] == ("70+" if age else "0-9")


def test_utkface_other_files_are_counted_apart(faces, plain):
    for name in (".DS_Store", "UTKFace.tar.gz", "landmark_list_part1.txt"):
        (faces / name).write_bytes(b"")
    assert read_all(faces.parents[1], "utkface") == plain("utkface").but(dropped={"not an image": 3})


@pytest.mark.parametrize("folder", ["crop_part1", "utkface_aligned_cropped/UTKFace", "UTKFace/crop_part1", "part1"])
def test_utkface_copies_in_other_folders_are_never_added(faces, plain, folder):
    shutil.copytree(faces, faces.parent / folder)
    assert read_all(faces.parents[1], "utkface") == plain("utkface")


def test_utkface_files_without_the_folder(faces, plain):
    root = faces.parent
    for file in faces.iterdir():
        file.rename(root / file.name)
    faces.rmdir()
    # The toy's own note lies beside them.
    assert read_all(root.parent, "utkface") == plain("utkface").moved("UTKFace/", "").but(dropped={"not an image": 1})


def test_utkface_the_parts_in_the_wild_are_one_set(faces, plain):
    root = faces.parent
    place = {}
    for number, file in enumerate(sorted(faces.iterdir())):
        place[file.name] = f"part{number % 3 + 1}/{file.name.removesuffix('.chip.jpg')}"
        (root / place[file.name]).parent.mkdir(exist_ok=True)
        file.rename(root / place[file.name])
    (root / "part2/53__0_20170116184028385.jpg").write_bytes(b"")
    expected = plain("utkface").each(lambda one: one._replace(id=place[one.id], path=place[one.id]))
    wild = read_all(root.parent, "utkface", options(utkface={"images": "wild"}))
    assert wild == expected.sorted().but(dropped={"malformed name": 1})


def test_utkface_in_the_bins_of_fairface(plain):
    bins = {"0-2": (0, 2), "3-9": (3, 9), "more than 70": (70, 116)}
    ours, theirs = plain("utkface"), plain("utkface", FAIRFACE_BINS)

    def binned(one):
        age = int(one.id.split("_")[0])
        label = next((name for name, (low, high) in bins.items() if low <= age <= high), one.labels["utkface.age"])
        labels = {"fairface.age": label} | {name: own for name, own in one.labels.items() if name != "utkface.age"}
        return one._replace(labels=labels, group=one.group | {"age": label})

    assert theirs == ours.each(binned)
    assert question("utkface.age").under(FAIRFACE_BINS).space == "fairface.age"


def test_utkface_a_link_to_nowhere_stays_a_sample(faces, plain):
    target = first(faces)
    target.unlink()
    target.symlink_to("away.jpg")
    assert read_all(faces.parents[1], "utkface") == plain("utkface")


# ExpW

LIST = "label/label.lst"


def with_margin(one, margin):
    left, top, right, bottom = one.box
    across, down = round(margin * (right - left)), round(margin * (bottom - top))
    return one._replace(box=(max(left - across, 0), max(top - down, 0), right + across, bottom + down))


@pytest.mark.parametrize("margin", [0.1, 0.3, 1.0])
def test_expw_margins(plain, margin):
    wide = plain("expw", options(expw={"margin": margin}))
    assert wide == plain("expw").each(lambda one: with_margin(one, margin))


@pytest.mark.parametrize(
    ("margin", "box"),
    [(0.0, (200, 40, 300, 80)), (0.1, (190, 36, 310, 84)), (0.3, (170, 28, 330, 92)), (1.0, (100, 0, 400, 120))],
)
def test_expw_a_box_off_the_diagonal(spoilt, toy, margin, box):
    root = spoilt("expw")
    scene = next(line.split()[0] for line in (root / LIST).read_text().splitlines() if " 2 " in line)
    edit(root / LIST, lambda text: f"{scene} 7 40 200 300 80 12.5 2\n{text}")  # top, left, right, bottom
    split = hash_split(scene)
    (face,) = (one for one in load("expw", root, split, options(expw={"margin": margin})) if one.id == f"{scene}#7")
    assert (face.image.box, face.labels) == (box, {"expw": "fear"})
    with Image.open(root / "image/origin" / scene) as whole:
        across = min(box[2], whole.width)
        assert np.array_equal(np.asarray(read(face.image)), np.asarray(whole)[box[1] : box[3], box[0] : across])


def test_expw_boxes_beyond_the_picture_are_clamped(spoilt, plain):
    root, one = spoilt("expw"), plain("expw").faces["test"][0]
    name = one.id.split("#")[0]
    with Image.open(root / "image/origin" / name) as opened:
        whole = opened.convert("RGB")
    sides = f"-9 -4 {whole.width + 50} {whole.height + 1}"
    edit(root / LIST, lambda text: re.sub(rf"(?m)^{re.escape(one.id.replace('#', ' '))} \S+ \S+ \S+ \S+", "FACE", text))
    edit(root / LIST, lambda text: text.replace("FACE", f"{one.id.replace('#', ' ')} {sides}"))
    box = (0, 0, whole.width + 50, whole.height + 1)
    clamped = plain("expw").each(lambda own: own._replace(box=box) if own.id == one.id else own)
    assert read_all(root.parent, "expw") == clamped.but(repaired={"box clamped at the left or the top": 1})
    face = load("expw", root, "test")[0]
    assert read(face.image).tobytes() == whole.crop((0, 0, *whole.size)).tobytes()


def test_expw_the_faces_of_a_scene_stay_together(plain):
    scenes = {split: {one.id.split("#")[0] for one in own} for split, own in plain("expw").faces.items()}
    assert not scenes["train"] & scenes["test"]
    assert all(len(scenes[split]) < len(plain("expw").faces[split]) for split in scenes), "some scenes hold several"


@pytest.mark.parametrize("name", ["angry  old actor.jpg", "wütend_émotion_怒り.jpg", "a, b' (c).jpg", "#1 boss.jpg"])
def test_expw_names_with_blanks_and_other_letters(spoilt, plain, name):
    root, old = spoilt("expw"), plain("expw").faces["test"][0].id.split("#")[0]
    edit(root / LIST, lambda text: text.replace(f"{old} ", f"{name} "))
    (root / "image/origin" / old).rename(root / "image/origin" / name)

    def renamed(one):
        return one._replace(id=one.id.replace(old, name), path=one.path.replace(old, name))

    expected, told = plain("expw").each(renamed), read_all(root.parent, "expw")
    assert sorted(told.all()) == sorted(expected.all())
    assert [one.id for one in told.all() if name in one.id] == [
        one.id for one in told.faces[hash_split(name)] if name in one.id
    ]
    assert all(face.image.path.exists() for split in told.faces for face in load("expw", root, split))


# RAF-DB

CODES = "basic/EmoLabel/list_patition_label.txt"
COMPOUND = options(raf_db={"classes": "compound"})
ORIGINAL = options(raf_db={"images": "original"})
WORDS = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")


@pytest.mark.parametrize("place", ["basic/EmoLabel/", "EmoLabel/", "basic/", ""])
@pytest.mark.parametrize("name", ["list_patition_label.txt", "list_partition_label.txt"])
def test_raf_db_spellings_and_places_of_the_label_file(spoilt, plain, place, name):
    root = spoilt("raf-db")
    (root / CODES).rename(root / "away")
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / "away").rename(root / place / name)
    assert read_all(root.parent, "raf-db") == plain("raf-db")


def test_raf_db_aligned_in_the_label_file(spoilt, plain):
    root = spoilt("raf-db")
    edit(root / CODES, lambda text: text.replace(".jpg ", "_aligned.jpg "))
    assert read_all(root.parent, "raf-db") == plain("raf-db")


def test_raf_db_aligned_or_original(spoilt, plain):
    root = spoilt("raf-db")
    with pytest.raises(DataError, match="none of basic/Image/original"):
        read_all(root.parent, "raf-db", ORIGINAL)
    shutil.copytree(root / "basic/Image/aligned", root / "basic/Image/original")
    originals = plain("raf-db").each(
        lambda one: one._replace(path=one.path.replace("aligned/", "original/").replace("_aligned", ""))
    )
    assert read_all(root.parent, "raf-db") == plain("raf-db")
    assert read_all(root.parent, "raf-db", ORIGINAL) == originals
    shutil.rmtree(root / "basic/Image/aligned")
    assert read_all(root.parent, "raf-db") == originals


def to_folders(root, splits=("train", "test"), end="\n"):
    """Sort the set into folders by class, as Kaggle's copies are."""
    rows = [line.split() for line in (root / CODES).read_text().splitlines()]
    for split in splits:
        own = [(name.replace(".jpg", "_aligned.jpg"), code) for name, code in rows if name.startswith(split)]
        (root / f"{split}_labels.csv").write_text(end.join(["image,label", *map(",".join, own)]) + end, newline="")
        for name, code in own:
            (root / f"DATASET/{split}/{code}").mkdir(parents=True, exist_ok=True)
            (root / "basic/Image/aligned" / name).rename(root / f"DATASET/{split}/{code}/{name}")
    shutil.rmtree(root / "basic")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_raf_db_folders_by_class(spoilt, plain, end):
    root = spoilt("raf-db")
    to_folders(root, end=end)

    def sorted_in(one):
        split, code = one.id.split("_")[0], WORDS.index(one.labels["raf-db"]) + 1
        return one._replace(path=one.path.replace("basic/Image/aligned", f"DATASET/{split}/{code}"))

    expected = plain("raf-db").each(sorted_in)
    assert read_all(root.parent, "raf-db") == expected
    edit(root / "test_labels.csv", lambda text: "\ufeff" + text)
    assert read_all(root.parent, "raf-db") == expected


def test_raf_db_folders_of_one_split(spoilt, plain):
    root = spoilt("raf-db")
    to_folders(root, ["test"])
    assert list(read_all(root.parent, "raf-db").faces) == ["test"]
    with pytest.raises(DataError, match=r"train_labels\.csv.*whdeng\.cn"):
        load("raf-db", root, "train")


def test_raf_db_compound(spoilt, plain):
    root = spoilt("raf-db")
    (root / "basic").rename(root / "compound")
    file = root / CODES.replace("basic", "compound")
    numbers = iter(range(16))
    edit(file, each_line(lambda line: f"{line.split()[0]} {next(numbers) % 11 + 1}"))
    names = question("raf-db").under(COMPOUND).labels()
    numbers = iter(range(16))
    expected = plain("raf-db").moved("basic", "compound")
    labels = {}
    for split in ("train", "test"):  # the order of the label file
        labels |= {one.id: names[next(numbers) % 11] for one in expected.faces[split]}
    told = read_all(root.parent, "raf-db", COMPOUND)
    assert told == expected.each(lambda one: one._replace(labels={"raf-db.compound": labels[one.id]}))
    assert set(labels.values()) == set(names)
    assert question("raf-db").under(COMPOUND).space == "raf-db.compound"


def test_raf_db_a_compound_code_among_the_basic_ones_is_an_error(spoilt):
    root = spoilt("raf-db")
    edit(root / CODES, lambda text: re.sub(r"\d\n", "9\n", text, count=1))
    with pytest.raises(DataError, match=r"list_patition_label\.txt, row 1: '9' is not an expression from 1 to 7"):
        read_all(root.parent, "raf-db")


# All sets: the place of the pictures belongs to what an index was made from.

MOVES = {
    "celeba": ("Img/img_align_celeba", "img_align_celeba"),
    "fairface": ("val", "fairface-img-margin025-trainval/val"),
    "maad": ("test", "VGGFace2/test"),
    "expw": ("image/origin", "origin"),
    "raf-db": ("basic/Image/aligned", "aligned"),
}


@pytest.mark.parametrize("dataset", MOVES)
def test_pictures_that_were_moved_since_are_found(spoilt, plain, dataset):
    root, (old, new) = spoilt(dataset), MOVES[dataset]
    assert read_all(root.parent, dataset) == plain(dataset)
    (root / new).parent.mkdir(exist_ok=True)
    (root / old).rename(root / new)
    assert read_all(root.parent, dataset) == plain(dataset).moved(f"{old}/", f"{new}/")
