"""The image tokens of a request are those that the upstream code gave its network, in a batch and alone."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapters.base import Reply
from adapters.generic import Generic
from adapters.ports.internvl.processing import InternVLChatImageProcessor
from adapters.ports.minicpm_v.images import MiniCPMVImageProcessor
from adapters.ports.nvila.images import NVILAImageProcessor
from adapters.registry import spec
from harness.records import Decoding, Response
from tests import goldens, tiny_models
from tests.faceinsight import tiny as tiny_faceinsight

NAMES = tiny_models.NAMES
SHAPES = ("square", "wide", "tall", "tiny")
ONE = Decoding(max_new_tokens=1)

every = pytest.mark.parametrize("name", NAMES)


def upstream(name, shape):
    """How often the image token stands in the ids that the upstream code made."""
    ids = load_file(goldens.FOLDER / name / "cases.safetensors")[f"{shape}.input_ids"]
    return int((ids == goldens.model(name).config.image_token_id).sum())


def counted(name, shapes):
    model = goldens.model(name)
    faces = [model.image(goldens.face(shape)) for shape in shapes]
    return [reply.image_tokens for reply in model.answer(model.batch(faces, [goldens.QUESTIONS[0]] * len(faces)), ONE)]


@every
def test_alone_they_are_upstreams(name):
    assert [counted(name, [shape])[0] for shape in SHAPES] == [upstream(name, shape) for shape in SHAPES]


@every
def test_in_a_batch_they_are_what_they_are_alone(name):
    assert counted(name, SHAPES) == [counted(name, [shape])[0] for shape in SHAPES]


@every
def test_they_are_as_many_as_the_features(name):
    """What the network itself makes of the picture, whatever stands in the prompt."""
    model = goldens.model(name)
    for shape in SHAPES:
        batch = model.batch([model.image(goldens.face(shape))], ["?"])
        images = {key: value for key, value in batch.items() if key not in ("input_ids", "attention_mask")}
        images.pop("mm_token_type_ids", None)
        with torch.no_grad():
            features = model.model.model.get_image_features(**images, return_dict=True).pooler_output
        assert sum(len(one) for one in features) == counted(name, [shape])[0]


DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0011-pixels-are-protocol.md"
SIZES = ((224, 224), (178, 218), (100, 100))


def at_the_published_geometry(name, size):
    """Image tokens of a face in profile paper; of ports whose golden tiles are small, by their image side alone."""
    face = tiny_models.picture(*size)
    if name == "internvl2.5-8b":
        tiling = InternVLChatImageProcessor(size={"height": 448, "width": 448}, min_patches=1, max_patches=12)
        return int(tiling([face])["num_tiles"][0]) * 256
    if name == "minicpm-llama3-v2.5":
        return len(MiniCPMVImageProcessor()([face])["patch_grids"]) * 96
    if name == "nvila-8b":
        return NVILAImageProcessor().tokens(NVILAImageProcessor()([face])["block_sizes"][0].tolist())
    found = spec(name)
    model = found.load()(str(goldens.checkpoint(name)), device="cpu", protocol=found.protocol.get("paper"))
    (count,) = model.image_tokens(model.batch([model.image(face)], ["?"]))
    return count


@every
def test_the_table_of_the_decision_is_what_is_counted(name):
    (row,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", DECISION.read_text(encoding="utf-8"), re.MULTILINE)
    written = [int(cell.replace(",", "")) for cell in row.split("|")]
    assert written == [at_the_published_geometry(name, size) for size in SIZES]


def test_faceinsights_are_those_of_the_face_and_of_the_map(tmp_path):
    from adapters.faceinsight import FaceInsight

    model = FaceInsight(str(tiny_faceinsight.checkpoint(tmp_path)), device="cpu", dtype="float32")
    side = tiny_faceinsight.SIDE // tiny_faceinsight.PATCH
    faces = [tiny_faceinsight.face(0, size) for size in ((40, 50), (90, 40), (17, 23))]
    features = model.batch(faces, ["Who?", "How old is this person?", "?"])
    assert model.image_tokens(features) == [2 * side**2] * 3
    features["spaces"] = ["fairface.gender"] * 3
    assert [reply.image_tokens for reply in model.answer(features, ONE)] == [2 * side**2] * 3


def test_one_placeholder_of_an_unknown_network_tells_nothing():
    model = Generic(str(tiny_models.checkpoint("llava-onevision-7b-si")), device="cpu")
    image = model.config.image_token_id
    rows = torch.tensor([[image, 5, 5], [image, image, 5]])
    assert model.image_tokens({"input_ids": rows, "attention_mask": torch.ones_like(rows)}) == [None, 2]


def test_what_is_not_known_is_not_written():
    """Rows of runs from before there was a count are as valid as ever."""
    row = Response(key="k", sample_id="s", finish="stop")
    assert "image_tokens" not in row.model_dump_json(exclude_defaults=True)
    assert Response.model_validate_json(row.model_dump_json(exclude_defaults=True)) == row
    assert Reply(text="", finish="stop", prompt_tokens=1, new_tokens=1).image_tokens is None
