"""Mirrors as tiny local folders of parquet files and tar shards: what fetch writes, the loaders read as the source."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ConfigError, DataError, HarnessError, UnknownNameError
from tasks.datasets import DataOptions, load
from tasks.datasets.base import Face
from tasks.datasets.hub import fetch
from tasks.datasets.mirrors import Wish, choose
from tasks.datasets.options import FairFace
from tasks.datasets.provenance import Fetched, read_provenance
from tasks.datasets.stream import Opened
from tasks.labels import label_space

ROOT = Path(__file__).parents[3]
RACES = label_space("fairface.race").labels
EXPRESSIONS = label_space("expw").labels
WORDS = {
    "angry": "Anger", "disgust": "Disgust", "fear": "Fearful", "happy": "Happiness", "sad": "sadness",
    "surprise": "Surprised", "neutral": "neutral",
}  # fmt: skip
HOSTILE = [
    "../../etc/x.jpg",
    "/etc/x.jpg",
    "a\\b.jpg",
    "x\x00.jpg",
    "x\n.jpg",
    "..",
    "",
    ".",
    "a/../000001.jpg",
    None,
    7,
]


@pytest.fixture(autouse=True)
def no_bars() -> None:
    datasets.disable_progress_bars()


def loaded(folder: Path, *splits: str) -> list[Face]:
    """What the project's own loader reads: the one place that knows how loaders are called."""
    return [face for split in splits for face in load(folder.name, folder, split)]


