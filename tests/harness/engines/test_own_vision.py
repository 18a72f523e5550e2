"""A port without its language model: what it makes of pictures, and what of a checkpoint is left for the words."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from harness.engines.own_vision import OwnVision
from tests import goldens, tiny_models
from tests.faceinsight import tiny

PORTS = ("minicpm-llama3-v2.5", "monkey-chat", "nvila-8b")


def weights(folder):
    return load_file(folder / "model.safetensors").items()


def in_parts():
    """As vLLM's loader gives them: the first folder's bare, the others' named after theirs."""
    folder = goldens.FOLDER / "nvila-8b" / "parts"
    yield from weights(folder / "llm")
    for part in ("vision_tower", "mm_projector"):
        yield from ((f"{part}.{name}", tensor) for name, tensor in weights(folder / part))


def plain(config):
    """The text's configuration as one of Llama or Qwen2."""
    text = config.get_text_config()
    kind = next(kind for kind in (LlamaConfig, Qwen2Config) if isinstance(text, kind))
    fields = {name: value for name, value in text.to_dict().items() if name not in ("model_type", "vision_config")}
    return kind(**json.loads(json.dumps(fields, default=str)))


def fits(words, config):
    """Whether these are the weights of the language model alone."""
    with torch.device("meta"):
        alone = AutoModelForCausalLM.from_config(plain(config)).state_dict()
    return {name: one.shape for name, one in words.items()} == {name: one.shape for name, one in alone.items()}


@pytest.mark.parametrize("name", PORTS)
def test_pictures_become_what_they_are_in_the_whole_network(name):
    model = tiny_models.model(name)
    own = OwnVision(model.config, torch.float32)
    words = dict(own.take(weights(goldens.checkpoint(name))))
    assert fits(words, model.config)
    batch = model.batch([tiny_models.picture(90, 50), tiny_models.picture(40, 70, 1)], ["?", "?"])
    tensors = {name: batch[name] for name in model.model.model.image_inputs}
    with torch.inference_mode():
        got, want = own.body.prompt_features(**tensors), model.model.model.image_features(**tensors)
    assert [len(one) for one in got] == model.image_tokens(batch)
    assert all(torch.equal(one, other) for one, other in zip(got, want, strict=True))


def test_faceinsight_puts_its_knowledge_behind_each_face(tmp_path):
    tiny.checkpoint(tmp_path)
    built = tiny.build()
    own = OwnVision(built.model.config, torch.float32)
    assert fits(dict(own.take(weights(tmp_path))), built.model.config)
    batch = tiny.inputs(built, ["Who?", "What is it?"])
    ids = batch["input_ids"]
    wordless = (ids == built.model.config.image_token_id) | (ids == built.model.config.knowledge_token_index)
    with torch.inference_mode():
        embedded = built.model.model.embed(**{name: one for name, one in batch.items() if name != "attention_mask"})
        got = own.body.prompt_features(pixel_values=batch["pixel_values"], seg_pixel_values=batch["seg_pixel_values"])
    for row, features in enumerate(got):
        assert torch.allclose(embedded[row][wordless[row]], features, atol=1e-6)


def test_in_bfloat16_faceinsight_keeps_in_float32_what_it_keeps_in_transformers():
    own = OwnVision(tiny.build().model.config, torch.bfloat16)
    assert own.body.vision_tower.dtype == torch.bfloat16
    assert {own.body.get_submodule(name).linear_1.weight.dtype for name in ("seg_projector", "text_projector")} == {
        torch.float32
    }


def test_a_checkpoint_in_parts_is_one():
    from adapters.ports.nvila import NVILAPartsConfig

    config = NVILAPartsConfig.from_pretrained(goldens.FOLDER / "nvila-8b" / "parts")
    own = OwnVision(config, torch.float32)
    words = dict(own.take(in_parts()))
    assert own.folders == ("llm", "vision_tower", "mm_projector")
    assert fits(words, config)
    added = words["lm_head.weight"][-3:]
    assert torch.allclose(added, words["lm_head.weight"][:-3].mean(0).expand_as(added))


def test_missing_and_misshapen_weights_are_errors():
    name = PORTS[0]
    config, found = tiny_models.model(name).config, dict(weights(goldens.checkpoint(name)))
    query = next(name for name in found if name.endswith("resampler.query"))
    with pytest.raises(ValueError, match="shape"):
        dict(OwnVision(config, torch.float32).take((found | {query: found[query][1:]}).items()))
    del found[query]
    with pytest.raises(ValueError, match=r"lacks 1 weights, resampler\.query"):
        dict(OwnVision(config, torch.float32).take(found.items()))
