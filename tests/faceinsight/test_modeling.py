"""The network: what learns, what it equals, what does not change an answer, what survives a save."""

import pytest
import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from faceinsight.losses import binary_cross_entropy
from faceinsight.modeling import TRAINED, FaceInsightForConditionalGeneration
from tests.faceinsight import tiny

QUESTIONS = ["Who?", "What is the gender of the person in this image? Choose one of: Male, Female."]
ADAPTERS = [f"{name}.linear_{layer}.{kind}" for name in ("multi_modal_projector", "seg_projector", "text_projector")
            for layer in (1, 2) for kind in ("weight", "bias")]  # fmt: skip
GRAPH = ["correlation.layers.0.weight", "correlation.layers.1.weight"]


@pytest.fixture(scope="module")
def built():
    return tiny.build()


def truth(built, rows=2):
    torch.manual_seed(1)
    labels = torch.rand(rows, len(built.model.config.labels)) < 0.4
    return {"characteristic_labels": labels.float(), "characteristic_mask": torch.rand(labels.shape) < 0.7}


def test_three_adapters_and_the_graph_learn_and_nothing_else(built):
    learning = {name for name, weight in built.model.named_parameters() if weight.requires_grad}
    assert learning == {f"model.{name}" for name in ADAPTERS + GRAPH}


def test_gradients_reach_all_that_learns_and_a_step_changes_nothing_else():
    built = tiny.build(seed=3)
    before = {name: value.clone() for name, value in built.model.state_dict().items()}
    optimiser = torch.optim.AdamW([w for w in built.model.parameters() if w.requires_grad], lr=1e-2)
    built.model(**tiny.inputs(built, QUESTIONS), **truth(built)).loss.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in built.model.parameters() if weight.requires_grad)
    optimiser.step()
    changed = {name for name, value in built.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"model.{name}" for name in ADAPTERS + GRAPH}


@pytest.mark.parametrize("missing", ["segmentation", "graph"])
def test_parts_that_are_not_configured_are_not_there(missing):
    built = tiny.build(segmentation=missing != "segmentation", gcn_layers=0 if missing == "graph" else 2)
    names = {name.split(".")[1] for name, _ in built.model.named_parameters()}
    assert ("seg_tower" in names) is (missing != "segmentation")
    assert ("correlation" in names) is (missing != "graph")
    logits = built.model.characteristic_logits(**tiny.inputs(built, QUESTIONS))
    assert logits.isfinite().all()


def test_without_its_additions_it_is_llava():
    """Parity: the same weights in transformers' LLaVA give the same logits and the same tokens."""
    built = tiny.build(segmentation=False)
    config = built.model.config
    llava = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=config.vision_config.to_dict(), text_config=config.text_config.to_dict(),
            image_token_index=config.image_token_index,
        )
    ).eval()  # fmt: skip
    own = built.model.state_dict()
    llava.load_state_dict({name: own[name] for name in llava.state_dict()})
    processor = built.processor
    processor.characteristics = 0  # no knowledge tokens in the prompt
    batch = tiny.inputs(built, QUESTIONS)
    assert torch.equal(built.model(**batch).logits, llava(**batch).logits)
    wanted = {"max_new_tokens": 8, "do_sample": False, "suppress_tokens": None, "pad_token_id": 3}
    assert torch.equal(built.model.generate(**batch, **wanted), llava.generate(**batch, **wanted))


def test_padding_on_the_left_changes_nothing(built):
    batch = tiny.inputs(built, QUESTIONS)
    assert (batch["attention_mask"][0] == 0).any()
    together = built.model.characteristic_logits(**batch)
    for row, question in enumerate(QUESTIONS):
        alone = tiny.inputs(built, QUESTIONS[: row + 1])
        single = {name: value[-1:] for name, value in alone.items()}
        kept = single["attention_mask"][0].bool()
        single |= {name: single[name][:, kept] for name in ("input_ids", "attention_mask")}
        assert question in QUESTIONS
        torch.testing.assert_close(built.model.characteristic_logits(**single)[0], together[row], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_generate_goes_on_from_the_embedded_prompt_as_from_the_ids(built, beams):
    """So a stock language model behind `embed` (vLLM's prompt embeddings) writes what FaceInsight writes."""
    batch = tiny.inputs(built, QUESTIONS)
    options = {"max_new_tokens": 6, "num_beams": beams, "do_sample": False, "pad_token_id": 3}
    whole = built.model.generate(**batch, **options)[:, batch["input_ids"].shape[1] :]
    embedded = built.model.model.embed(**{name: batch[name] for name in batch if name != "attention_mask"})
    stock = LlamaForCausalLM(built.model.config.text_config).eval()
    stock.model, stock.lm_head = built.model.model.language_model, built.model.lm_head
    suppressed = built.model.generation_config.suppress_tokens
    parts = stock.generate(
        inputs_embeds=embedded, attention_mask=batch["attention_mask"], suppress_tokens=suppressed, **options
    )
    assert torch.equal(whole, parts)
    logits = built.model(**batch).logits
    assert torch.equal(logits, stock(inputs_embeds=embedded, attention_mask=batch["attention_mask"]).logits)


def test_a_generated_token_is_never_a_placeholder(built):
    head = built.model.lm_head.weight
    saved = head.clone()
    with torch.no_grad():
        head[built.model.config.knowledge_token_index] = 50 * head.mean(0)
        head[built.model.config.image_token_index] = -50 * head.mean(0)
    batch = tiny.inputs(built, QUESTIONS)
    new = built.model.generate(**batch, max_new_tokens=6, pad_token_id=3)[:, batch["input_ids"].shape[1] :]
    with torch.no_grad():
        head.copy_(saved)
    assert not torch.isin(new, torch.tensor(built.model.generation_config.suppress_tokens)).any()


@pytest.mark.parametrize("seg", tiny.SEG_KINDS)
def test_a_saved_model_is_the_same_through_the_auto_classes(seg, tmp_path):
    built = tiny.build(seg)
    built.model.save_pretrained(tmp_path)
    built.processor.save_pretrained(tmp_path)
    again, report = AutoModelForImageTextToText.from_pretrained(tmp_path, output_loading_info=True)
    assert isinstance(again, FaceInsightForConditionalGeneration)
    assert not any(report.values())
    own = built.model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in again.state_dict().items())
    processor = AutoProcessor.from_pretrained(tmp_path)
    processor.image_processor = built.processor.image_processor
    batch = tiny.inputs(built, QUESTIONS)
    same = tiny.inputs(built._replace(processor=processor), QUESTIONS)
    assert all(torch.equal(batch[name], same[name]) for name in batch)
    assert torch.equal(again.eval().characteristic_logits(**same), built.model.characteristic_logits(**batch))


