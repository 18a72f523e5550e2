"""What is particular to Monkey: its tokens, its views, its length, and the layout of its files."""

import copy
import json
import unicodedata
from functools import cache
from itertools import pairwise

import pytest
import regex
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoProcessor

from adapters.monkey import MonkeyChat
from adapters.ports.monkey import MonkeyConfig, MonkeyImageProcessor, MonkeyLMHeadModel
from adapters.ports.monkey.tokenization import PATTERN, RANKS_FILE, SPECIAL, fast_tokenizer, read_ranks
from adapters.ports.monkey.vision import sines, stretched
from harness.errors import AdapterError
from harness.records import Decoding
from tests import goldens

NAME = "monkey-chat"
FOLDER = goldens.FOLDER / NAME
TEXT_IDS = json.loads((FOLDER / "text_ids.json").read_text(encoding="utf-8"))
TINY = {
    "vocab_size": 40, "hidden_size": 128, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4,
    "kv_channels": 32, "seq_length": 64, "image_token_id": 3, "initializer_range": 0.2,
    "visual": {
        "image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "heads": 4, "mlp_ratio": 2.0, "output_dim": 128,
        "n_queries": 4,
    },
}  # fmt: skip
PUBLISHED = {
    "architectures": ["MonkeyLMHeadModel"],
    "auto_map": {
        "AutoConfig": "configuration_qwen.QWenConfig", "AutoModelForCausalLM": "modeling_monkey.MonkeyLMHeadModel",
    },
    "bf16": True, "fp16": False, "hidden_size": 4096, "intermediate_size": 22016, "kv_channels": 128,
    "layer_norm_epsilon": 1e-06, "max_position_embeddings": 8192, "model_type": "monkey", "no_bias": True,
    "num_attention_heads": 32, "num_hidden_layers": 32, "rotary_emb_base": 10000, "rotary_pct": 1.0, "seq_length": 2048,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_dynamic_ntk": True, "use_logn_attn": True,
    "visual": {
        "heads": 16, "image_size": 896, "image_start_id": 151857, "layers": 48, "mlp_ratio": 4.9231, "output_dim": 4096,
        "patch_size": 14, "width": 1664, "lora_repeat_num": 4,
    },
    "vocab_size": 151936,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@cache
def ranks():
    return read_ranks((FOLDER / "checkpoint" / RANKS_FILE).read_bytes())


@cache
def tokenizer():
    return fast_tokenizer(ranks(), 2048)


@cache
def tiny():
    """A small network whose adapters are not the zeros they start as."""
    torch.manual_seed(0)
    model = MonkeyLMHeadModel._from_config(MonkeyConfig(**TINY), dtype=torch.float32).eval()
    for name, weight in model.named_parameters():
        if name.endswith("lora_b.weight"):
            torch.nn.init.normal_(weight, std=0.5)
    return model


def merged(text):
    """tiktoken's rule in its plainest form: merge the pair whose union has the lowest rank, the leftmost first."""
    ids = []
    for piece in regex.findall(PATTERN, unicodedata.normalize("NFC", text)):
        parts = [bytes([byte]) for byte in piece.encode()]
        while True:
            pairs = [(ranks().get(a + b), place) for place, (a, b) in enumerate(pairwise(parts))]
            known = [pair for pair in pairs if pair[0] is not None]
            if not known:
                break
            place = min(known)[1]
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        ids += [ranks()[part] for part in parts]
    return ids


# Tokens


@pytest.mark.parametrize(("text", "ids"), TEXT_IDS)
def test_text_becomes_upstreams_ids(text, ids):
    assert tokenizer().encode(text, add_special_tokens=False) == ids


ODD = st.text(st.sampled_from("ab eE\u0301\n\r\t'sS=-01.é中\u3000\u00a0ſ😀"), max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=40), ODD))
def test_any_text_is_merged_as_tiktoken_merges_and_comes_back(text):
    text = unicodedata.normalize("NFC", text)
    assume(not any(token in text for token in SPECIAL))
    # The tables of the two libraries are of two versions of Unicode, and differ in marks that came with the later one.
    assume(tokenizer().backend_tokenizer.normalizer.normalize_str(text) == text)
    ids = tokenizer().encode(text, add_special_tokens=False)
    assert ids == merged(text)
    assert tokenizer().decode(ids, clean_up_tokenization_spaces=False) == text


