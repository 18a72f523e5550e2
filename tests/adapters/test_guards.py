"""A checkpoint that would silently measure something else does not load."""

import json
import shutil
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, models, processors
from transformers import PreTrainedTokenizerFast

from adapters import guards
from adapters.generic import Generic
from adapters.llava import Llava
from adapters.mantis import Mantis
from harness.errors import AdapterError
from tests import tiny_models


@pytest.fixture
def llava(tmp_path):
    folder = tmp_path / "llava"
    shutil.copytree(tiny_models.checkpoint("llava-v1.5-7b"), folder)
    return folder


def edit(path, change):
    settings = json.loads(path.read_text())
    change(settings)
    path.write_text(json.dumps(settings))


def test_a_tokenizer_that_loses_spaces_is_refused(llava):
    """What transformers 5 makes of some tokenizers: vocabulary kept, pre-tokenizer and decoder dropped."""
    edit(llava / "tokenizer.json", lambda settings: settings.update(pre_tokenizer=None, decoder=None))
    with pytest.raises(AdapterError, match="changes text"):
        Llava(str(llava), device="cpu")


def test_a_checkpoint_of_another_model_is_refused(llava):
    with pytest.raises(AdapterError, match=r"<\|eot_id\|>.*is it this model's"):
        Mantis(str(llava), device="cpu")


def test_an_image_token_the_network_does_not_look_for_is_refused(llava):
    edit(llava / "config.json", lambda settings: settings.update(image_token_index=5, image_token_id=5))
    with pytest.raises(AdapterError, match="image token"):
        Llava(str(llava), device="cpu")


def test_code_that_comes_with_a_checkpoint_is_not_run(llava):
    mark = llava / "was_run"
    (llava / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass C: pass\n")
    edit(
        llava / "config.json",
        lambda settings: settings.update(model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModel": "evil.C"}),
    )
    with pytest.raises(AdapterError, match="never run"):
        Generic(str(llava), device="cpu")
    assert not mark.exists()


@pytest.mark.parametrize("source", ["./nothing", "/nothing/here", "nothing", "a/b/c"])
def test_a_folder_that_is_not_there_is_named(source):
    with pytest.raises(AdapterError, match="no folder"):
        Llava(source, device="cpu")


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(AdapterError, match=r"no config\.json"):
        Llava(str(tmp_path), device="cpu")


def test_a_damaged_checkpoint_is_one_sentence(llava):
    (llava / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(AdapterError, match="cannot be loaded"):
        Llava(str(llava), device="cpu")


def test_a_dtype_that_does_not_exist_is_named(llava):
    with pytest.raises(AdapterError, match="float33"):
        Llava(str(llava), device="cpu", dtype="float33")


def once(words):
    guards.settle_bos(words, True, "x")
    return words.encode("A face") == [words.bos_token_id, *words.encode("A face", add_special_tokens=False)]


@pytest.mark.parametrize("adds", [True, False])
def test_begin_of_sequence_is_put_once_whether_or_not_the_tokenizer_adds_it(adds):
    assert once(tiny_models.tokenizer(["<s>", "</s>"], "</s>", "<s>", adds_bos=adds))


def test_begin_of_sequence_is_put_once_where_the_tokenizer_adds_two_or_an_end_as_well():
    for template in ("<s> <s> $A", "<s> $A </s>"):
        words = tiny_models.tokenizer(["<s>", "</s>"], "</s>", "<s>")
        words.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", words.bos_token_id), ("</s>", words.eos_token_id)]
        )
        assert once(words)


def test_a_tokenizer_without_a_begin_of_sequence_is_refused_where_the_prompt_has_one():
    without = tiny_models.tokenizer(["</s>"], "</s>")
    guards.settle_bos(without, False, "x")
    with pytest.raises(AdapterError, match="no begin-of-sequence"):
        guards.settle_bos(without, True, "x")


def test_the_guard_lets_good_tokenizers_through_and_stops_a_lossy_one():
    guards.check_round_trip(tiny_models.tokenizer(["</s>"], "</s>"), "x")
    lossy = Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    with pytest.raises(AdapterError):
        guards.check_round_trip(PreTrainedTokenizerFast(tokenizer_object=lossy), "x")


def test_special_strings_hold_added_tokens_and_the_placeholders():
    words = tiny_models.tokenizer(["<s>", "</s>", "<image>"], "</s>")
    found = guards.special_strings(SimpleNamespace(tokenizer=words, image_token="<pic>"))
    assert set(found) == {"<pad>", "<s>", "</s>", "<image>", "<pic>"}
