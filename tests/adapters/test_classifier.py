"""Models that decide between labels: their words, their evidence, and what they are not asked."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from adapters.classifier import Classifier
from harness.errors import AdapterError
from harness.records import Decoding, ImageRef, Request
from tasks.labels import label_space
from tasks.parse import parse

RACES = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")

HEADS = {"celeba": label_space("celeba").labels, "fairface.race": RACES, "utkface.gender": ("Female", "Male")}


class Scripted(Classifier):
    """Answers with the logits that the pixels hold."""

    heads = HEADS

    def load(self):
        return nn.Identity()

    def image(self, image):
        return torch.zeros(49)

    def read(self, pixels):
        return dict(zip(self.heads, pixels.split([40, 7, 2], dim=1), strict=True))


def request(space, name="0"):
    return Request(key=name, sample_id=name, image=ImageRef(path="x.png"), text="?", space=space)


def replies(model, rows, spaces):
    asked = [request(space, str(place)) for place, space in enumerate(spaces)]
    return model.answer(model.inputs([torch.tensor(row) for row in rows], asked), Decoding())


MODEL = Scripted("scripted", "cpu")
SPACES = ("celeba", "fairface.race", "fairface.gender", "utkface.race", "utkface.gender")


@settings(max_examples=200)
@given(st.lists(st.floats(-30, 30, width=32), min_size=49, max_size=49), st.sampled_from(SPACES))
def test_the_parser_reads_what_the_evidence_says(row, space):
    (reply,) = replies(MODEL, [row], [space])
    labels = label_space(space)
    found, scores = parse(reply.text, labels), reply.label_scores
    assert tuple(scores) == labels.labels
    assert found.status == "parsed"
    if labels.kind == "attributes":
        assert set(found.yes) == {label for label, share in scores.items() if share > 0.5}
    else:
        assert scores[found.label] == max(scores.values())
        assert sum(scores.values()) == pytest.approx(1)


def test_labels_are_matched_by_name_and_shares_of_coarser_ones_are_sums():
    row = torch.full((49,), -100.0)
    row[40:47] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    (plain, coarse) = replies(MODEL, [row.tolist()] * 2, ["fairface.race", "utkface.race"])
    own = row[40:47].double().softmax(0).tolist()
    assert plain.label_scores == pytest.approx(dict(zip(RACES, own, strict=True)))
    assert coarse.label_scores["Others"] == pytest.approx(own[2] + own[6])
    assert coarse.label_scores["Asian"] == pytest.approx(own[3] + own[4])
    row[47:] = torch.tensor([2.0, 0.0])  # Female, Male: another order than the label space's
    (reply,) = replies(MODEL, [row.tolist()], ["fairface.gender"])
    assert reply.text == "Female."


def test_rows_do_not_depend_on_what_is_asked_beside_them():
    rows = torch.randn(5, 49, generator=torch.Generator().manual_seed(0)).tolist()
    together = replies(MODEL, rows, SPACES)
    assert together == [replies(MODEL, [row], [space])[0] for row, space in zip(rows, SPACES, strict=True)]


def test_what_it_has_no_labels_for_is_refused():
    with pytest.raises(AdapterError, match=r"none of 'expw'.*celeba, fairface\.race"):
        MODEL.inputs([MODEL.image(Image.new("RGB", (4, 4)))], [request("expw")])
