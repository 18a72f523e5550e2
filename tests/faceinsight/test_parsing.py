"""pyfacer's own code with a stand-in for its weights: maps come back onto the picture, and each known fault is met."""

import hashlib
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from faceinsight.parsing import LONGEST, PyfacerOptions, PyfacerParser
from harness.errors import AdapterError, ConfigError, UnknownNameError
from harness.maps import CLASSES
from tasks.toy.draw import picture
from tasks.toy.segments import segmentation
from tasks.toy.traits import sample
from tests.parsers import GivenFaces, nearest_colour, no_network, save, save_detector

ID = {name: place for place, name in enumerate(CLASSES)}
SIZE = (178, 218)
FACES = Path(__file__).parents[3] / "shared" / "faces"
PORTRAITS = [*sorted((FACES / "us_congress_pd").glob("*.jpg"))[:4], *(FACES / "nasa_astronaut").glob("*.png")]
HEAD = (44.0, 60.0, 134.0, 165.0)
GREY = {"#202020": ID["hair"], "#808080": ID["face"], "#E0E0E0": ID["cloth"]}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def facer():
    return pytest.importorskip("facer")


@pytest.fixture(scope="session")
def grey(facer, tmp_path_factory):
    """A parser that tells dark, middling and light apart; and its file."""
    parser = nearest_colour(GREY)
    return parser, save(parser, tmp_path_factory.mktemp("grey") / "grey.pt")


@pytest.fixture(scope="session")
def random_detector(facer, tmp_path_factory):
    return save_detector(tmp_path_factory.mktemp("detector") / "mobilenet.pth")


def opened(file, detector, **options):
    return PyfacerParser(PyfacerOptions(weights=file, device="cpu", **options), detector)


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def inside(found, truth, name):
    """Intersection over union of a class with the truth, where the parser looked; it looked in a rectangle."""
    there = np.argwhere(found != 0)
    (top, left), (bottom, right) = there.min(0) + 2, there.max(0) - 1
    window = slice(top, bottom), slice(left, right)
    return overlap(found[window] == ID[name], truth[window] == ID[name])


def toy(index):
    """A face without what the colours do not tell: no beard, glasses or strips."""
    plain = dict.fromkeys(("mustache", "goatee", "sideburns", "stubble", "blurry", "bushy"), False)
    face = sample(0, "celeba", "train", index)
    return face.model_copy(update={**plain, "glasses": None, "tie": None, "top": "BOB", "backdrop": "#00FF00"})


def test_a_toy_face_comes_back_where_it_was_drawn(facer, tmp_path):
    face = toy(1).model_copy(update={"top_colour": "#17131A", "skin": "#EDB98A", "cloth_colour": "#0000FF"})
    colours = {"#17131A": ID["hair"], "#EDB98A": ID["face"], "#0000FF": ID["cloth"], "#00FF00": ID["hat"]}
    image = picture(face, *SIZE, framing="plain")
    parser = nearest_colour(colours)
    [found] = opened(save(parser, tmp_path / "toy.pt"), GivenFaces(HEAD)).parse([image])
    told = parser.told(image)
    assert min(inside(found.classes, told, name) for name in ("hair", "face", "cloth")) > 0.98
    truth = segmentation(face, *SIZE, "plain")
    assert found.classes.shape == truth.shape
    assert found.faces == 1
    assert inside(found.classes, truth, "hair") > 0.9
    skin = np.where(np.isin(truth, [ID[name] for name in ("neck", "rr", "lr", "nose")]), ID["face"], truth)
    assert inside(found.classes, skin, "face") > 0.9


def test_beyond_the_crop_is_background_and_is_counted(grey):
    image = Image.new("RGB", (300, 200), "#E0E0E0")
    [found] = opened(grey[1], GivenFaces((130, 80, 160, 115))).parse([image])
    assert set(np.unique(found.classes)) == {0, ID["cloth"]}
    assert found.outside == pytest.approx((found.classes == 0).mean(), abs=0.01)
    assert 0.9 < found.outside < 0.99


@pytest.mark.parametrize("file", PORTRAITS, ids=lambda file: file.stem)
def test_a_photograph_comes_back_where_it_was(grey, file):
    image = Image.open(file).convert("RGB")
    width, height = image.size
    [found] = opened(grey[1], GivenFaces((0.25 * width, 0.15 * height, 0.75 * width, 0.6 * height))).parse([image])
    seen = found.classes != 0
    assert seen.mean() == pytest.approx(1 - found.outside, abs=0.01)
    assert (found.classes == grey[0].told(image))[seen].mean() > 0.97
    assert inside(found.classes, grey[0].told(image), "hair") > 0.85


