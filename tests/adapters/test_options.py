"""Which tokens begin which option, and what their probabilities come to; torch's softmax is the oracle."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters.options import OptionTokens, chosen
from adapters.registry import names, spec
from harness.errors import AdapterError

LETTERS = tuple("ABCDEFGHI")
YES_NO = ("Yes", "No")


class Vocabulary:
    """A tokenizer of whole words, each with or without a space before it."""

    all_special_ids = (0,)

    def __init__(self, *words):
        self.words = ["<s>", *words]

    def __len__(self):
        return len(self.words)

    def decode(self, ids):
        return "".join(self.words[place] for place in ids)

    def batch_decode(self, rows):
        return [self.decode(row) for row in rows]

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        ids = []
        while text:
            place = max(
                (place for place, word in enumerate(self.words) if text.startswith(word)),
                key=lambda place: len(self.words[place]),
            )
            ids.append(place)
            text = text[len(self.words[place]) :]
        return ids


def test_all_spellings_of_an_option_count():
    tokens = OptionTokens(Vocabulary("Yes", " Yes", "yes", " YES", "No", " no", "Not", "A", " A", "a", "B"), "here")
    assert tokens.of(YES_NO) == {"Yes": (1, 2, 3, 4), "No": (5, 6)}
    assert tokens.of(("A", "B")) == {"A": (8, 9), "B": (11,)}  # "a" is a word


def test_an_option_that_is_no_token_begins_with_its_first_piece():
    tokens = OptionTokens(Vocabulary("Y", "e", "s", "N", "o", " N", " "), "here")
    assert tokens.of(YES_NO) == {"Yes": (1,), "No": (4, 6)}


def test_options_that_begin_alike_are_refused():
    tokens = OptionTokens(Vocabulary("s", "a", "d", "u", "r", " "), "here")
    with pytest.raises(AdapterError, match="begins 'sad' and 'sur' with one token"):
        tokens.of(("sad", "sur"))


@pytest.mark.parametrize("name", [name for name in names() if spec(name).listed and spec(name).group == "mllm"])
def test_each_miniature_tells_the_options_apart(name):
    model = spec(name).load()(spec(name).source("tiny"), "cpu", network=False)
    for options in (LETTERS, YES_NO):
        found = model.options.of(options)
        assert list(found) == list(options)
        for option, ids in found.items():
            words = [model.tokenizer.decode([place]).strip() for place in ids]
            assert all(words)
            assert all(option.lower().startswith(word.lower()) for word in words)


@given(st.lists(st.floats(-900, 30), min_size=12, max_size=12), st.data())
def test_evidence_is_the_softmax_over_the_vocabulary_shared_out(logits, data):
    owners = data.draw(st.lists(st.sampled_from(["A", "B", "C", None]), min_size=12, max_size=12))
    tokens = {name: tuple(place for place, owner in enumerate(owners) if owner == name) for name in "ABC"}
    tokens = {name: ids for name, ids in tokens.items() if ids}
    if not tokens:
        return
    exact = torch.tensor(logits, dtype=torch.float64).softmax(0)
    reply = chosen(tokens, torch.tensor(logits, dtype=torch.float64).log_softmax(0).numpy(), 7, 3)
    masses = {name: sum(float(exact[place]) for place in ids) for name, ids in tokens.items()}
    assert sum(reply.label_scores.values()) == pytest.approx(1)
    assert reply.option_mass == pytest.approx(sum(masses.values()))
    assert reply.label_scores[reply.text] == max(reply.label_scores.values())
    assert (reply.prompt_tokens, reply.image_tokens, reply.new_tokens, reply.finish) == (7, 3, 1, "stop")
    if (whole := sum(masses.values())) > 1e-200:
        assert reply.label_scores == pytest.approx({name: mass / whole for name, mass in masses.items()}, abs=1e-9)


def test_options_that_no_float_can_tell_from_impossible_still_have_shares():
    reply = chosen({"A": (0,), "B": (1,)}, [-2000.0, -2000.0 + math.log(3)], 1)
    assert reply.label_scores == pytest.approx({"A": 0.25, "B": 0.75})
    assert reply.option_mass == 0