def test_special_tokens_follow_the_ranks_in_the_published_order():
    first = len(ranks())
    assert tokenizer().convert_tokens_to_ids(list(SPECIAL)) == list(range(first, first + 217))
    published = 151_643
    for token, number in {"<|endoftext|>": 151_643, "<ref>": 151_851, "<img>": 151_857, "<imgpad>": 151_859}.items():
        assert published + SPECIAL.index(token) == number
    assert tokenizer().pad_token == tokenizer().eos_token == "<|endoftext|>"
    assert tokenizer().bos_token is None


def test_ranks_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"."):
        read_ranks(b"not ranks at all")


@pytest.mark.parametrize("token", ["<img>", "</img>", "<imgpad>", "<|endoftext|>", "<|extra_7|>", "<box>"])
def test_a_question_cannot_pass_for_an_image_or_an_end(token):
    with pytest.raises(AdapterError, match="special token"):
        goldens.model(NAME).prompt(f"What is {token}?")


# Prompt


def test_the_picture_stands_between_its_tags_and_nowhere_is_a_path():
    model = goldens.model(NAME)
    ids = model.batch([goldens.IMAGES["tiny"]()], ["Who?"])["input_ids"][0]
    start, end, pad = model.tokenizer.convert_tokens_to_ids(["<img>", "</img>", "<imgpad>"])
    assert ids[:1282].tolist() == [start, *[pad] * 1280, end]
    assert model.tokenizer.decode(ids[1282:]) == " Who? Answer: "


def test_a_prompt_longer_than_the_trained_length_is_refused():
    model = goldens.model(NAME)
    with pytest.raises(AdapterError, match="longer than the 2048"):
        model.batch([goldens.IMAGES["tiny"]()], ["0" * 800])


def test_an_answer_is_never_empty():
    assert goldens.model(NAME).generation(Decoding())["min_new_tokens"] == 1


def test_answers_beyond_the_trained_length_are_upstreams():
    """The prompt ends at the trained length, so every new token has its queries scaled."""
    wanted = load_file(FOLDER / "beyond.safetensors")
    fields = json.loads((goldens.checkpoint(NAME) / "config.json").read_text(encoding="utf-8"))
    config = MonkeyConfig(**fields | {"seq_length": len(wanted["prompt"])})
    model = MonkeyLMHeadModel.from_pretrained(goldens.checkpoint(NAME), config=config, dtype=torch.float32).eval()
    inputs = {"input_ids": wanted["prompt"][None], "attention_mask": torch.ones_like(wanted["prompt"])[None]}
    tokens, logits = goldens.greedy(model, inputs, steps=len(wanted["tokens"]))
    assert tokens[0].tolist() == wanted["tokens"].tolist()
    torch.testing.assert_close(logits[0], wanted["logits"], rtol=0, atol=1e-4)


# Views


def test_views_are_the_quarters_row_by_row_and_then_the_whole():
    image = goldens.IMAGES["square"]()
    quarter = image.crop((0, 0, 250, 250))
    processor = MonkeyImageProcessor(image_size=64, tokens=5)
    plain = processor([image])["pixel_values"]
    assert plain.shape == (5, 3, 32, 32)
    for view, corner in enumerate([(0, 0), (250, 0), (0, 250), (250, 250)]):
        changed = image.copy()
        changed.paste(quarter.rotate(180), corner)
        differs = (processor([changed])["pixel_values"] - plain).abs().amax(dim=(1, 2, 3)) > 0.3
        assert differs.tolist() == [place in (view, 4) for place in range(5)]


def test_each_window_has_adapters_of_its_own_and_the_whole_has_none():
    tower = copy.deepcopy(tiny().model.visual)
    pixels = torch.randn(10, 3, 16, 16)
    plain = tower(pixels).unflatten(1, (5, 4))
    for window in range(4):
        for name, weight in tower.named_parameters():
            if f"_lora.{window}.lora_scale" in name:
                weight.data += 1
        differs = (tower(pixels).unflatten(1, (5, 4)) - plain).abs().amax(dim=(0, 2, 3)) > 1e-3
        assert differs.tolist() == [place <= window for place in range(5)]


def test_features_of_a_batch_are_those_of_each_image():
    pixels = torch.randn(15, 3, 16, 16)
    together = tiny().model.image_features(pixel_values=pixels)
    assert [tuple(one.shape) for one in together] == [(20, 128)] * 3
    for image, features in enumerate(together):
        (alone,) = tiny().model.image_features(pixel_values=pixels[5 * image : 5 * image + 5])
        torch.testing.assert_close(features, alone, rtol=0, atol=1e-5)


