"""Names, checkpoints, a user's own file, and plug-ins of other packages."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from adapters import registry
from adapters.echo import Echo
from adapters.registry import names, spec
from adapters.spec import Endpoint
from harness.errors import AdapterError, UnknownNameError
from tests import tiny_models


def test_every_name_has_a_class_and_the_four_have_weights():
    assert set(tiny_models.NAMES) <= set(names())
    for name in names():
        found = spec(name)
        assert isinstance(found.load(), type)
        assert found.licence != "unknown"
    assert [name for name in names() if spec(name).listed] == [name for name in names() if name != "echo"]


def test_the_registry_needs_no_torch():
    code = (
        "import sys; from adapters import registry; registry.names(); registry.spec('hf:a/b'); import harness.engines"
    )
    checked = f"{code}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", checked], check=True, timeout=60)


def test_a_misspelt_name_gets_a_guess():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'qwen2\.5-vl-7b'\? `python -m harness models`"):
        spec("qwen25-vl")
    with pytest.raises(UnknownNameError, match=r"llava-v1\.5-7b"):
        spec("llava-1.5-7b@folder")


def test_the_profile_chooses_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.spec.MINIATURES", tmp_path)
    (tmp_path / "qwen2.5-vl-7b").mkdir()
    found = spec("qwen2.5-vl-7b")
    assert found.source("paper") == "Qwen/Qwen2.5-VL-7B-Instruct"
    with pytest.raises(AdapterError, match="miniature"):
        found.source("tiny")
    (tmp_path / "qwen2.5-vl-7b" / "config.json").touch()
    assert found.source("tiny") == str(tmp_path / "qwen2.5-vl-7b")


@pytest.mark.parametrize("profile", ["tiny", "paper"])
def test_a_checkpoint_after_the_name_wins(profile):
    assert spec("qwen2.5-vl-7b@my/tuned@v2").source(profile) == "my/tuned@v2"
    assert spec("hf:owner/name").source(profile) == "owner/name"
    assert spec("some/where.py:Mine@weights").source(profile) == "weights"
    assert spec("echo").source(profile) == ""


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "own model.py"
    path.write_text(
        "class Mine:\n    repo = 'me/mine'\n    def answer(self): ...\nclass Bare:\n    def answer(self): ...\n"
    )
    found = spec(f"{path}:Mine")
    assert found.load().__name__ == "Mine"
    assert found.source("tiny") == found.source("paper") == "me/mine"
    with pytest.raises(AdapterError, match="names no checkpoint"):
        spec(f"{path}:Bare").source("paper")
    with pytest.raises(AdapterError, match="Did you mean 'Mine'"):
        spec(f"{path}:Mina").load()


def test_a_file_that_is_broken_or_missing_is_one_sentence(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("raise RuntimeError('oh')")
    with pytest.raises(AdapterError, match="RuntimeError: oh"):
        spec(f"{path}:Mine").load()
    with pytest.raises(AdapterError, match="no file"):
        spec("missing.py:Mine").load()


def test_another_package_adds_a_name(monkeypatch):
    point = EntryPoint(name="their-model", value="adapters.echo:Echo", group=registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    assert "their-model" in names()
    assert spec("their-model").load() is Echo
    assert spec("their-model@weights").source("paper") == "weights"
    assert not spec("their-model").listed


def test_a_plug_in_cannot_take_a_name_of_the_list(monkeypatch):
    point = EntryPoint(name="echo", value="elsewhere:Other", group=registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert spec("echo").load() is Echo
    assert names().count("echo") == 1


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-4o", "https://api.example.com/v1"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "http://localhost:8000/v1"),
        ("./folder@2:latest", "http://[::1]:8000"),
    ],
)
def test_an_endpoint_is_a_model_and_an_address(model: str, url: str):
    found = spec(f"openai:{model}@{url}/")
    assert found.endpoint == Endpoint(model=model, url=url)
    assert found.source("paper") == found.source("tiny") == f"{model}@{url}"
    assert not found.listed
    assert not found.untrained("paper")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai:", "names no model"),
        ("openai:gpt-4o", "names no model"),
        ("openai:@http://localhost/v1", "names no model"),
        ("openai:gpt-4o@localhost:8000/v1", "names no model"),
        ("openai:gpt-4o@ftp://localhost/v1", "names no model"),
        ("openai:gpt-4o@http:///v1", "has no host"),
        ("openai:gpt-4o@http://localhost:port/v1", "cannot be read"),
        ("openai:gpt-4o@http://[::1/v1", "cannot be read"),
        ("openai:gpt-4o@http://user:secret@localhost/v1", "a user or a password"),
        ("openai:gpt-4o@htp://user:secret@localhost/v1", "names no model"),
        ("openai:gpt-4o@https://localhost/v1?api-key=secret", "leave it out"),
        ("openai:gpt-4o@https://localhost/v1#secret", "leave it out"),
        ("openai:gpt-4o@https://localhost/v1/chat/completions", "leave out chat/completions"),
        (f"openai:{'m' * 250}@https://localhost/v1", "shorter name"),
    ],
)
def test_a_malformed_endpoint_is_a_sentence_without_its_secrets(name: str, words: str):
    with pytest.raises(AdapterError, match=words) as caught:
        spec(name)
    assert "secret" not in str(caught.value)


def test_a_word_for_a_group_stands_for_its_models_once_and_in_their_order():
    everybody = registry.named(["all"], "tiny")
    assert everybody[0] == "faceinsight"
    assert len(everybody) == 10
    assert registry.named(["qwen2.5-vl-7b", "all", "echo"], "tiny") == (
        "qwen2.5-vl-7b",
        *(name for name in everybody if name != "qwen2.5-vl-7b"),
        "echo",
    )


def test_what_is_yet_to_be_trained_is_no_part_of_a_group_but_can_be_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert list(registry.lacking(["all"], "paper")) == ["faceinsight"]
    assert "faceinsight" not in registry.named(["all"], "paper")
    assert "faceinsight" in registry.named(["all", "faceinsight"], "paper")
    assert registry.lacking(["faceinsight"], "paper") == {}


def test_weights_that_no_program_can_fetch_are_asked_for_by_name():
    with pytest.raises(AdapterError, match=r"download fairface_alldata_20191111\.pt from https.*'fairface@FILE'"):
        spec("fairface").source("paper")
    assert spec("fairface@some/file.pt").source("paper") == "some/file.pt"
    assert list(registry.lacking(["specialists"], "paper")) == ["fairface"]
    assert "fairface" not in registry.named(["specialists"], "paper")
    assert "fairface" in registry.named(["specialists"], "tiny")
    assert registry.lacking(["specialists"], "tiny") == {}
