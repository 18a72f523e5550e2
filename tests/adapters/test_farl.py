"""FaRL's attribute head against pyfacer's own class: of the same weights, picture and points the same probabilities."""

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.detection import Face
from adapters.farl import ALIGNED_POINTS, FaRL, Shape, network
from tasks.labels import label_space
from tests import goldens
from tests.specialists import filled

pytestmark = pytest.mark.slow
POINTS = {
    "square": ((200, 210), (300, 200), (255, 260), (215, 320), (300, 310)),
    "wide": ((100, 90), (160, 95), (130, 130), (105, 160), (150, 165)),
    "tiny": ((6, 5), (12, 5), (9, 8), (7, 11), (11, 11)),
}


@pytest.fixture(scope="module", autouse=True)
def undrawn():
    """Networks are made without the first weights they draw, which take seconds and are put aside at once."""
    model = pytest.importorskip("facer.farl.model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "trunc_normal_", lambda weight, **_: weight)
        patch.setattr(torch.nn.init, "kaiming_uniform_", lambda weight, **_: weight)
        yield


@pytest.fixture(scope="module")
def upstream():
    """pyfacer's class with drawn weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Module, "cuda", lambda self, *_: self)
        from facer.face_attribute import farl

        tensors = filled(network(Shape()))
        patch.setattr(farl, "download_jit", lambda *_, **__: tensors)
        return farl.FaRLFaceAttribute()


@pytest.fixture(scope="module")
def model(upstream, tmp_path_factory):
    file = tmp_path_factory.mktemp("farl") / "face_attribute.farl.celeba.pt"
    torch.save(upstream.net.state_dict(), file)
    return FaRL(str(file), "cpu")


@pytest.mark.parametrize("name", POINTS)
def test_probabilities_are_pyfacers(upstream, model, name):
    image = goldens.face(name)
    points = np.array(POINTS[name], np.float64)
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None]
    data = {"image_ids": torch.tensor([0]), "points": torch.from_numpy(points).float()[None]}
    with torch.inference_mode():
        wanted = upstream(pixels, data)["attrs"][0]
        found = model.read(model.prepared(image, Face((0, 0, 1, 1), points))[None])["celeba"][0].sigmoid()
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    assert wanted.std() > 0.05  # weights that tell attributes apart


def test_labels_are_pyfacers_and_celebas(upstream, model):
    assert model.heads["celeba"] == tuple(upstream.labels) == label_space("celeba").labels


def test_whole_pictures_are_aligned_by_celebas_points(model):
    """A picture of another size than CelebA's is scaled to it first; a face where CelebA has it needs no detector."""
    image = goldens.IMAGES["square"]().resize((178, 218))
    given = model.prepared(image, Face((0, 0, 1, 1), np.array(ALIGNED_POINTS)))
    assert torch.equal(model.image(image), given)
    twice = model.image(image.resize((356, 436), Image.Resampling.BICUBIC))
    assert (twice - given).abs().mean() < 0.15
    assert (twice - given).abs().mean() < 0.3 * (model.image(image.rotate(8)) - given).abs().mean()