def test_the_fixed_positions_are_the_published_ones():
    stored = goldens.weights(NAME)["transformer.visual.attn_pool.pos_embed"]
    assert torch.equal(sines(16, 256).to(stored.dtype), stored)
    assert not tiny().model.visual.attn_pool.pos_embed.requires_grad


def test_positions_stretch_to_any_square():
    positions = torch.randn(9, 2)
    assert stretched(positions, 9) is positions
    assert stretched(positions, 25).shape == (25, 2)
    torch.testing.assert_close(stretched(torch.ones(9, 2), 16), torch.ones(16, 2))


# Network


def test_untrained_adapters_add_nothing_and_everything_else_learns():
    torch.manual_seed(0)
    model = MonkeyLMHeadModel._from_config(MonkeyConfig(**TINY), dtype=torch.float32)
    pixels, ids = torch.randn(5, 3, 16, 16), torch.tensor([[1, *[3] * 20, 2, 5, 6]])
    assert all(not weight.any() for name, weight in model.named_parameters() if name.endswith("lora_b.weight"))
    model(input_ids=ids, pixel_values=pixels, labels=ids).loss.backward()
    still = {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert all(name.endswith(("lora_scale", "lora_a.weight", "attn_pool.pos_embed")) for name in still)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_bfloat16_and_other_attention_work(attention):
    half = MonkeyLMHeadModel._from_config(MonkeyConfig(**TINY), dtype=torch.bfloat16, attn_implementation=attention)
    half.load_state_dict(tiny().state_dict())
    pixels, ids = torch.randn(5, 3, 16, 16), torch.tensor([[1, *[3] * 20, 2, 5, 6]])
    exact = tiny()(input_ids=ids, pixel_values=pixels).logits
    rounded = half.eval()(input_ids=ids, pixel_values=pixels.bfloat16()).logits.float()
    assert (rounded - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_number_of_features_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="19 image tokens, but the images give 20"):
        tiny()(input_ids=torch.tensor([[1, *[3] * 19, 2]]), pixel_values=torch.randn(5, 3, 16, 16))


# Files


def test_a_new_network_is_written_under_the_published_names(tmp_path):
    tiny().save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    published = {name for name in goldens.weights(NAME) if ".h.1." not in name}
    assert names == published
    again = MonkeyLMHeadModel.from_pretrained(tmp_path, dtype=torch.float32)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), tiny().parameters(), strict=True))
    assert again.config.image_token_id == 3


def test_the_published_configuration_is_read_and_written_back():
    config = MonkeyConfig(**PUBLISHED)
    assert config.image_token_id == 151_859
    assert (config.text_config.intermediate_size, config.text_config.num_key_value_heads) == (11_008, 32)
    assert config.text_config.rope_parameters["rope_theta"] == 10_000
    assert (config.vision_config.window_size, config.vision_config.views, config.vision_config.n_queries) == (
        448,
        5,
        256,
    )
    written = json.loads(config.to_json_string())
    assert {"text_config", "vision_config", "image_token_id"}.isdisjoint(written)
    assert {name for name, value in PUBLISHED.items() if written.get(name) != value} == {"torch_dtype"}
    assert written["dtype"] == "bfloat16"


@pytest.mark.parametrize("change", [{"rotary_pct": 0.5}, {"no_bias": False}, {"kv_channels": 64}])
def test_a_variant_that_is_not_monkey_is_refused(change):
    with pytest.raises(ValueError, match=r"must be hidden_size|is not Monkey's"):
        MonkeyConfig(**PUBLISHED | change)


def test_a_saved_processor_is_a_published_one_in_a_tokenizer_json(tmp_path):
    published = AutoProcessor.from_pretrained(goldens.checkpoint(NAME))
    published.save_pretrained(tmp_path)
    saved = AutoProcessor.from_pretrained(tmp_path)
    prompts = {"images": [[goldens.IMAGES["tall"]()]], "text": [MonkeyChat.template.format(question="Who, at 5?")]}
    one, other = published(**prompts), saved(**prompts)
    assert one.keys() == other.keys() == {"input_ids", "attention_mask", "pixel_values"}
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_vllm_is_told_of_no_place_beyond_the_trained_ones():
    from adapters.monkey import MonkeyChat

    assert MonkeyChat.vllm_config(MonkeyConfig()).get_text_config().max_position_embeddings == 2048