@pytest.mark.parametrize("value", [0, 1, 255])
def test_black_and_white_pictures_are_no_error(grey, value):
    """pyfacer guesses the type from the largest value, which interpolation lifts a little above 1; then it asserts."""
    image = Image.new("RGB", SIZE, (value,) * 3)
    for aside in range(20):
        box = (5 + 1.7 * aside, 10, 65 + 2.3 * aside, 80 + 2.9 * aside)
        [found] = opened(grey[1], GivenFaces(box)).parse([image])
        assert set(np.unique(found.classes)) == {0, ID["cloth"] if value == 255 else ID["hair"]}


@pytest.mark.filterwarnings("ignore:.torch.jit.load:DeprecationWarning")
def test_pyfacer_itself_asserts_on_black_pictures(facer, grey):
    """If this fails, pyfacer was mended and the parser may stop scaling the pixels itself."""
    own = facer.face_parser("farl/celebm/448", device="cpu", model_path=str(grey[1]))
    black = torch.zeros(1, 3, 50, 50, dtype=torch.uint8)
    with pytest.raises(AssertionError):
        own(black, GivenFaces((10, 10, 40, 40))(black))


def test_pictures_of_a_batch_are_parsed_as_they_are_one_by_one(grey):
    rng = np.random.default_rng(0)
    sizes = [SIZE, (100, 120), SIZE, (100, 120)]
    images = [Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)) for size in sizes]
    parser = opened(grey[1], GivenFaces((30, 30, 80, 90)))
    together = parser.parse(images)
    for image, found in zip(images, together, strict=True):
        [alone] = parser.parse([image])
        assert np.array_equal(alone.classes, found.classes)
        assert alone.classes.shape == image.size[::-1]


def test_a_picture_without_a_face_is_all_background(grey):
    images = [Image.new("RGB", SIZE, "#808080")] * 3
    found = opened(grey[1], GivenFaces(HEAD, without=(1,))).parse(images)
    assert [each.faces for each in found] == [1, 0, 1]
    assert not found[1].classes.any()
    assert found[1].outside == 1
    assert np.array_equal(found[0].classes, found[2].classes)


def test_of_several_faces_the_largest_is_parsed(grey):
    image = Image.new("RGB", (400, 200), "#808080")
    small, large = (20.0, 60.0, 60.0, 110.0), (250.0, 50.0, 330.0, 150.0)
    parsers = [opened(grey[1], GivenFaces(*boxes)) for boxes in ((small, large), (large, small), (large,), (small,))]
    both, turned, alone, other = [parser.parse([image])[0] for parser in parsers]
    assert (both.faces, turned.faces, alone.faces) == (2, 2, 1)
    assert np.array_equal(both.classes, alone.classes)
    assert np.array_equal(turned.classes, alone.classes)
    assert not np.array_equal(other.classes, alone.classes)


def test_a_large_picture_is_parsed_smaller_and_its_map_is_as_large(grey):
    image = Image.new("RGB", (2 * LONGEST, LONGEST), "#808080")
    image.paste("#202020", (0, 0, LONGEST, LONGEST))
    [found] = opened(grey[1], GivenFaces((412, 206, 612, 406))).parse([image])
    assert found.classes.shape == (LONGEST, 2 * LONGEST)
    seen = found.classes != 0
    dark = np.zeros_like(seen)
    dark[:, :LONGEST] = True
    assert overlap(found.classes == ID["hair"], dark & seen) > 0.98


def test_pyfacers_detector_with_random_weights_finds_no_face(grey, random_detector):
    before = torch.backends.cudnn.benchmark
    parser = PyfacerParser(PyfacerOptions(weights=grey[1], detector_weights=random_detector, device="cpu"))
    assert torch.backends.cudnn.benchmark == before
    images = [picture(toy(index), *SIZE) for index in range(2)]
    for found in parser.parse(images):
        assert found.faces == 0
        assert not found.classes.any()
    assert parser.about["weights"] == hashlib.sha256(grey[1].read_bytes()).hexdigest()
    assert parser.about["detector_weights"] == hashlib.sha256(random_detector.read_bytes()).hexdigest()


