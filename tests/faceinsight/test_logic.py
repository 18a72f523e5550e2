"""Laws of the rules: the shipped ones, how they are counted, and the loss of eq. 9."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from faceinsight.labels import joint_labels
from faceinsight.logic import LogicalModule
from faceinsight.rules import AtLeastOne, Exclusion, Rules, load_rules, tally
from harness.errors import ConfigError
from tasks.labels import label_space

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "rules22.json"
SHIPPED = load_rules()
HARD = SHIPPED.hard()
NAMES = joint_labels().names
SHIPPED_MODULE = LogicalModule(SHIPPED, NAMES)
LETTERS = "ABCDE"
SURE = 200.0
"""exp(-200) is 0 in float32."""
GROUPS = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3, unique=True)
ROWS = st.integers(0, 4).flatmap(lambda rows: arrays.arrays(bool, (rows, 5)))


@st.composite
def rule_sets(draw: st.DrawFn) -> Rules:
    """A few rules over LETTERS, at least one."""
    exclusions = []
    for number in range(draw(st.integers(0, 3))):
        premise, *rest = draw(st.lists(st.sampled_from(LETTERS), min_size=2, max_size=4, unique=True))
        exclusions.append(Exclusion(name=f"R{number}", premise=premise, excludes=tuple(rest)))
    groups = draw(st.lists(GROUPS, min_size=not exclusions, max_size=2))
    named = tuple(AtLeastOne(name=f"G{number}", members=tuple(group)) for number, group in enumerate(groups))
    return Rules(exclusions=tuple(exclusions), at_least_one=named)


def broken_by(rules: Rules, present: dict[str, bool]) -> list[bool]:
    """The definition, rule by rule, over what is annotated."""
    here = {label for label, there in present.items() if there}
    impossible = [rule.premise in here and bool(here.intersection(rule.excludes)) for rule in rules.exclusions]
    groups = [set(group.members) for group in rules.at_least_one]
    return impossible + [members <= present.keys() and not members & here for members in groups]


def known(row, mask, names=LETTERS) -> dict[str, bool]:
    return {name: bool(value) for name, value, seen in zip(names, row, mask, strict=True) if seen}


def sure(labels: np.ndarray) -> torch.Tensor:
    """Logits of a prediction without doubt."""
    return torch.where(torch.from_numpy(labels), SURE, -SURE)


# The rules that ship


def test_there_are_22_exclusions_and_5_groups_two_of_them_soft() -> None:
    assert len(SHIPPED.exclusions) == 22
    assert len(SHIPPED.at_least_one) == 5
    assert [one.name for one in SHIPPED.at_least_one if one.soft] == ["hair or cover", "forehead"]
    assert len(set(HARD.names)) == 25
    assert SHIPPED_MODULE.names == HARD.names


def test_the_exclusions_are_the_exclusive_pairs_of_the_label_spaces() -> None:
    ruled = {frozenset((rule.premise, label)) for rule in SHIPPED.exclusions for label in rule.excludes}
    for name in ("celeba", "maad"):
        space = label_space(name)
        within = {pair for pair in ruled if pair <= set(space.labels)}
        assert within == set(map(frozenset, space.exclusive))
    assert len(ruled) == 22


def test_they_are_the_proposal_in_the_references() -> None:
    if not REFERENCE.exists():
        pytest.skip("rules22.json is not beside this checkout")
    wanted = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert [(rule.name, rule.premise, list(rule.excludes)) for rule in SHIPPED.exclusions] == [
        (rule["id"], rule["if"], rule["not"]) for rule in wanted["implication_rules"]
    ]
    assert [list(group.members) for group in SHIPPED.at_least_one] == [
        group["members"] for group in wanted["at_least_one"]
    ]


@pytest.mark.parametrize("dataset", ["fairface", "utkface", "expw", "raf-db"])
def test_no_rule_counts_where_no_attribute_is_annotated(dataset: str) -> None:
    mask = torch.from_numpy(joint_labels().annotated(dataset))[None]
    assert SHIPPED_MODULE(torch.randn(1, 80), mask) == 0


def test_celeba_has_14_of_the_exclusions_and_the_group_of_beards() -> None:
    mask = torch.from_numpy(joint_labels().annotated("celeba"))[None]
    counting = SHIPPED_MODULE.violation(torch.zeros(1, 80), mask)[0] > 0
    names = [name for name, counts in zip(SHIPPED_MODULE.names, counting, strict=True) if counts]
    assert names == [*(f"R{number:02d}" for number in range(1, 15)), "facial hair"]


# Counting


@given(rule_sets(), ROWS, st.data())
@settings(deadline=None)
def test_the_tally_is_that_of_a_loop(rules: Rules, labels, data: st.DataObject) -> None:
    mask = data.draw(arrays.arrays(bool, labels.shape))
    faces = [broken_by(rules, known(row, seen)) for row, seen in zip(labels, mask, strict=True)]
    found = tally(rules, LETTERS, labels, mask)
    first_group = len(rules.exclusions)
    assert found.faces == len(labels)
    assert [rule.broken for rule in found.rules] == np.array(faces).reshape(-1, len(rules.names)).sum(0).tolist()
    assert found.impossible == sum(any(face[:first_group]) for face in faces)
    assert found.incomplete == sum(any(face[first_group:]) for face in faces)
    for rule in found.rules:
        assert rule.broken <= rule.applied <= rule.checked <= found.faces


def test_rates_are_of_what_could_be_checked() -> None:
    rules = Rules(
        exclusions=(Exclusion(name="R", premise="A", excludes=("B", "C")),),
        at_least_one=(AtLeastOne(name="G", members=("D", "E")),),
    )
    #                  A  B  C  D  E      A  B  C  D  E
    rows = [
        ([1, 1, 0, 0, 0], [1, 1, 1, 1, 1]),  # breaks both
        ([1, 0, 0, 0, 1], [1, 1, 1, 1, 1]),  # breaks none
        ([1, 1, 0, 0, 0], [1, 0, 0, 1, 0]),  # neither can be checked
        ([0, 1, 1, 1, 0], [1, 1, 0, 1, 1]),  # the premise is absent
        ([1, 0, 1, 1, 1], [1, 0, 1, 1, 1]),  # R is broken by what is annotated
    ]
    labels, mask = (np.array(column, dtype=bool) for column in zip(*rows, strict=True))
    exclusion, group = tally(rules, LETTERS, labels, mask).rules
    assert (exclusion.checked, exclusion.applied, exclusion.broken) == (4, 3, 2)
    assert (exclusion.rate, exclusion.rate_applied) == (2 / 4, 2 / 3)
    assert (group.checked, group.broken, group.rate) == (4, 1, 1 / 4)


def test_nothing_to_check_has_no_rate() -> None:
    nothing = np.zeros((3, 80), dtype=bool)
    for rule in tally(SHIPPED, NAMES, nothing, nothing).rules:
        assert (rule.checked, rule.rate, rule.rate_applied) == (0, None, None)


# The loss


@given(rule_sets(), arrays.arrays(np.float64, 5, elements=st.floats(-6, 6)))
@settings(deadline=None)
def test_it_is_the_sum_over_all_worlds_that_break_the_rule(rules: Rules, logits) -> None:
    odds = torch.from_numpy(logits)
    present, absent = torch.sigmoid(odds).tolist(), torch.sigmoid(-odds).tolist()
    wanted = np.zeros(len(rules.names))
    for world in product([False, True], repeat=5):
        chance = np.prod([present[k] if there else absent[k] for k, there in enumerate(world)])
        wanted += chance * np.array(broken_by(rules, known(world, [True] * 5)))
    found = LogicalModule(rules, LETTERS).violation(odds[None])[0]
    assert found.dtype == torch.float64
    assert found.numpy() == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@given(rule_sets(), ROWS, st.data())
@settings(deadline=None)
def test_of_sure_predictions_it_is_the_number_of_broken_rules(rules: Rules, labels, data: st.DataObject) -> None:
    """So it is 0 on consistent labels, and positive on each broken rule, with whatever mask."""
    assume(len(labels))
    mask = data.draw(arrays.arrays(bool, labels.shape))
    module = LogicalModule(rules, LETTERS)
    found = module.violation(sure(labels), torch.from_numpy(mask))
    counted = [broken_by(rules, known(row, seen)) for row, seen in zip(labels, mask, strict=True)]
    assert found.tolist() == np.array(counted, dtype=float).tolist()
    assert module(sure(labels), torch.from_numpy(mask)) == pytest.approx(np.sum(counted) / len(labels))


@pytest.mark.parametrize("number", range(25))
def test_each_shipped_rule_is_positive_where_broken_and_its_gradient_points_back(number: int) -> None:
    column = dict(zip(NAMES, range(80), strict=True))
    logits = torch.full((1, 80), -4.0)
    if number < 22:
        rule = HARD.exclusions[number]
        down, up = [rule.premise, rule.excludes[0]], []
        logits[0, [column[label] for label in down]] = 4.0
    else:
        down, up = [], list(HARD.at_least_one[number - 22].members)
    logits.requires_grad_()
    violation = SHIPPED_MODULE.violation(logits)[0, number]
    assert violation > 0.9
    violation.backward()
    assert all(logits.grad[0, column[label]] > 0 for label in down)
    assert all(logits.grad[0, column[label]] < 0 for label in up)
    untouched = set(NAMES) - {*down, *up} - ({*rule.excludes} if number < 22 else set())
    assert all(logits.grad[0, column[label]] == 0 for label in untouched)
    with torch.no_grad():
        stepped = logits - 5 * logits.grad
    assert SHIPPED_MODULE.violation(stepped)[0, number] < violation


def test_descending_the_loss_alone_ends_in_consistent_predictions() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(16, 80) * 2).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    before = tally(HARD, NAMES, (logits > 0).numpy(), np.ones((16, 80), dtype=bool))
    for _ in range(150):
        optimizer.zero_grad()
        SHIPPED_MODULE(logits).backward()
        optimizer.step()
    after = tally(HARD, NAMES, (logits > 0).numpy(), np.ones((16, 80), dtype=bool))
    assert before.impossible > 12
    assert (after.impossible, after.incomplete) == (0, 0)


@pytest.mark.parametrize("power", [7, 8, 10, 15, 20, 30])
def test_tiny_probabilities_keep_their_value_in_float32(power: int) -> None:
    tiny = 10.0**-power
    rules = Rules(exclusions=(Exclusion(name="R", premise="A", excludes=("B", "C")),))
    logits = torch.tensor([[30.0, float(np.log(tiny)), float(np.log(tiny))]])
    logits.requires_grad_()
    found = LogicalModule(rules, "ABC").violation(logits)[0, 0]
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(2 * tiny, rel=1e-5)
    found.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[0, 1:] > 0).all()
    if power > 7:
        assert 1 - torch.prod(1 - torch.sigmoid(logits.detach()[0, 1:])) == 0


@pytest.mark.parametrize("power", [7, 10, 20, 30])
def test_a_group_of_nearly_certain_members_keeps_its_value_in_float32(power: int) -> None:
    rules = Rules(at_least_one=(AtLeastOne(name="G", members=("A",)),))
    odds = float(np.log(10.0) * power)
    found = LogicalModule(rules, "A").violation(torch.tensor([[odds]])).item()
    assert found == pytest.approx(10.0**-power, rel=1e-4)


@pytest.mark.parametrize("size", [50.0, 1e4, float("inf")])
def test_extreme_logits_give_finite_losses_and_gradients(size: float) -> None:
    for sign in (-1, 1):
        logits = torch.full((2, 80), sign * size, requires_grad=True)
        loss = SHIPPED_MODULE(logits)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_raised_and_autocast_changes_nothing(dtype: torch.dtype) -> None:
    logits = (torch.randn(4, 80) * 5).to(dtype)
    plain = SHIPPED_MODULE.violation(logits.float())
    assert torch.equal(SHIPPED_MODULE.violation(logits), plain)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = SHIPPED_MODULE.violation(logits)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, plain)


def test_an_unannotated_member_leaves_an_exclusion_and_suspends_a_group() -> None:
    rules = Rules(
        exclusions=(Exclusion(name="R", premise="A", excludes=("B", "C")),),
        at_least_one=(AtLeastOne(name="G", members=("D", "E")),),
    )
    logits = torch.tensor([[0.3, -0.2, 0.7, -0.4, -1.0]])
    mask = torch.tensor([[True, True, False, True, False]])
    a, b = torch.sigmoid(logits[0, :2])
    assert LogicalModule(rules, LETTERS).violation(logits, mask)[0].tolist() == pytest.approx([(a * b).item(), 0])


def test_the_loss_is_a_mean_over_faces_of_a_sum_over_rules() -> None:
    logits = torch.randn(6, 80)
    assert SHIPPED_MODULE(logits) == pytest.approx(SHIPPED_MODULE.violation(logits).sum().item() / 6)
    alone = torch.stack([SHIPPED_MODULE(row[None]) for row in logits])
    assert torch.allclose(alone.mean(), SHIPPED_MODULE(logits))


def test_it_is_in_one_piece_with_its_rules() -> None:
    assert not list(SHIPPED_MODULE.parameters())
    other = LogicalModule(SHIPPED, NAMES)
    other.premise.zero_()
    other.load_state_dict(SHIPPED_MODULE.state_dict())
    logits = torch.randn(2, 80)
    assert torch.equal(other.violation(logits), SHIPPED_MODULE.violation(logits))


def test_no_rules_cost_nothing() -> None:
    module = LogicalModule(Rules(), LETTERS)
    logits = torch.randn(3, 5, requires_grad=True)
    assert module(logits) == 0
    assert module.violation(logits).shape == (3, 0)


# Files and names


def test_a_rule_about_an_unknown_label_is_an_error() -> None:
    with pytest.raises(ConfigError, match="rule 'R01' speaks of 'Bald', which is no label"):
        SHIPPED.table(LETTERS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exclusions = [", "cannot be read"),
        ('exclusions = [{ name = "R", premise = "A", exclude = ["B"] }]', r"malformed at exclusions\.0"),
        ('at_least_one = [{ name = "G", members = [] }]', r"malformed at at_least_one\.0\.members"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path, text: str, words: str) -> None:
    file = tmp_path / "rules.toml"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rules(file)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_rules(file)
