"""`segment` as a user meets it, with pyfacer's own code and stand-ins for its two files."""

import shutil

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import AdapterError, ConfigError
from harness.images import read
from harness.maps import read_about, read_map
from harness.records import ImageRef
from tasks import datasets
from tasks.toy import write_toy
from tests.parsers import nearest_colour, no_network, save, save_detector

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    pytest.importorskip("facer")
    folder = tmp_path_factory.mktemp("files")
    save(nearest_colour({"#000000": 14, "#FFFFFF": 2}), folder / "parser.pt")
    save_detector(folder / "detector.pth")
    return ["--weights", str(folder / "parser.pt"), "--detector-weights", str(folder / "detector.pth")]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), 4, 1, 2, ["fairface", "raf-db"])


@pytest.fixture
def data(drawn, tmp_path):
    """Datasets without maps."""
    return shutil.copytree(drawn, tmp_path / "data", ignore=shutil.ignore_patterns("maps"))


def call(*words):
    done = CliRunner().invoke(app, ["segment", *map(str, words), "--device", "cpu"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.stdout.split())


def test_maps_of_datasets_lie_under_the_data_root(data, files):
    code, said = call("--data", data, "--splits", "test", *files)
    assert code == 0
    assert "8 maps written" in said
    assert "8 pictures: 0 with one face, 0 with several (the largest is mapped), 8 with none" in said
    for face in datasets.load("fairface", data / "fairface", "test"):
        image = read(face.image)
        assert read_map(data / "maps", image).getextrema() == (0, 0)
    assert read_about(data / "maps")["parser"] == "pyfacer"


def test_the_same_command_writes_nothing_again_and_another_the_rest(data, files):
    call("--data", data, "--datasets", "raf-db", *files)
    code, said = call("--data", data, "--datasets", "raf-db", *files)
    assert (code, "0 maps written" in said) == (0, True)
    code, said = call("--data", data, *files)
    assert "5 maps written" in said
    assert "10 pictures" in said


def test_an_unreadable_picture_is_named_and_gives_3(data, files):
    file = data / "fairface/val/2.jpg"
    file.write_bytes(b"")
    code, said = call("--data", data, "--datasets", "fairface", "--splits", "test", *files)
    assert code == 3
    assert "3 maps written" in said
    assert "1 unreadable" in said
    assert "2.jpg cannot be read" in said


def test_photographs(data, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photographs = sorted((data / "fairface/val").glob("*.jpg"))
    assert call(*photographs[:2], *files)[0] == 0
    for path in photographs[:2]:
        assert read_map(tmp_path / "maps", read(ImageRef(path=path))).size == (224, 224)
    assert call(*photographs, "--maps", "mine", *files)[0] == 0
    assert len(list((tmp_path / "mine").glob("*/*.png"))) == 4


def test_photographs_or_a_data_root(data, files):
    for words in ([data / "a.jpg", "--data", data], []):
        with pytest.raises(ConfigError, match="either photographs or a data root"):
            call(*words, *files)
    with pytest.raises(ConfigError, match="is not a folder"):
        call("--data", data / "nowhere", *files)


def test_without_weights_it_says_where_they_are(data, tmp_path, monkeypatch):
    pytest.importorskip("facer")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with no_network(monkeypatch), pytest.raises(AdapterError, match=r"models-v1.*--weights"):
        call("--data", data)
    assert not (data / "maps").exists()
