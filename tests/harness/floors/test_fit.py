"""Fitting floors to drawn faces: what is counted, what is never looked at, and the way through files."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from adapters.clip_probe import ClipProbe, Tower
from adapters.rates import Majority
from harness.errors import AdapterError, DataError, UnknownNameError
from harness.floors import features as cache
from harness.floors.features import features
from harness.floors.fit import FitOptions, fit
from harness.images import read
from harness.records import Decoding, Request
from tasks.datasets.options import DataOptions
from tasks.labels import label_space
from tasks.registry import samples
from tasks.toy import write_toy

COARSE = DataOptions.model_validate({"fairface": {"ages": "decades", "races": "five"}})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = write_toy(tmp_path_factory.mktemp("toy"), test=12, train=24, seed=5)
    for name in ("maad", "celeba", "expw"):
        shutil.rmtree(folder / name)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_HARNESS_CACHE", str(tmp_path / "cache"))


def options(root, tmp_path, **more):
    return FitOptions(data=root, out=tmp_path / "out", device="cpu", **more)


def config(folder):
    return json.loads((folder / "config.json").read_text())


def test_counts_are_those_of_the_training_split(root, tmp_path):
    found = config(fit("majority", options(root, tmp_path)))
    for name in ("fairface.age", "utkface.race", "raf-db"):
        gold = [sample.gold for sample in samples(name, root, "train").samples]
        assert found["heads"][name]["present"] == [gold.count(label) for label in label_space(name).labels]
        assert found["sources"][name]["faces"] == len(gold)
    assert "celeba" not in found["heads"]
    assert str(root) not in json.dumps(found)


def test_two_datasets_that_are_asked_in_one_space_teach_one_head(root, tmp_path):
    found = config(fit("prior", options(root, tmp_path, datasets=COARSE)))
    gold = [
        sample.gold
        for name in ("fairface.age", "utkface.age")
        for sample in samples(name, root, "train", options=COARSE).samples
    ]
    assert found["heads"]["utkface.age"]["present"] == [gold.count(one) for one in label_space("utkface.age").labels]
    assert found["datasets"] == {"fairface": {"ages": "decades", "races": "five"}}
    assert "fairface.age" not in found["answers_in"]


def test_labels_planted_in_the_test_split_change_nothing(root, tmp_path):
    before = config(fit("majority", options(root, tmp_path)))
    planted = tmp_path / "planted"
    shutil.copytree(root, planted)
    file = planted / "fairface" / "fairface_label_val.csv"
    head, *rows = file.read_text().splitlines()
    name = [row.split(",")[0] for row in rows]
    file.write_text("\n".join([head, *(f"{one},more than 70,Female,Middle Eastern,False" for one in name)]) + "\n")
    labels = planted / "raf-db" / "basic" / "EmoLabel" / "list_patition_label.txt"
    lines = [f"{line.split()[0]} 7" if line.startswith("test") else line for line in labels.read_text().splitlines()]
    labels.write_text("\n".join(lines) + "\n")
    assert len(samples("raf-db", planted, "test").samples) == 12
    assert {one.gold for one in samples("fairface.age", planted).samples} == {"more than 70"}
    assert config(fit("majority", options(planted, tmp_path))) == before


def test_a_limit_takes_a_part_and_the_same_one(root, tmp_path):
    first = config(fit("prior", options(root, tmp_path, limit=9)))
    assert {one["faces"] for one in first["sources"].values()} == {9}
    assert config(fit("prior", options(root, tmp_path, limit=9))) == first


def test_mistakes_are_sentences(root, tmp_path):
    with pytest.raises(UnknownNameError, match="majority"):
        fit("majoritty", options(root, tmp_path))
    with pytest.raises(DataError, match="6 of 6 datasets are missing"):
        fit("majority", options(tmp_path, tmp_path))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A whole CLIP of random weights, text and all."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    folder = tmp_path_factory.mktemp("clip")
    model = CLIPModel(
        CLIPConfig(vision_config=sizes | {"image_size": 28, "patch_size": 14}, text_config=sizes, projection_dim=8)
    )
    model.eval().save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def probe(root, clip, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACE_HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return fit("clip-probe", options(root, tmp_path_factory.mktemp("probe"), tower=str(clip)))


def asked(root, name):
    found = list(samples(name, root).samples)
    space = label_space(name).name
    return [Request(key=s.id, sample_id=s.id, image=s.image, text="?", space=space) for s in found]


def answers(model, requests):
    return model.answer(model.inputs([model.image(read(r.image)) for r in requests], requests), Decoding())


def test_a_probe_answers_with_its_weights_on_the_features_of_transformers_own_clip(root, clip, probe):
    requests = asked(root, "fairface.race")
    model = ClipProbe(str(probe), "cpu")
    found = answers(model, requests)
    whole, images = CLIPModel.from_pretrained(clip).eval(), CLIPImageProcessorPil.from_pretrained(clip)
    pixels = images([read(one.image) for one in requests], return_tensors="pt")[
        "pixel_values"
    ]  # drawn faces are square
    weights = load_file(probe / "probe.safetensors")
    with torch.inference_mode():
        features = whole.vision_model(pixels).pooler_output
        shares = (features @ weights["fairface.race.weight"].T + weights["fairface.race.bias"]).softmax(1)
    wanted = [dict(zip(label_space("fairface.race").labels, row, strict=True)) for row in shares.tolist()]
    for reply, row in zip(found, wanted, strict=True):
        assert reply.label_scores == pytest.approx(row, abs=1e-4)
        assert all(0 <= share <= 1 for share in reply.label_scores.values())
    (coarse,) = answers(model, [requests[0].model_copy(update={"space": "utkface.race"})])
    assert set(coarse.label_scores) == set(label_space("utkface.race").labels)


def test_features_are_found_again_and_a_broken_picture_has_none(root, clip, tmp_path, monkeypatch):
    tower = Tower(str(clip))
    images = [one.image for one in samples("raf-db", root, "train").samples]
    broken = images[0].model_copy(update={"path": tmp_path / "broken.jpg"})
    broken.path.write_bytes(b"no picture")
    monkeypatch.setattr(cache, "BLOCK", 10)
    monkeypatch.setattr(cache, "BATCH", 4)
    told = []
    first = features(tower, [broken, *images], tmp_path / "f", told.append)
    assert len(told) == 3
    assert np.isnan(first[0]).all()
    assert not np.isnan(first[1:]).any()
    with torch.inference_mode():
        alone = tower(tower.picture(read(images[7]))[None]).numpy()[0]
    assert first[8] == pytest.approx(alone, abs=1e-5)
    monkeypatch.setattr(Tower, "forward", None)  # whoever computes anything fails
    np.testing.assert_array_equal(features(tower, [broken, *images], tmp_path / "f", told.append), first)
    assert len(told) == 3


def test_a_fit_is_the_same_again_and_its_files_are_whole(root, clip, probe, tmp_path):
    again = fit("clip-probe", options(root, tmp_path, tower=str(clip)))
    assert (again / "probe.safetensors").read_bytes() == (probe / "probe.safetensors").read_bytes()
    assert config(again) == config(probe)
    assert {file.suffix for file in probe.rglob("*") if file.is_file()} == {".json", ".safetensors"}
    assert str(clip) not in (probe / "config.json").read_text()


def test_heads_of_another_tower_are_refused(probe, tmp_path):
    shutil.copytree(probe, tmp_path / "p")
    weights = load_file(probe / "probe.safetensors")
    save_file(weights | {"raf-db.weight": torch.zeros(7, 5)}, tmp_path / "p" / "probe.safetensors")
    with pytest.raises(AdapterError, match=r"head of 'raf-db' .* train clip-probe"):
        ClipProbe(str(tmp_path / "p"), "cpu")


def test_a_model_of_fewer_datasets_is_asked_what_it_knows(root, tmp_path):
    from adapters.registry import spec

    folder = fit("majority", options(root, tmp_path))
    known = spec(f"majority@{folder}").fitted("tiny")
    assert known.answers_in("raf-db")
    assert not known.answers_in("celeba")
    assert "celeba" not in Majority(str(folder), "cpu").heads
