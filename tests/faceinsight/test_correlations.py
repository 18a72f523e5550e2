"""The counts of the training faces: against plain loops, and as a file."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from faceinsight import correlations
from faceinsight.correlations import Correlations, count, read, write
from faceinsight.graph import correlation_map
from faceinsight.labels import joint_labels
from harness.errors import ConfigError, DataError
from tests.faces import sized

NAMES = joint_labels().names
SIZES = st.dictionaries(st.sampled_from(["celeba", "expw", "maad"]), st.integers(0, 12), min_size=1)


def same(one: Correlations, other: Correlations) -> bool:
    return one.origin == other.origin and all(map(torch.equal, one.counts, other.counts))


@pytest.fixture
def counted() -> Correlations:
    return count(sized({"celeba": 20, "maad": 5}))


@given(SIZES, st.integers(0, 3), st.integers(1, 9))
@settings(deadline=None, max_examples=25)
def test_the_counts_are_those_of_plain_loops(sizes, seed, at_once):
    faces = sized(sizes, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correlations, "_ROWS", at_once)
        found = count(faces)
    together = [[0] * 80 for _ in range(80)]
    given_there = [[0] * 80 for _ in range(80)]
    for labels, mask in zip(faces.labels_NK.tolist(), faces.mask_NK.tolist(), strict=True):
        known = [place for place in range(80) if mask[place]]
        for i in (place for place in known if labels[place]):
            for j in known:
                given_there[i][j] += 1
                together[i][j] += labels[j]
    assert found.counts.together.tolist() == together
    assert found.counts.given.tolist() == given_there
    assert found.origin.faces == sizes


@given(SIZES, st.integers(0, 3))
@settings(deadline=None)
def test_counts_of_the_datasets_add_up_to_those_of_all(sizes, seed):
    faces = sized(sizes, seed)
    whole = count(faces)
    parts = [count(faces.subset(faces.dataset_N == place)) for place in range(len(sizes))]
    for field in ("together", "given"):
        assert torch.equal(sum(getattr(part.counts, field) for part in parts), getattr(whole.counts, field))


@given(SIZES, st.integers(0, 3))
@settings(deadline=None, max_examples=20)
def test_a_file_gives_back_what_was_written(tmp_path_factory, sizes, seed):
    file = tmp_path_factory.mktemp("counts") / "deep" / "correlation.safetensors"
    written = count(sized(sizes, seed), split="test")
    write(file, written)
    first = file.read_bytes()
    assert same(read(file, NAMES), written)
    write(file, written)
    assert file.read_bytes() == first
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_tau_and_omega_are_chosen_after_the_file_is_read(tmp_path, counted):
    write(tmp_path / "c.safetensors", counted)
    found = read(tmp_path / "c.safetensors", NAMES)
    for tau, omega in ((0.4, 0.8), (0.6, 0.2)):
        assert torch.equal(found.map(tau, omega), correlation_map(counted.counts, tau, omega))
    assert not torch.equal(found.map(0.4, 0.8), found.map(0.6, 0.8))
    with pytest.raises(ConfigError, match=r"tau = 1\.5"):
        found.map(1.5, 0.8)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (NAMES[:-1], f"80 other characteristics than these 79: '{NAMES[-1]}' where 'nothing'"),
        ((*NAMES, "Dimples"), "than these 81: 'nothing' where 'Dimples'"),
        ((NAMES[1], NAMES[0], *NAMES[2:]), f"'{NAMES[0]}' where '{NAMES[1]}' is wanted"),
    ],
)
def test_other_names_are_refused(tmp_path, counted, names, words):
    write(tmp_path / "c.safetensors", counted)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "c.safetensors", names)
    assert words in str(caught.value)
    assert "harness correlate" in str(caught.value)


def test_what_is_no_file_of_correlations_is_refused(tmp_path, counted):
    file = tmp_path / "c.safetensors"
    with pytest.raises(DataError, match="there is no file of correlations"):
        read(file, NAMES)
    write(file, counted)
    whole = file.read_bytes()
    for cut in (0, 7, 100, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="is no file of correlations"):
            read(file, NAMES)
    save_file({"together": torch.zeros(80, 80)}, file)
    with pytest.raises(DataError, match="is no file of correlations"):
        read(file, NAMES)
    about = json.dumps({"names": NAMES, "faces": {}, "split": "train"})
    save_file({"together": torch.zeros(80, 80), "given": torch.zeros(80, 8)}, file, metadata={"correlations": about})
    with pytest.raises(DataError, match="another shape"):
        read(file, NAMES)
