"""What holds for every adapter, on tiny random checkpoints; the prompts of the ports are proven in ports/."""

import copy
import re
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from adapters.registry import spec
from harness.errors import AdapterError
from harness.records import Decoding
from tests import tiny_models

Q = "Who is this?\nAnswer in 1 word, Émile."
PIRATE = "You are a pirate chatbot who always responds in pirate speak!"
# The official prompts, written out a second time: the adapters' own templates are what is tested.
OFFICIAL = {
    "llava-v1.5-7b": (
        "<s>A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        f"detailed, and polite answers to the user's questions. USER: <image>\n{Q} ASSISTANT:"
    ),
    "llava-onevision-7b-si": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n<image>\n{Q}<|im_end|>\n<|im_start|>assistant\n"
    ),
    "mantis-siglip-8b": (
        f"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{PIRATE}<|eot_id|>"
        f"<|start_header_id|>user<|end_header_id|>\n\n(image 1: <Image><image></Image>)\n{Q}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "qwen2.5-vl-7b": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{Q}<|im_end|>\n<|im_start|>assistant\n"
    ),
}
LLAMA3_STOPS = ["<|eot_id|>", "<|end_of_text|>"]
STOPS = {
    "llava-v1.5-7b": ["</s>"],
    "llava-onevision-7b-si": ["<|im_end|>", "<|endoftext|>"],
    "mantis-siglip-8b": LLAMA3_STOPS,
    "qwen2.5-vl-7b": ["<|im_end|>", "<|endoftext|>"],
    "internvl2.5-8b": ["<|im_end|>", "</s>"],
    "minicpm-llama3-v2.5": LLAMA3_STOPS,
    "monkey-chat": ["<|endoftext|>"],
    "nvila-8b": ["<|im_end|>"],
    "phi-3.5-vision": ["<|end|>", "<|endoftext|>", "<|assistant|>"],
}
QUESTIONS = ["What is this?", "How old is the person in this photograph? Answer with a number of years.", "Why?"]
SHORT = Decoding(max_new_tokens=10)

every = pytest.mark.parametrize("name", tiny_models.NAMES)
native = pytest.mark.parametrize("name", tiny_models.NATIVE)


def pictures(model):
    sizes = [(40, 40), (90, 40), (30, 80)]
    return [model.image(tiny_models.picture(*size, seed)) for seed, size in enumerate(sizes)]


def together(model, decoding=SHORT):
    return model.answer(model.batch(pictures(model), QUESTIONS), decoding)


def one_by_one(model, decoding=SHORT):
    pairs = zip(pictures(model), QUESTIONS, strict=True)
    return [model.answer(model.batch([image], [question]), decoding)[0] for image, question in pairs]


@every
def test_a_batch_answers_as_its_rows_do_one_by_one(name):
    replies = together(tiny_models.model(name))
    assert replies == one_by_one(tiny_models.model(name))
    assert len({reply.text for reply in replies}) == 3  # else the law would hold for nothing


@every
def test_right_padding_breaks_that_law(name):
    model = copy.copy(tiny_models.model(name))
    model.padding_side = "right"
    assert together(model) != one_by_one(model)


@native
def test_prompt_ids_are_those_of_the_official_text(name):
    model = tiny_models.model(name)
    ids = model.batch([pictures(model)[0]], [Q])["input_ids"][0].tolist()
    image = model.config.image_token_id
    collapsed = [token for i, token in enumerate(ids) if token != image or ids[i - 1] != image]
    independent = Tokenizer.from_file(str(tiny_models.checkpoint(name) / "tokenizer.json"))
    assert collapsed == independent.encode(OFFICIAL[name], add_special_tokens=False).ids


@native
def test_begin_of_sequence_stands_exactly_once_where_it_is_official(name):
    model = tiny_models.model(name)
    rows = model.batch(pictures(model), QUESTIONS)
    counts = [row.tolist().count(model.tokenizer.bos_token_id) for row in rows["input_ids"]]
    assert counts == [1 if name in ("llava-v1.5-7b", "mantis-siglip-8b") else 0] * 3
    firsts = rows["input_ids"][range(3), rows["attention_mask"].argmax(dim=1)]
    assert not counts[0] or (firsts == model.tokenizer.bos_token_id).all()


@every
def test_stop_ids_are_the_named_tokens(name):
    model = tiny_models.model(name)
    assert model.stop_ids == [model.tokenizer.convert_tokens_to_ids(stop) for stop in STOPS[name]]


