"""FaceInsight out of its parts: what is taken as it is, where the image adapter starts, adapters alone on disk."""

import pytest
import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from adapters.faceinsight import FaceInsight
from faceinsight import checkpoint
from faceinsight.assembly import Settings, assemble, frozen_half, pretrained
from faceinsight.labels import join, joint_labels
from faceinsight.modeling import KNOWLEDGE, TRAINED
from faceinsight.phrases import caption
from faceinsight.recipe import Parts
from faceinsight.rules import Rules, load_rules
from harness.errors import AdapterError, ConfigError
from tasks.registry import QUESTIONS
from tests.faceinsight import tiny

LABELS = joint_labels()


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Checkpoints of a CLIP, a ViT, and a LLaVA whose projector fits."""
    folder = tmp_path_factory.mktemp("parts")
    frozen = tiny.frozen()
    words = frozen.tokenizer
    text = {"vocab_size": len(words), "eos_token_id": len(words) - 1, "bos_token_id": 1, "pad_token_id": 3}
    text |= {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    clip = CLIPModel(
        CLIPConfig(text_config=text, vision_config=frozen.vision_tower.config.to_dict(), projection_dim=24)
    )
    for name, model in (("clip", clip), ("vit", tiny.tower("vit"))):
        model.save_pretrained(folder / name)
    words.save_pretrained(folder / "clip")
    frozen.image_processor.save_pretrained(folder / "clip")
    config = LlavaConfig(
        vision_config=frozen.vision_tower.config.to_dict(), text_config=frozen.language_model.config.to_dict(),
        image_token_index=4,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(folder / "llava")
    language = LlamaForCausalLM(frozen.language_model.config)
    language.save_pretrained(folder / "llama")
    for name in ("llava", "llama"):
        words.save_pretrained(folder / name)
    return folder


def built(parts, language="llava", segmentation=None, **settings):
    named = Parts(
        language=str(parts / language),
        face=str(parts / "clip"),
        segmentation=str(parts / segmentation) if segmentation else None,
    )
    frozen = pretrained(named, torch.float32)
    return assemble(frozen, Settings(**settings), LABELS, load_rules(), tiny.counts(LABELS))


@pytest.mark.parametrize("segmentation", [None, "vit"])
def test_the_frozen_parts_are_those_of_their_checkpoints(parts, segmentation):
    model = built(parts, segmentation=segmentation).model
    llava = LlavaForConditionalGeneration.from_pretrained(parts / "llava")
    clip = CLIPModel.from_pretrained(parts / "clip")
    pairs = [(model.model.language_model, llava.model.language_model), (model.lm_head, llava.lm_head)]
    pairs += [(model.model.vision_tower, clip.vision_model)]
    if segmentation is None:
        pairs += [(model.model.seg_tower, clip.vision_model)]
        assert model.model.seg_tower is not model.model.vision_tower
    for mine, theirs in pairs:
        own = {name.removeprefix("vision_model."): value for name, value in mine.state_dict().items()}
        assert all(torch.equal(own[n.removeprefix("vision_model.")], v) for n, v in theirs.state_dict().items())


def test_the_image_adapter_starts_from_llavas_projector_where_it_fits(parts):
    projector = LlavaForConditionalGeneration.from_pretrained(parts / "llava").model.multi_modal_projector
    warm, cold = built(parts).model.model, built(parts, "llama").model.model
    for name, value in projector.state_dict().items():
        assert torch.equal(warm.multi_modal_projector.state_dict()[name], value)
        assert not torch.equal(cold.multi_modal_projector.state_dict()[name], value)


def test_text_features_are_the_text_towers_with_elements_of_mean_square_one(parts):
    features = built(parts).model.model.correlation.text_features
    clip = CLIPModel.from_pretrained(parts / "clip").eval()
    words = tiny.tokenizer()
    for row in (0, 11, 79):
        ids = words(caption([LABELS.characteristics[row].phrase]), return_tensors="pt", return_token_type_ids=False)
        alone = clip.get_text_features(**ids).pooler_output[0]
        torch.testing.assert_close(features[row], alone / alone.norm() * 24**0.5, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(features.square().mean(1), torch.ones(len(LABELS)))


def test_adapters_alone_come_back_over_the_parts_their_config_names(parts, tmp_path):
    whole = built(parts)
    torch.manual_seed(9)
    for weight in whole.model.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1)
    whole.model.config.save_pretrained(tmp_path)
    whole.processor.save_pretrained(tmp_path)
    checkpoint.save_adapters(whole.model.state_dict(), tmp_path)
    stored = checkpoint.read_adapters(tmp_path)
    assert all(name.startswith((*TRAINED, *KNOWLEDGE)) for name in stored)
    again = checkpoint.load(tmp_path, torch.float32)
    own = whole.model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in again.state_dict().items())
    batch = tiny.inputs(whole, ["Who?"])
    behind_the_seam = FaceInsight(str(tmp_path), device="cpu").model
    assert torch.equal(
        behind_the_seam.characteristic_logits(**batch), whole.model.eval().characteristic_logits(**batch)
    )


def test_adapters_of_another_model_are_refused(parts, tmp_path):
    checkpoint.save_adapters(built(parts).model.state_dict(), tmp_path)
    with pytest.raises(AdapterError, match="does not fit"):
        checkpoint.load_adapters(tiny.build().model, tmp_path)
    with pytest.raises(AdapterError, match="holds no"):
        checkpoint.load_adapters(tiny.build().model, tmp_path / "nothing")


def test_the_frozen_half_of_a_whole_checkpoint_makes_another_model(tmp_path):
    first = tiny.build()
    first.model.save_pretrained(tmp_path)
    first.processor.save_pretrained(tmp_path)
    few = join([QUESTIONS["celeba"]])
    second = assemble(frozen_half(tmp_path), Settings(segmentation=False), few, Rules(), seed=4).model
    assert torch.equal(second.lm_head.weight, first.model.lm_head.weight)
    rows = [LABELS.names.index(name) for name in few.names]
    wanted = first.model.model.correlation.text_features[rows]
    assert torch.equal(second.model.correlation.text_features, wanted)
    fresh = second.model.multi_modal_projector.linear_1.weight
    assert not torch.equal(fresh, first.model.model.multi_modal_projector.linear_1.weight)


def test_the_seed_settles_what_is_drawn():
    weights = [tiny.build(seed=seed).model.state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert any(not torch.equal(value, weights[2][name]) for name, value in weights[0].items())


def test_parts_that_do_not_fit_are_named(parts, tmp_path):
    good = {"language": str(parts / "llama"), "face": str(parts / "clip")}
    with pytest.raises(AdapterError, match="no CLIP"):
        pretrained(Parts(**good | {"face": str(parts / "llama")}))
    with pytest.raises(AdapterError, match="cannot be loaded"):
        pretrained(Parts(**good | {"language": str(tmp_path / "nowhere")}))
    frozen = tiny.frozen()
    frozen.tokenizer.add_tokens([f"<extra{n}>" for n in range(9)])
    with pytest.raises(ConfigError, match="spare rows"):
        assemble(frozen, Settings(), LABELS, Rules())
