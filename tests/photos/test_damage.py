"""Real photographs turned, recoded, cut off and renamed: each is read as it looks, or is an error that names it."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from harness.errors import ImageError
from harness.images import digest, read
from harness.records import ImageRef

ORIENTATION = 0x0112
T = Image.Transpose
STORED_AS = {
    1: None,
    2: T.FLIP_LEFT_RIGHT,
    3: T.ROTATE_180,
    4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE,
    6: T.ROTATE_90,
    7: T.TRANSVERSE,
    8: T.ROTATE_270,
}
"""EXIF orientation -> how an upright picture is turned to be stored under it."""
NAMES = (
    "Größe 顔写真 🙂.jpg",
    "-rf.jpg",
    "a b\tc\nd.jpg",
    "'\";$(touch x)`.jpg",
    "%s%n{0}.jpg",
    "<b>&amp;.jpg",
    "..jpg",
    "x" * 240 + ".jpg",
    b"\xff\xfe.jpg".decode("utf-8", "surrogateescape"),
)


def pixels(path):
    return np.asarray(read(ImageRef(path=path)))


def attempt(path):
    """The pixels, or what the error says; any other error goes through."""
    try:
        return pixels(path)
    except ImageError as error:
        return str(error)


def exif(orientation):
    found = Image.Exif()
    found[ORIENTATION] = orientation
    return found


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_turned_photograph_is_upright_again(portrait, tmp_path, orientation):
    turn = STORED_AS[orientation]
    stored = portrait if turn is None else portrait.transpose(turn)
    stored.save(tmp_path / "a.png", exif=exif(orientation))
    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(portrait))
    stored.save(tmp_path / "a.jpg", exif=exif(orientation), quality=92)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert np.array_equal(pixels(tmp_path / "a.jpg"), np.asarray(ImageOps.exif_transpose(opened)))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(portrait, tmp_path, orientation):
    portrait.save(tmp_path / "a.png", exif=exif(orientation))
    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(portrait))


def test_every_photograph_is_read_as_pil_reads_it(files):
    for path in files:
        with Image.open(path) as opened:
            assert np.array_equal(pixels(path), np.asarray(ImageOps.exif_transpose(opened).convert("RGB")))


def test_grey_is_grey_in_all_three_channels(portrait, tmp_path):
    grey = portrait.convert("L")
    for name in ("a.png", "a.tif", "a.bmp"):
        grey.save(tmp_path / name)
        assert np.array_equal(pixels(tmp_path / name), np.repeat(np.asarray(grey)[..., None], 3, axis=2))


def test_opaque_alpha_changes_nothing_and_the_transparent_is_white(portrait, tmp_path):
    image = portrait.convert("RGBA")
    image.save(tmp_path / "opaque.png")
    assert np.array_equal(pixels(tmp_path / "opaque.png"), np.asarray(portrait))
    image.paste((1, 2, 3, 0), (0, 0, 40, 30))
    image.save(tmp_path / "cut.png")
    found = pixels(tmp_path / "cut.png")
    assert (found[:30, :40] == 255).all()
    assert np.array_equal(found[30:], np.asarray(portrait)[30:])


def test_cmyk_looks_the_same(portrait, tmp_path):
    cmyk = portrait.convert("CMYK")
    cmyk.save(tmp_path / "a.tif")
    assert np.array_equal(pixels(tmp_path / "a.tif"), np.asarray(cmyk.convert("RGB")))
    cmyk.save(tmp_path / "a.jpg", quality=95)
    assert np.abs(pixels(tmp_path / "a.jpg").astype(int) - np.asarray(portrait)).mean() < 4


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_look_the_same(portrait, tmp_path, name):
    grey = np.asarray(portrait.convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / name)
    assert np.abs(pixels(tmp_path / name)[..., 0].astype(int) - grey).max() == 0


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.0005, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_named(files, tmp_path, share):
    for path in files:
        whole = path.read_bytes()
        cut = tmp_path / f"cut {path.name}"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError, match=f"cut {path.stem}.*cannot be read"):
            read(ImageRef(path=cut))


def test_without_its_last_byte_a_photograph_is_whole_or_an_error(files, tmp_path):
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
        found = attempt(tmp_path / path.name)
        assert np.array_equal(found, pixels(path)) if isinstance(found, np.ndarray) else path.name in found


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_within_never_escapes_as_another_error(files, tmp_path):
    """Bytes overwritten anywhere: PIL raises a dozen kinds of error, or decodes something."""
    rng = np.random.default_rng(0)
    for number, path in enumerate(files * 3):
        content = bytearray(path.read_bytes())
        for at in rng.integers(0, len(content) if number % 3 else 600, 12):
            content[at] = int(rng.integers(0, 256))
        (tmp_path / "damaged.jpg").write_bytes(content)
        found = attempt(tmp_path / "damaged.jpg")
        assert found.shape[2] == 3 if isinstance(found, np.ndarray) else "damaged.jpg" in found


def test_the_format_is_told_by_the_content(portrait, tmp_path):
    portrait.save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(pixels(tmp_path / "a.jpg"), np.asarray(portrait))
    portrait.save(tmp_path / "plain.jpg", "JPEG", quality=90)
    portrait.save(tmp_path / "progressive.png", "JPEG", quality=90, progressive=True)
    assert np.array_equal(pixels(tmp_path / "progressive.png"), pixels(tmp_path / "plain.jpg"))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_only_a_name(files, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(files[0].read_bytes())
    assert digest(read(ImageRef(path=path))) == digest(read(ImageRef(path=files[0])))
    path.write_bytes(files[0].read_bytes()[:500])
    with pytest.raises(ImageError) as caught:
        read(ImageRef(path=path))
    assert str(path) in str(caught.value)