@every
def test_greedy_is_the_argmax_whatever_the_checkpoint_recommends(name):
    """The oracle recomputes everything for each token; Qwen's tiny checkpoint ships sampling and a penalty of 1.5."""
    model = tiny_models.model(name)
    batch = model.batch(pictures(model)[:1], QUESTIONS[:1])
    ids, inputs = batch["input_ids"], dict(batch)
    for _ in range(8):
        inputs |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if "mm_token_type_ids" in inputs:
            missing = ids.shape[1] - inputs["mm_token_type_ids"].shape[1]
            inputs["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, missing))
        with torch.no_grad():
            logits = model.model(**inputs).logits[0, -1]
        if logits.argmax() == model.config.image_token_id:
            break  # a random network writes this too; read again as a prompt it would stand for a second image
        ids = torch.cat([ids, logits.argmax().view(1, 1)], dim=1)
        if ids[0, -1] in model.stop_ids:
            break
    new = ids[0, batch["input_ids"].shape[1] :].tolist()
    assert len(new) > 2
    expected = model.tokenizer.decode(new, skip_special_tokens=True)
    assert model.answer(batch, Decoding(max_new_tokens=len(new)))[0].text == expected


@every
def test_an_answer_ends_at_a_stop_token_and_says_so(name):
    model = copy.copy(tiny_models.model(name))
    batch = model.batch(pictures(model), QUESTIONS)
    open_end = model.answer(batch, Decoding(max_new_tokens=6))
    cut_off = [reply for reply in open_end if reply.finish == "length"]
    assert cut_off
    assert {reply.new_tokens for reply in cut_off} == {6}
    output = model.model.generate(**batch, max_new_tokens=6, do_sample=False, eos_token_id=-1)
    model.stop_ids = [output[0, batch["input_ids"].shape[1] + 2].item()]
    ended = model.answer(batch, Decoding(max_new_tokens=6))[0]
    assert ended.finish == "stop"
    assert ended.new_tokens <= 3
    assert open_end[0].text.startswith(ended.text)
    assert ended.prompt_tokens == batch["attention_mask"][0].sum()


def test_a_stop_string_ends_an_answer_and_is_cut_off():
    model = tiny_models.model("qwen2.5-vl-7b")
    batch = model.batch(pictures(model), QUESTIONS)
    free = model.answer(batch, SHORT)
    stop = next(found[0] for reply in free if (found := re.search(r"[a-z]{2}", reply.text[:-3])))
    cut = model.answer(batch, Decoding(max_new_tokens=10, stop=(stop,)))
    for before, after in zip(free, cut, strict=True):
        if stop in before.text:
            assert after.finish == "stop"
            assert after.text == before.text.partition(stop)[0]
            assert after.new_tokens < before.new_tokens
        else:
            assert after == before


def test_sampling_follows_the_seed():
    model = tiny_models.model("llava-v1.5-7b")
    batch = model.batch(pictures(model), QUESTIONS)
    first, again, other = (
        model.answer(batch, Decoding(max_new_tokens=10, temperature=2.0, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@every
@given(parts=st.lists(st.sampled_from(["<image>", "<|image_pad|>", "</s>", "<|im_end|>", "<s>", "a", " ", "<", "|>"])))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_words_of_a_user_never_become_an_image_or_a_turn(name, parts):
    model = tiny_models.model(name)
    special = {token_id for token_id, token in model.tokenizer.added_tokens_decoder.items() if token.special}
    plain = model.tokenizer(model.prompt("x"), add_special_tokens=model.bos)["input_ids"]
    try:
        text = model.prompt("".join(parts))
    except AdapterError:
        assert any(token in "".join(parts) for token in [*model._special, "<|image_"])  # Phi numbers its images
        return
    ids = model.tokenizer(text, add_special_tokens=model.bos)["input_ids"]
    assert [i for i in ids if i in special] == [i for i in plain if i in special]


@pytest.mark.parametrize("name", ["llava-v1.5-7b", "nvila-8b"])
def test_a_checkpoint_without_all_weights_is_refused(name, tmp_path):
    """transformers would draw the missing one at random and only warn, and the answers would be scored."""
    shutil.copytree(tiny_models.checkpoint(name), tmp_path / "torn")
    weights = load_file(tmp_path / "torn" / "model.safetensors")
    del weights[min(weights)]
    save_file(weights, tmp_path / "torn" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AdapterError, match="lacks 1 of the network's weights"):
        spec(name).load()(str(tmp_path / "torn"), device="cpu")


@every
def test_braces_in_a_question_stay_braces(name):
    assert '{"a": {question}}' in tiny_models.model(name).prompt('{"a": {question}}')


def test_generic_speaks_the_chat_template_of_the_checkpoint():
    folder = str(tiny_models.checkpoint("llava-onevision-7b-si"))
    model = spec(f"hf:{folder}").load()(folder, device="cpu")
    assert model.prompt("Who?") == "<|im_start|>user\n<image>Who?<|im_end|>\n<|im_start|>assistant\n"
    assert together(model) == one_by_one(model)


def test_generic_without_a_chat_template_says_so():
    with pytest.raises(AdapterError, match="chat template"):
        spec("hf:x").load()(str(tiny_models.checkpoint("llava-v1.5-7b")), device="cpu")