def jpeg(number: int, size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (number * 7 % 256, number % 256, 90)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def mirror(folder: Path, rows: dict[str, list[Any]], split: str = "train", **kinds: Any) -> Path:
    """A folder of parquet as the Hub has it; images are bytes, or (bytes, path), or None."""
    stored = [
        image if image is None else {"bytes": image, "path": None}
        if isinstance(image, bytes)
        else {"bytes": image[0], "path": image[1]}
        for image in rows["image"]
    ]  # fmt: skip
    guess = {str: Value("string"), int: Value("int64"), bool: Value("bool"), float: Value("float64")}
    features = {
        name: kinds.get(name) or guess[next((type(cell) for cell in cells if cell is not None), str)]
        for name, cells in rows.items()
        if name != "image"
    }
    file = folder / "data" / f"{split}-00000-of-00001.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = Features({"image": datasets.Image(), **features})
    Dataset.from_dict({**rows, "image": stored}, features=whole).to_parquet(file)
    return folder


def bring(tmp: Path, dataset: str, hub: Path | None, splits: str = "train", **wish: Any) -> Fetched:
    """Fetch with words as on the command line: columns="image=image label=label"."""
    words = {key: tuple(value.split()) if key == "columns" else value for key, value in wish.items()}
    wanted = Wish(dataset=dataset, hub=hub and str(hub), splits=tuple(splits.split()), **words)
    return fetch(wanted, tmp / "data", lambda text: None)


def celeba_rows(count: int, first: int = 0) -> dict[str, list[Any]]:
    names = label_space("celeba").labels
    columns = {name: [(row * 7 + place) % 3 == 0 for row in range(count)] for place, name in enumerate(names)}
    return {"image": [jpeg(first + row) for row in range(count)], **dict(reversed(columns.items()))}


@pytest.fixture
def on_the_hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Hub id -> folder that stands for it."""
    places: dict[str, Path] = {}
    real = datasets.load_dataset_builder

    def load(repo: str, config: str | None, revision: str | None) -> Any:
        assert config
        return real(str(places[repo]))

    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    return places


def test_celeba_needs_no_arguments(tmp_path: Path, on_the_hub: dict[str, Path]):
    on_the_hub["flwrlabs/celeba"] = tmp_path / "hub"
    sizes = {"train": ("train", 3, 1), "valid": ("val", 2, 162_771), "test": ("test", 4, 182_638)}
    for split, (_, count, first) in sizes.items():
        mirror(tmp_path / "hub", celeba_rows(count, first), split)
    about = bring(tmp_path, "celeba", None, splits="")
    for split, (ours, count, first) in sizes.items():
        rows, faces = celeba_rows(count, first), loaded(tmp_path / "data/celeba", ours)
        assert [face.id for face in faces] == [f"{first + row:06d}.jpg" for row in range(count)], split
        for row, face in enumerate(faces):
            assert face.labels["celeba"] == {name: rows[name][row] for name in label_space("celeba").labels}
            assert face.image.path.read_bytes() == rows["image"][row]
    assert {split: found.written for split, found in about.splits.items()} == {"train": 3, "val": 2, "test": 4}


def test_celeba_keeps_the_names_that_the_pictures_have(tmp_path: Path):
    rows = celeba_rows(3)
    rows["image"] = [(image, f"000{number}.jpg") for image, number in zip(rows["image"], (512, 117, 900), strict=True)]
    bring(tmp_path, "celeba", mirror(tmp_path / "hub", rows), "train=test", columns="image=image")
    assert [face.id for face in loaded(tmp_path / "data/celeba", "test")] == ["000512.jpg", "000117.jpg", "000900.jpg"]


def test_splits_of_celeba_may_be_fetched_one_after_the_other(tmp_path: Path):
    hub = mirror(tmp_path / "hub", celeba_rows(2), "train")
    mirror(hub, celeba_rows(3, 50), "test")
    for split, written in (("test", 3), ("train", 2)):
        about = bring(tmp_path, "celeba", hub, f"{split}={split}", columns="image=image")
        assert about.splits[split].written == written
    assert [len(loaded(tmp_path / "data/celeba", split)) for split in ("train", "val", "test")] == [2, 0, 3]


def fairface_rows(races: list[str]) -> dict[str, list[Any]]:
    count = len(races)
    ages = label_space("fairface.age").labels
    return {
        "image": [jpeg(row) for row in range(count)],
        "age": [ages[row % 9] for row in range(count)],
        "gender": [("Male", "Female")[row % 2] for row in range(count)],
        "race": races,
        "service_test": [row % 3 == 0 for row in range(count)],
    }


def check_fairface(tmp: Path, order: tuple[str, ...]) -> None:
    rows = fairface_rows([*RACES, *RACES[:2]])
    kinds = {"race": ClassLabel(names=list(order)), "gender": ClassLabel(names=["Female", "Male"])}
    kinds["age"] = ClassLabel(names=[*label_space("fairface.age").labels][::-1])
    hub = mirror(tmp / "hub", rows, "validation", **kinds)
    columns = "image=image age=age gender=gender race=race service_test=service_test"
    bring(tmp, "fairface", hub, "validation=test", columns=columns)
    faces = loaded(tmp / "data/fairface", "test")
    assert [face.id for face in faces] == [f"val/{row}.jpg" for row in range(1, 10)]
    for question in ("age", "gender", "race"):
        assert [face.labels[f"fairface.{question}"] for face in faces] == rows[question]
    text = (tmp / "data/fairface/fairface_label_val.csv").read_text().splitlines()
    assert text[0] == "file,age,gender,race,service_test"
    assert [line.rpartition(",")[2] for line in text[1:]] == [str(value) for value in rows["service_test"]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(RACES))
def test_the_order_of_a_mirrors_codes_never_matters(tmp_path_factory: pytest.TempPathFactory, order: list[str]):
    check_fairface(tmp_path_factory.mktemp("order"), tuple(order))


def test_fairface_as_its_mirror_orders_it(tmp_path: Path):
    order = "East Asian,Indian,Black,White,Middle Eastern,Latino_Hispanic,Southeast Asian"
    check_fairface(tmp_path, tuple(order.split(",")))


@pytest.mark.parametrize(("padding", "side"), [("0.25", 224), ("1.25", 448)])
def test_both_paddings_of_fairface(tmp_path: Path, on_the_hub: dict[str, Path], padding: Any, side: int):
    rows = fairface_rows(list(RACES))
    rows["image"] = [jpeg(row, (side, side)) for row in range(7)]
    on_the_hub["HuggingFaceM4/FairFace"] = mirror(tmp_path / "hub", rows, "validation")
    bring(tmp_path, "fairface", None, "validation=test", config=padding)
    options = DataOptions(fairface=FairFace(padding=padding))
    faces = load("fairface", tmp_path / "data/fairface", "test", options)
    assert [face.image.path.read_bytes() for face in faces] == rows["image"]
    with pytest.raises(ConfigError, match="with another config"):
        bring(tmp_path, "fairface", None, "validation=test", config="0.5")


def test_fairface_of_words_and_files(tmp_path: Path):
    rows = fairface_rows(list(RACES[:3])) | {"file": ["val/12.jpg", "fairface/val/3.jpg", "7.jpg"]}
    rows["age"] = ["70+", "more than 70", "0-2"]
    columns = "image=image age=age gender=gender race=race file=file"
    bring(tmp_path, "fairface", mirror(tmp_path / "hub", rows, "val"), "val=test", columns=columns)
    faces = loaded(tmp_path / "data/fairface", "test")
    assert [face.id for face in faces] == ["val/12.jpg", "val/3.jpg", "val/7.jpg"]
    assert [face.labels["fairface.age"] for face in faces] == ["more than 70", "more than 70", "0-2"]


def test_the_known_mirrors(tmp_path: Path):
    assert choose(Wish(dataset="celeba")).splits == {"train": "train", "valid": "val", "test": "test"}
    assert choose(Wish(dataset="fairface")).config == "0.25"
    wide = choose(Wish(dataset="fairface", hub="HuggingFaceM4/FairFace", config="1.25", splits=("validation=test",)))
    assert (wide.config, wide.splits, wide.columns["race"]) == ("1.25", {"validation": "test"}, "race")


def test_utkface_with_names_from_tar_shards(tmp_path: Path):
    names = ["25_0_2_20170116174525125", "61_1_20170109150557335", "3_1_4_20161219224203659"]
    names += ["24_0_1_20170116220224657 ", *(f"9{digit}_0_0_20170116220224999" for digit in range(4))]
    # The library looks at the first five; where the mirror lost a dot, the picture is under another name.
    names += ["55_0_0_20170116232725357jpg"]
    shard = tmp_path / "hub" / "train-0000.tar"
    shard.parent.mkdir()
    with tarfile.open(shard, "w") as tar:
        for number, name in enumerate(names):
            entry = tarfile.TarInfo(f"UTKFace/{name}.{'chip.jpg' if name.endswith('jpg') else 'jpg.chip.jpg'}")
            content = jpeg(number)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    about = bring(tmp_path, "utkface", shard.parent, columns="image=jpg.chip.jpg name=__key__")
    found = about.splits["all"]
    assert (found.rows, found.written, found.left_out) == (9, 8, {"without a picture": 1})
    faces = loaded(tmp_path / "data/utkface", "train", "test")
    labels = {face.id: tuple(face.labels[f"utkface.{role}"] for role in ("age", "gender", "race")) for face in faces}
    assert {name: label for name, label in labels.items() if label[0] != "70+"} == {
        "25_0_2_20170116174525125.jpg.chip.jpg": ("20-29", "Male", "Asian"),
        "3_1_4_20161219224203659.jpg.chip.jpg": ("0-9", "Female", "Others"),
        "24_0_1_20170116220224657 .jpg.chip.jpg": ("20-29", "Male", "Black"),
    }
    assert about.note == ""


def test_utkface_with_columns(tmp_path: Path):
    races = label_space("utkface.race").labels
    rows = {
        "image": [jpeg(row) for row in range(10)] + [jpeg(3), None],
        "age": [row * 12 for row in range(9)] + [116, 36, 1],
        "gender": [row % 2 for row in range(12)],
        "race": [races[row % 5] for row in range(10)] + [races[3], "White"],
    }
    hub = mirror(tmp_path / "hub", rows, race=ClassLabel(names=sorted(races)))
    columns = "image=image age=age gender=gender race=race"
    labels = {"columns": columns, "labels": ("gender=Female,man",)}
    with pytest.raises(
        DataError, match=r"train, row 1: 0 in column 'gender' is a code without a name: --labels gender"
    ):
        bring(tmp_path / "other", "utkface", hub, columns=columns)
    rows["gender"][10] = rows["gender"][3]
    about = bring(tmp_path, "utkface", mirror(tmp_path / "hub", rows, race=ClassLabel(names=sorted(races))), **labels)
    found = about.splits["all"]
    assert found.left_out == {"copies of an earlier row": 1, "without a picture": 1}
    assert "split by hash differs" in about.note
    faces = {face.image.path.read_bytes(): face for face in loaded(tmp_path / "data/utkface", "train", "test")}
    assert len(faces) == 10
    for row in range(10):
        face = faces[rows["image"][row]]
        assert face.labels["utkface.race"] == rows["race"][row]
        assert face.labels["utkface.gender"] == ("Female", "Male")[rows["gender"][row]]
        assert face.id.startswith(f"{rows['age'][row]}_")


@pytest.mark.parametrize("own", ["codes", "codes from 1", "named codes", "numbered names", "words"])
def test_raf_db_by_words(tmp_path: Path, own: str):
    order = sorted(EXPRESSIONS, key=WORDS.__getitem__)
    gold = [*EXPRESSIONS, *EXPRESSIONS[:2]]
    first = 1 if own == "codes from 1" else 0
    label: list[Any] = [first + order.index(word) for word in gold]
    kinds: dict[str, Any] = {}
    labels = ("label=" + "," * first + ",".join(WORDS[word] for word in order),)
    if own == "words":
        label, labels = [WORDS[word] for word in gold], ()
    elif own == "named codes":
        kinds, labels = {"label": ClassLabel(names=[WORDS[word] for word in order])}, ()
    elif own == "numbered names":
        kinds = {"label": ClassLabel(names=list("1234567"))}
    rows = {"image": [jpeg(row) for row in range(9)], "label": label}
    hub = mirror(tmp_path / "hub", rows, "train", **kinds)
    mirror(hub, {"image": [jpeg(50)], "label": label[:1]}, "validation", **kinds)
    bring(tmp_path, "raf-db", hub, "train=train validation=test", columns="image=image label=label", labels=labels)
    folder = tmp_path / "data/raf-db"
    faces = loaded(folder, "train")
    assert [face.labels["raf-db"] for face in faces] == gold
    assert [face.image.path.read_bytes() for face in faces] == rows["image"]
    assert [face.id for face in loaded(folder, "test")] == ["test_0001.jpg"]
    assert faces[0].id == "train_00001.jpg"


def test_labels_that_contradict_the_mirror_are_refused(tmp_path: Path):
    rows = {"image": [jpeg(0)], "label": [0]}
    hub = mirror(tmp_path / "hub", rows, label=ClassLabel(names=["happy", "sad"]))
    columns = "image=image label=label"
    with pytest.raises(ConfigError, match=r"names its codes itself \(happy, sad\)"):
        bring(tmp_path, "raf-db", hub, "train=train", columns=columns, labels=("label=sad,happy",))
    with pytest.raises(ConfigError, match="'contempt' is none of angry"):
        bring(tmp_path, "raf-db", hub, "train=train", columns=columns, labels=("label=sad,contempt",))


def test_expw_with_boxes(tmp_path: Path):
    scene, other = jpeg(1, (90, 60)), jpeg(2, (50, 40))
    rows = {
        "image": [scene, other, scene],
        "name": ["angry actor_104.jpg", "happy_child_7.jpg", "angry actor_104.jpg"],
        "label": ["angry", "happy", "neutral"],
        "top": [-3, 1, 20], "left": [5, 2, 40], "right": [35, 22, 60], "bottom": [27, 21, 40],
    }  # fmt: skip
    hub = mirror(tmp_path / "hub", rows)
    columns = "image=image label=label name=name top=top left=left right=right bottom=bottom"
    bring(tmp_path, "expw", hub, columns=columns)
    faces = {face.id: face for face in loaded(tmp_path / "data/expw", "train", "test")}
    assert {name: (face.image.box, face.labels["expw"]) for name, face in faces.items()} == {
        "angry actor_104.jpg#0": ((5, 0, 35, 27), "angry"),
        "happy_child_7.jpg#0": ((2, 1, 22, 21), "happy"),
        "angry actor_104.jpg#1": ((40, 20, 60, 40), "neutral"),
    }
    assert faces["angry actor_104.jpg#1"].image.path.read_bytes() == scene


def test_expw_without_boxes_takes_the_whole_upright_picture(tmp_path: Path):
    turned = Image.Exif()
    turned[0x0112] = 6
    rows = {"image": [jpeg(1, (9, 7)), jpeg(2, (9, 7), exif=turned)], "label": [2, 6]}
    hub = mirror(tmp_path / "hub", rows, label=ClassLabel(names=list(EXPRESSIONS)))
    about = bring(tmp_path, "expw", hub, columns="image=image label=label")
    faces = loaded(tmp_path / "data/expw", "train", "test")
    assert sorted((face.labels["expw"], face.image.box) for face in faces) == [
        ("fear", (0, 0, 9, 7)),
        ("neutral", (0, 0, 7, 9)),
    ]
    assert "split by hash differs" in about.note


def raf(tmp: Path, count: int = 6, first: int = 0) -> Path:
    rows = {"image": [jpeg(first + row) for row in range(count)], "label": ["happy", "sad"] * (count // 2)}
    return mirror(tmp / "hub", rows)


RAF = {"splits": "train=train", "columns": "image=image label=label"}


def test_an_interrupted_fetch_promises_nothing_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hub, folder, rows = raf(tmp_path), tmp_path / "data/raf-db", Opened.rows

    def cut_off(self: Opened, split: str) -> Iterator[Any]:
        yield from itertools.islice(rows(self, split), 4)
        raise KeyboardInterrupt

    monkeypatch.setattr(Opened, "rows", cut_off)
    with pytest.raises(KeyboardInterrupt):
        bring(tmp_path, "raf-db", hub, **RAF)
    with pytest.raises(DataError, match="none of"):
        loaded(folder, "train")
    about = read_provenance(folder)
    assert about
    assert about.splits["train"].finished is None
    monkeypatch.setattr(Opened, "rows", rows)
    found = bring(tmp_path, "raf-db", hub, **RAF).splits["train"]
    assert (found.rows, found.written, found.already) == (6, 2, 4)
    assert found.finished
    assert len(loaded(folder, "train")) == 6


def test_a_killed_fetch_resumes(tmp_path: Path):
    hub, folder = raf(tmp_path, 3000), tmp_path / "data/raf-db"
    words = ["raf-db", "--split", "train=train", "--column", "image=image", "--column", "label=label"]
    command = [sys.executable, "-m", "harness", "data", "fetch", *words, "--hub", hub, "--data", tmp_path / "data"]
    job = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    images = folder / "basic/Image/aligned"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (images.is_dir() and len(os.listdir(images)) > 20):
        time.sleep(0.002)
    job.send_signal(signal.SIGKILL)
    job.wait()
    there = len(os.listdir(images))
    assert 20 < there < 3000
    assert not (folder / "basic/EmoLabel").exists()
    found = bring(tmp_path, "raf-db", hub, **RAF).splits["train"]
    assert (found.already, found.written) == (there, 3000 - there)
    assert len(loaded(folder, "train")) == 3000


def test_pictures_that_change_take_their_labels_back_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bring(tmp_path, "raf-db", raf(tmp_path), **RAF)
    folder, rows = tmp_path / "data/raf-db", Opened.rows
    again = bring(tmp_path, "raf-db", raf(tmp_path), **RAF).splits["train"]
    assert (again.written, again.already) == (0, 6)

    def cut_off(self: Opened, split: str) -> Iterator[Any]:
        yield from itertools.islice(rows(self, split), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Opened, "rows", cut_off)
    with pytest.raises(KeyboardInterrupt):
        bring(tmp_path, "raf-db", raf(tmp_path, first=100), **RAF)
    assert loaded(folder, "train") == []
    about = read_provenance(folder)
    assert about
    assert about.splits["train"].finished is None


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("dataset", ["celeba", "fairface", "raf-db", "utkface", "expw"])
def test_hostile_names_are_refused(tmp_path: Path, dataset: str, name: Any):
    rows = celeba_rows(1) if dataset == "celeba" else fairface_rows(["Black"]) | {"label": ["happy"]}
    kinds = {"name": Value("int64") if isinstance(name, int) else Value("string")}
    role = "name" if dataset in ("utkface", "expw") else "file"
    columns = {
        "celeba": "image=image file=name",
        "fairface": "image=image age=age gender=gender race=race file=name",
    }.get(dataset, f"image=image {role}=name" + ("" if dataset == "utkface" else " label=label"))
    hub = mirror(tmp_path / "hub", rows | {"name": [name]}, **kinds)
    split = "train" if role == "name" else "train=test"
    with pytest.raises(DataError, match=rf"hub, split train, row 1: {role} is .*, not a plain name such as"):
        bring(tmp_path, dataset, hub, split, columns=columns)
    pictures = [path for path in tmp_path.rglob("*") if path.suffix in (".jpg", ".part") and path.stat().st_size]
    assert pictures == []


def test_a_path_beside_the_picture_never_leaves_the_folder(tmp_path: Path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(9))
    rows = {"image": [(jpeg(1), "../../evil.jpg"), (None, str(secret))], "label": ["happy", "sad"]}
    found = bring(tmp_path, "raf-db", mirror(tmp_path / "hub", rows), **RAF).splits["train"]
    assert (found.written, found.left_out) == (1, {"without a picture": 1})
    assert [face.id for face in loaded(tmp_path / "data/raf-db", "train")] == ["train_00001.jpg"]


def test_pictures_in_folders_are_read_from_there(tmp_path: Path):
    for number, word in enumerate(("happy", "sad")):
        file = tmp_path / "hub/train" / word / f"{number}.jpg"
        file.parent.mkdir(parents=True)
        file.write_bytes(jpeg(number))
    bring(tmp_path, "raf-db", tmp_path / "hub", **RAF)
    faces = loaded(tmp_path / "data/raf-db", "train")
    assert [(face.labels["raf-db"], face.image.path.read_bytes()) for face in faces] == [
        ("happy", jpeg(0)),
        ("sad", jpeg(1)),
    ]


@pytest.mark.parametrize(
    ("wish", "error", "sentence"),
    [
        ({"dataset": "celebA"}, UnknownNameError, "unknown dataset 'celebA'. Did you mean 'celeba'"),
        ({"dataset": "maad"}, ConfigError, "No mirror holds MAAD's labels.*hf download ProgramComputer/VGGFace2"),
        ({"dataset": "utkface"}, ConfigError, "no complete mirror of utkface is known.*name=COLUMN, or .*race="),
        ({"dataset": "raf-db", "hub": "a/b"}, ConfigError, "which splits of a/b .*--split HUB=train|test"),
        ({"dataset": "raf-db", "hub": "a/b", "splits": ("train",)}, ConfigError, "--split 'train' is not of the form"),
        ({"dataset": "raf-db", "hub": "a/b", "splits": ("x=tets",)}, UnknownNameError, "'tets'. Did you mean 'test'"),
        (
            {"dataset": "raf-db", "hub": "a/b", "splits": ("x=test",), "columns": ("image=i",)},
            ConfigError,
            r"columns of a/b do not add up to a face of raf-db \(given: image\)",
        ),
        (
            {"dataset": "raf-db", "hub": "a/b", "splits": ("x=test",), "columns": ("image=i", "lable=l")},
            UnknownNameError,
            "unknown role of raf-db 'lable'. Did you mean 'label'",
        ),
        (
            {"dataset": "expw", "hub": "a/b", "splits": ("x",), "columns": ("image=i", "label=l", "top=t")},
            ConfigError,
            "do not add up",
        ),
        ({"dataset": "expw", "hub": "a/b", "splits": ("x", "x")}, ConfigError, "--split x is given twice"),
        ({"dataset": "celeba", "labels": ("image=a",)}, UnknownNameError, "role with labels"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(wish: dict[str, Any], error: type[HarnessError], sentence: str, tmp_path: Path):
    with pytest.raises(error, match=sentence):
        fetch(Wish(**wish), tmp_path, lambda text: None)


@pytest.mark.parametrize(
    ("splits", "columns", "sentence"),
    [
        ("trian=train", "image=image label=label", "unknown split of .*hub 'trian'. Did you mean 'train'"),
        ("train=train", "image=image label=labels", "for the role label: 'labels'. Did you mean 'label'"),
        ("train=train", "image=word label=label", "unknown column of .* 'word'"),
        ("train=train", "image=label label=label", "column 'label' of .* holds no images"),
    ],
)
def test_what_the_mirror_lacks_is_named(splits: str, columns: str, sentence: str, tmp_path: Path):
    hub = mirror(tmp_path / "hub", {"image": [jpeg(0)], "label": [1]})
    with pytest.raises(HarnessError, match=sentence):
        bring(tmp_path, "raf-db", hub, splits, columns=columns)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"label": ["happy", "contempt"]}, r"hub, split train, row 2: 'contempt' in column 'label' is none of angry"),
        ({"label": ["happy", None]}, "row 2: None in column 'label' is neither a word nor a code"),
        ({"label": ["a", "b"], "image": [None, None]}, "split train: none of 2 rows has a picture in column 'image'"),
    ],
)
def test_impossible_rows_are_named(rows: dict[str, list[Any]], sentence: str, tmp_path: Path):
    hub = mirror(tmp_path / "hub", {"image": [jpeg(0), jpeg(1)], **rows})
    with pytest.raises(DataError, match=sentence):
        bring(tmp_path, "raf-db", hub, **RAF)


def test_copies_do_not_mix(tmp_path: Path):
    bring(tmp_path, "raf-db", raf(tmp_path), **RAF)
    other = raf(tmp_path / "second")
    with pytest.raises(ConfigError, match=r"was fetched from .*, with another repo. Copies do not mix"):
        bring(tmp_path, "raf-db", other, **RAF)
    by_hand = tmp_path / "data/celeba/list_attr_celeba.txt"
    by_hand.parent.mkdir()
    by_hand.touch()
    with pytest.raises(ConfigError, match=r"holds list_attr_celeba.txt, which no fetch wrote"):
        bring(tmp_path, "celeba", mirror(tmp_path / "c", celeba_rows(1)), "train=test", columns="image=image")


def test_the_same_name_twice_is_an_error(tmp_path: Path):
    rows = {"image": [jpeg(0), jpeg(1)], "label": ["happy", "sad"], "file": ["train_00001.jpg"] * 2}
    with pytest.raises(DataError, match=r"row 2: .*train_00001_aligned.jpg is in an earlier row with another picture"):
        bring(tmp_path, "raf-db", mirror(tmp_path / "hub", rows), "train=train", columns=RAF["columns"] + " file=file")


def test_provenance_can_be_read_later(tmp_path: Path):
    hub = raf(tmp_path)
    bring(tmp_path, "raf-db", hub, **RAF)
    about = json.loads((tmp_path / "data/raf-db/fetched.json").read_text())
    assert about["repo"] == str(hub)
    assert about["columns"] == {"image": "image", "label": "label"}
    assert about["splits"]["train"]["finished"] > "2020"


def test_a_split_is_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A picture is on disk before the next row is asked for."""
    hub, folder, rows = raf(tmp_path, 40), tmp_path / "data/raf-db/basic/Image/aligned", Opened.rows
    behind = []

    def watched(self: Opened, split: str) -> Iterator[Any]:
        for number, row in enumerate(rows(self, split)):
            behind.append(number - (len(os.listdir(folder)) if folder.is_dir() else 0))
            yield row

    monkeypatch.setattr(Opened, "rows", watched)
    bring(tmp_path, "raf-db", hub, **RAF)
    assert set(behind) == {0}