def test_lapa_is_translated_by_name(facer, tmp_path):
    """Its hair is class 10 of 11, which is the nose in ours."""
    colours = {"#202020": 10, "#808080": 1, "#E0E0E0": 6}
    file = save(nearest_colour(colours, count=11), tmp_path / "lapa.pt")
    image = Image.new("RGB", SIZE, "#808080")
    image.paste("#202020", (0, 0, 178, 60))
    image.paste("#E0E0E0", (70, 100, 100, 130))
    [found] = opened(file, GivenFaces(HEAD), model="farl/lapa/448").parse([image])
    assert set(np.unique(found.classes)) - {0} == {ID["hair"], ID["face"], ID["nose"]}
    assert found.classes[115, 85] == ID["nose"]
    assert found.classes[30, 85] == ID["hair"]


def test_the_file_of_another_model_is_refused(grey):
    with pytest.raises(AdapterError, match="gives 19 classes, not the 11"):
        opened(grey[1], GivenFaces(HEAD), model="farl/lapa/448").parse([Image.new("RGB", SIZE)])


def test_unknown_names(grey):
    with pytest.raises(UnknownNameError, match="Did you mean 'farl/celebm/448'"):
        opened(grey[1], None, model="farl/celeb/448")
    with pytest.raises(UnknownNameError, match="retinaface"):
        PyfacerParser(PyfacerOptions(weights=grey[1], detector="retinaface"))
    with pytest.raises(ConfigError, match="no device"):
        PyfacerParser(PyfacerOptions(weights=grey[1], device="gpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_cuda_device_it_says_so(grey):
    with pytest.raises(ConfigError, match="no CUDA device here"):
        PyfacerParser(PyfacerOptions(weights=grey[1], device="cuda:0"), GivenFaces(HEAD))


def test_without_files_and_network_it_says_where_they_are(grey, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with no_network(monkeypatch):
        with pytest.raises(AdapterError, match=r"releases/download/models-v1/face_parsing\.farl\.celebm.*--weights"):
            opened(None, GivenFaces(HEAD))
        with pytest.raises(AdapterError, match=r"elliottzheng/face-detection.*mobilenet0.*--detector-weights"):
            opened(grey[1], None)
    with pytest.raises(ConfigError, match=r"--weights .*nowhere\.pt is not a file"):
        opened(tmp_path / "nowhere.pt", GivenFaces(HEAD))


def test_a_file_that_was_fetched_before_is_found(grey, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub/checkpoints/face_parsing.farl.celebm.main_ema_181500_jit.pt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(grey[1].read_bytes())
    with no_network(monkeypatch):
        assert opened(None, GivenFaces(HEAD)).parse([Image.new("RGB", SIZE)])[0].faces == 1


def test_a_parser_of_another_hash_is_not_opened(grey, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(ConfigError, match="it is a program"):
        opened(grey[1], GivenFaces(HEAD), sha256="0" * 64)


def test_a_parser_of_the_right_hash_is_opened(grey):
    right = hashlib.sha256(grey[1].read_bytes()).hexdigest().upper()
    assert opened(grey[1], GivenFaces(HEAD), sha256=right).parse([Image.new("RGB", SIZE)])


def test_what_is_no_torchscript_is_refused(facer, random_detector, tmp_path):
    (tmp_path / "page.pt").write_text("<html>Not Found</html>")
    for file in (tmp_path / "page.pt", random_detector):
        with pytest.raises(AdapterError, match="cannot be opened as a TorchScript file"):
            opened(file, GivenFaces(HEAD))


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was run",))


def test_a_detector_that_would_run_code_is_refused(grey, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    file = tmp_path / "trap.pth"
    file.write_bytes(pickle.dumps({"state_dict": Trap()}))
    torch.save({"state_dict": Trap()}, tmp_path / "zipped.pth")
    for trap in (file, tmp_path / "zipped.pth"):
        with pytest.raises(AdapterError, match="no file of plain tensors"):
            opened(grey[1], None, detector_weights=trap)


def test_the_detector_of_another_network_is_refused(grey, random_detector, tmp_path):
    """pyfacer would take it, if one name fits."""
    some = dict(itertools.islice(torch.load(random_detector).items(), 5))
    torch.save(some, tmp_path / "some.pth")
    with pytest.raises(AdapterError, match="belongs to another network"):
        opened(grey[1], None, detector_weights=tmp_path / "some.pth")
