"""Port = upstream: the same weights, image and question give the same ids, pixels, logits and greedy tokens.

The other side of each equation was computed by the upstream code itself; golden/NAME/note.toml says where and how.
"""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from adapters.registry import names, spec
from tests import goldens

PROVEN = sorted(path.parent.name for path in goldens.FOLDER.glob("*/cases.safetensors"))
NOTES = sorted(path.parent.name for path in goldens.FOLDER.glob("*/note.toml"))
EVERY = [(name, case) for name in PROVEN for case in goldens.CASES]

every = pytest.mark.parametrize(("name", "case"), EVERY)


def expected(name, case):
    everything = load_file(goldens.FOLDER / name / "cases.safetensors")
    return {key.removeprefix(f"{case}."): value for key, value in everything.items() if key.startswith(f"{case}.")}


@pytest.fixture
def batch(name, case):
    model = goldens.model(name)
    return model.batch([model.image(goldens.face(case))], [goldens.CASES[case]])


@every
def test_prompt_ids_are_upstreams(name, case, batch):
    assert batch["input_ids"][0].tolist() == expected(name, case)["input_ids"].tolist()


@every
def test_image_tensors_are_upstreams(name, case, batch):
    wanted = expected(name, case)
    fields = [key.removeprefix("image.") for key in wanted if key.startswith("image.")]
    assert fields
    for field in fields:
        if f"shape.{field}" in wanted:
            assert list(batch[field].shape) == wanted[f"shape.{field}"].tolist()
        if batch[field].is_floating_point():
            torch.testing.assert_close(goldens.sample(batch[field]), wanted[f"image.{field}"], rtol=0, atol=1e-5)
        else:
            assert batch[field].flatten().tolist() == wanted[f"image.{field}"].flatten().tolist()


@every
def test_logits_and_greedy_tokens_are_upstreams(name, case, batch):
    wanted = expected(name, case)
    tokens, logits = goldens.greedy(goldens.model(name).model, batch)
    assert tokens[0].tolist() == wanted["tokens"].tolist()
    torch.testing.assert_close(logits[0], wanted["logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", PROVEN)
def test_the_cases_could_fail(name):
    """Replies differ along the sequence and between the images, so they depend on what is seen."""
    replies = [tuple(expected(name, case)["tokens"].tolist()) for case in goldens.IMAGES]
    assert len(set(replies)) >= 3
    assert all(len(reply) >= goldens.STEPS and len(set(reply)) > 1 for reply in replies)


@pytest.mark.parametrize("name", PROVEN)
def test_a_batch_of_all_images_gives_the_tokens_of_each(name):
    model = goldens.model(name)
    faces = [model.image(goldens.face(image)) for image in goldens.IMAGES]
    batch = model.batch(faces, [goldens.QUESTIONS[0]] * len(faces))
    rows, _ = goldens.greedy(model.model, batch)
    for row, image in zip(rows.tolist(), goldens.IMAGES, strict=True):
        assert row == expected(name, image)["tokens"].tolist(), image


@pytest.mark.parametrize("name", PROVEN)
def test_in_bfloat16_it_is_the_same_network(name):
    """Wide random weights make rounding visible; a wrong cast or mask would turn the logits elsewhere."""
    half = spec(name).load()(str(goldens.checkpoint(name)), device="cpu", dtype="bfloat16")
    batch = half.batch([half.image(goldens.face("wide"))], [goldens.QUESTIONS[0]]).to("cpu", torch.bfloat16)
    _, logits = goldens.greedy(half.model, batch, steps=1)
    assert half.model.dtype == torch.bfloat16
    assert torch.cosine_similarity(logits[0, 0].float(), expected(name, "wide")["logits"][0], dim=0) > 0.99


@pytest.mark.parametrize("name", PROVEN)
def test_saving_writes_the_keys_and_numbers_upstream_wrote(name, tmp_path):
    """A checkpoint that went through here can still be read by upstream's code, and by vLLM."""
    model, report = AutoModelForImageTextToText.from_pretrained(
        goldens.checkpoint(name), dtype=torch.float32, output_loading_info=True
    )
    assert not any(report.values()), report
    model.save_pretrained(tmp_path)
    saved, published = load_file(tmp_path / "model.safetensors"), goldens.weights(name)
    assert set(saved) == set(published)
    for key, value in published.items():
        assert torch.equal(saved[key].float(), value.float()), key


@pytest.mark.parametrize("name", NOTES)
def test_the_note_says_where_from_and_what_is_not_proven(name):
    note = goldens.note(name)
    assert {"upstream", "revision", "files", "environment", "changed", "proven", "unproven", "fidelity"} <= set(note)
    assert note["fidelity"] == spec(name).fidelity


def test_every_listed_model_has_a_proof_of_at_most_5_mb():
    published = {name for name in names() if spec(name).listed and (spec(name).repo or spec(name).by_hand)}
    assert sorted(published) == NOTES
    for name in NOTES:
        assert sum(path.stat().st_size for path in (goldens.FOLDER / name).rglob("*") if path.is_file()) <= 5e6
        assert not list((goldens.FOLDER / name).rglob("*.py"))