def test_in_bfloat16_what_learns_and_the_head_stay_float32(built, tmp_path):
    built.model.save_pretrained(tmp_path)
    half = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    kept = {name for name, value in half.named_parameters() if value.dtype == torch.float32}
    assert kept == {*(f"model.{name}" for name in ADAPTERS + GRAPH), "lm_head.weight"}
    assert half.model.correlation.correlation.dtype == torch.float32
    batch = tiny.inputs(built, QUESTIONS)
    logits = half.characteristic_logits(**batch.to("cpu", torch.bfloat16))
    assert logits.dtype == torch.float32
    exact = built.model.characteristic_logits(**tiny.inputs(built, QUESTIONS))
    assert torch.nn.functional.cosine_similarity(logits.flatten(), exact.flatten(), dim=0) > 0.98


def test_the_loss_is_eq_4(built):
    batch, known = tiny.inputs(built, QUESTIONS), truth(built)
    output = built.model(**batch, **known)
    logits, labels, mask = output.characteristic_logits, known["characteristic_labels"], known["characteristic_mask"]
    total = sum(
        float(torch.nn.functional.binary_cross_entropy_with_logits(logits[i, j], labels[i, j]))
        for i in range(2) for j in range(logits.shape[1]) if mask[i, j]
    )  # fmt: skip
    assert float(binary_cross_entropy(logits, labels, mask)) == pytest.approx(total / 2, rel=1e-5)
    logical = float(built.model.logic(logits, mask))
    assert logical > 0
    assert float(output.loss) == pytest.approx(total / 2 + logical, rel=1e-5)


def test_the_language_loss_joins_with_its_weight():
    built = tiny.build(lm_weight=0.5)
    batch, known = tiny.inputs(built, QUESTIONS, "right"), truth(built)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    alone = built.model(**batch, **known).loss
    written = built.model(**batch, labels=labels).loss
    assert float(built.model(**batch, labels=labels, **known).loss) == pytest.approx(
        float(alone + 0.5 * written), rel=1e-5
    )


def test_eight_faces_can_be_learnt_by_heart():
    built = tiny.build(seed=5)
    questions = [QUESTIONS[0]] * 8
    batch, known = tiny.inputs(built, questions), truth(built, 8)
    known["characteristic_labels"][:, 0] = torch.tensor([0, 1] * 4).float()
    optimiser = torch.optim.AdamW([w for w in built.model.parameters() if w.requires_grad], lr=3e-3)
    built.model.config.logic_weight = 0.0  # random labels break the rules
    for _ in range(150):
        output = built.model(**batch, **known)
        output.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    right = (output.characteristic_logits > 0) == known["characteristic_labels"].bool()
    assert right[known["characteristic_mask"]].float().mean() > 0.97


def test_wrong_numbers_of_places_are_errors(built):
    batch = tiny.inputs(built, QUESTIONS)
    for token in (built.model.config.image_token_index, built.model.config.knowledge_token_index):
        ids = batch["input_ids"].clone()
        ids[0, (ids[0] == token).nonzero()[0]] = 7
        with pytest.raises(ValueError, match="tokens"):
            built.model(**{**batch, "input_ids": ids})


def test_maps_must_come_just_where_there_is_a_tower(built):
    batch = dict(tiny.inputs(built, QUESTIONS))
    del batch["seg_pixel_values"]
    with pytest.raises(ValueError, match="segmentation maps"):
        built.model(**batch)
    with pytest.raises(ValueError, match="segmentation maps"):
        built.processor(images=[[tiny.face(0).picture]], text=["<image>"], return_tensors="pt")


def test_trained_names_are_prefixes_of_something():
    names = [name for name, _ in tiny.build().model.named_parameters()]
    assert all(any(name.startswith(prefix) for name in names) for prefix in TRAINED)
