"""Laws of the correlation map (eq. 5-7) and of the graph convolution (eq. 8)."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file, save_file
from sklearn.metrics import recall_score
from torch import nn

from faceinsight.graph import CorrelationModule, co_occurrence, conditional, correlation_map, edges, reweight
from faceinsight.labels import joint_labels
from harness.errors import ConfigError

SHAPES = st.tuples(st.integers(0, 12), st.integers(1, 7))
SHARES = st.floats(0, 1, allow_subnormal=False)


@st.composite
def faces(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and mask [N, K]."""
    shape = draw(SHAPES)
    return tuple(torch.from_numpy(draw(arrays.arrays(bool, shape))) for _ in range(2))


@st.composite
def graphs(draw: st.DrawFn) -> torch.Tensor:
    """Edges [K, K], the diagonal included."""
    size = draw(st.integers(1, 7))
    return torch.from_numpy(draw(arrays.arrays(bool, (size, size))))


def module(layers: int = 2, slope: float = 0.2, size: int = 5, width: int = 4) -> CorrelationModule:
    torch.manual_seed(0)
    made = CorrelationModule(size, width, layers, slope)
    made.set_knowledge(text_features_KT=torch.randn(size, width))
    return made


@given(faces())
@settings(deadline=None)
def test_counts_are_those_of_a_loop_over_faces(data) -> None:
    labels, mask = data
    size = labels.shape[1]
    together, known = np.zeros((size, size), int), np.zeros((size, size), int)
    for row, seen in zip(labels.tolist(), mask.tolist(), strict=True):
        for i, j in product(range(size), repeat=2):
            if seen[i] and seen[j]:
                together[i, j] += row[i] and row[j]
                known[i, j] += row[i]
    counts = co_occurrence(labels, mask)
    assert counts.together.tolist() == together.tolist()
    assert counts.given.tolist() == known.tolist()


@given(faces(), faces())
@settings(deadline=None)
def test_what_a_cell_that_is_not_annotated_holds_is_ignored(data, other) -> None:
    labels, mask = data
    noise = torch.rand(labels.shape) < 0.5
    assert_same(co_occurrence(labels, mask), co_occurrence(torch.where(mask, labels, noise), mask))


def assert_same(one, other) -> None:
    for mine, its in zip(one, other, strict=True):
        assert torch.equal(mine, its)


@given(faces(), st.integers(0, 12))
@settings(deadline=None)
def test_counts_add_up(data, cut: int) -> None:
    labels, mask = data
    parts = co_occurrence(labels[:cut], mask[:cut]).plus(co_occurrence(labels[cut:], mask[cut:]))
    assert_same(parts, co_occurrence(labels, mask))


@given(faces())
@settings(deadline=None)
def test_a_probability_is_sklearns_recall_on_the_faces_where_both_are_annotated(data) -> None:
    labels, mask = data
    found = conditional(co_occurrence(labels, mask))
    for i, j in product(range(labels.shape[1]), repeat=2):
        both = mask[:, i] & mask[:, j]
        given_i, then_j = labels[both, i].numpy(), labels[both, j].numpy()
        if given_i.any():
            assert found[i, j] == pytest.approx(recall_score(given_i, then_j))
        else:
            assert found[i, j].isnan()


def test_fully_annotated_it_is_the_papers_count() -> None:
    labels = torch.rand(200, 6) < 0.4
    counts = co_occurrence(labels, torch.ones_like(labels))
    occurrences = labels.sum(0)
    assert torch.equal(counts.given, occurrences[:, None].expand(6, 6))
    assert torch.equal(counts.together.diagonal(), occurrences)


@given(faces(), SHARES)
@settings(deadline=None)
def test_pairs_that_are_never_annotated_together_have_no_edge(data, tau: float) -> None:
    labels, mask = data
    found = edges(conditional(co_occurrence(labels, mask)), tau)
    together = (mask.float().T @ mask.float()) > 0
    assert not (found & ~together).any()
    assert not found.diagonal().any()


@given(faces(), SHARES, SHARES)
@settings(deadline=None)
def test_a_higher_tau_has_no_edge_that_a_lower_one_lacks(data, one: float, other: float) -> None:
    probability = conditional(co_occurrence(*data))
    low, high = sorted((one, other))
    assert not (edges(probability, high) & ~edges(probability, low)).any()


def test_an_edge_needs_tau_or_more() -> None:
    probability = torch.tensor([[1.0, 0.4, 0.39], [0.0, 1.0, float("nan")], [1.0, 0.0, 1.0]])
    assert edges(probability, 0.4).tolist() == [[False, True, False], [False] * 3, [True, False, False]]


@given(graphs(), SHARES)
@settings(deadline=None)
def test_rows_sum_to_one_and_hold_what_eq_7_says(graph, omega: float) -> None:
    weights = reweight(graph, omega)
    assert torch.allclose(weights.sum(1), torch.ones(len(graph)), atol=1e-6)
    for i, j in product(range(len(graph)), repeat=2):
        neighbours = sum(bool(graph[i, k]) for k in range(len(graph)) if k != i)
        if not neighbours:
            assert weights[i, j] == float(i == j)
        else:
            wanted = 1 - omega if i == j else omega / neighbours * bool(graph[i, j])
            assert weights[i, j] == pytest.approx(wanted, abs=1e-6)


@given(graphs())
@settings(deadline=None)
def test_omega_0_is_the_identity_and_omega_1_keeps_nothing_of_itself_beside_neighbours(graph) -> None:
    assert torch.equal(reweight(graph, 0.0), torch.eye(len(graph)))
    alone = ~(graph & ~torch.eye(len(graph), dtype=torch.bool)).any(1)
    assert torch.equal(reweight(graph, 1.0).diagonal(), alone.float())


def test_the_map_leaves_its_argument_alone_and_is_not_symmetric() -> None:
    graph = torch.tensor([[1, 1, 1], [0, 1, 0], [0, 1, 1]]).float()
    before = graph.clone()
    weights = reweight(graph, 0.8)
    assert torch.equal(graph, before)
    assert torch.allclose(weights, torch.tensor([[0.2, 0.4, 0.4], [0, 1, 0], [0, 0.8, 0.2]]))


@pytest.mark.parametrize(("tau", "omega", "name"), [(-0.1, 0.5, "tau"), (1.1, 0.5, "tau"), (0.5, 2, "omega")])
def test_a_share_out_of_range_is_an_error(tau: float, omega: float, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} = .* between 0 and 1"):
        correlation_map(co_occurrence(torch.ones(2, 2), torch.ones(2, 2)), tau, omega)


def test_shapes_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"must both be \[N, K\]"):
        co_occurrence(torch.ones(2, 3), torch.ones(3, 2))
    with pytest.raises(ValueError, match="correlation"):
        module().set_knowledge(correlation_KK=torch.eye(3))
    for sizes in ((0, 4, 2), (5, 0, 2), (5, 4, -1)):
        with pytest.raises(ConfigError, match="that is none"):
            CorrelationModule(*sizes)


def test_without_layers_the_features_come_out_as_they_went_in() -> None:
    graph = CorrelationModule(5, 4, layers=0)
    graph.set_knowledge(torch.randn(5, 4), torch.rand(5, 5))
    assert torch.equal(graph(), graph.text_features)
    assert not list(graph.parameters())


def test_over_the_six_sets_an_undefined_attribute_of_maad_never_counts() -> None:
    joint = joint_labels()
    rows = [
        {"maad": {"Male": True, "Young": True}},
        {"maad": {"Male": True}},  # Young is 0
        {"celeba": {"Male": True, "Young": False}},
        {"fairface.gender": "Male", "fairface.age": "20-29"},
        {"expw": "happy"},
    ]
    encoded = [joint.encode(row) for row in rows]
    labels, mask = (torch.from_numpy(np.stack(column)) for column in zip(*encoded, strict=True))
    probability = conditional(co_occurrence(labels, mask))
    male, young = joint.names.index("Male"), joint.names.index("Young")
    twenties, happy = joint.names.index("age: 20-29"), joint.names.index("expression: happy")
    assert probability[male, young] == 0.5
    assert probability[male, twenties] == 1
    assert probability[male, happy].isnan()
    assert probability[happy, male].isnan()
    assert reweight(edges(probability, 0.4), 0.8)[happy, happy] == 1


def test_without_edges_a_layer_is_linear_in_each_characteristic_alone() -> None:
    """One layer, rho the identity: T + T W, which is nn.Linear with weight I + W' and no bias."""
    graph = module(layers=1, slope=1.0)
    linear = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(4) + graph.layers[0].weight)
    assert torch.allclose(graph(), linear(graph.text_features), atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_without_edges_the_module_is_a_perceptron_beside_a_residual(layers: int) -> None:
    graph = module(layers)
    parts = [part for layer in graph.layers for part in (layer, nn.LeakyReLU(0.2))]
    alone = [row + nn.Sequential(*parts)(row) for row in graph.text_features]
    assert torch.allclose(graph(), torch.stack(alone), atol=1e-6)


def test_forward_is_eq_8() -> None:
    graph = module()
    weights = reweight(torch.rand(5, 5) < 0.5, 0.8)
    graph.set_knowledge(correlation_KK=weights)
    features = start = graph.text_features
    for layer in graph.layers:
        mixed = weights @ features @ layer.weight.T
        features = torch.where(mixed > 0, mixed, 0.2 * mixed)
    assert torch.allclose(graph(), start + features, atol=1e-6)


def test_with_one_layer_a_characteristic_hears_its_neighbours_only() -> None:
    graph = module(layers=1)
    graph.set_knowledge(correlation_KK=reweight(torch.tensor([[0, 1, 0, 0, 0]] + [[0] * 5] * 4), 0.8))
    before = graph()
    changed = graph.text_features.clone()
    changed[1] += 1
    graph.set_knowledge(text_features_KT=changed)
    moved = ~torch.isclose(graph(), before).all(1)
    assert moved.tolist() == [True, True, False, False, False]


def test_only_the_layers_learn() -> None:
    graph = module()
    assert [name for name, _ in graph.named_parameters()] == ["layers.0.weight", "layers.1.weight"]
    graph().square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in graph.parameters())


def test_it_is_saved_and_loaded_with_its_knowledge(tmp_path) -> None:
    graph = module()
    graph.set_knowledge(correlation_KK=reweight(torch.rand(5, 5) < 0.5, 0.8))
    save_file(graph.state_dict(), tmp_path / "graph.safetensors")
    loaded = CorrelationModule(5, 4)
    assert not torch.equal(loaded(), graph())
    missing = loaded.load_state_dict(load_file(tmp_path / "graph.safetensors"))
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    assert torch.equal(loaded(), graph())


def test_it_can_be_made_without_memory_and_loaded() -> None:
    graph = module()
    with torch.device("meta"):
        empty = CorrelationModule(5, 4)
    empty.load_state_dict(graph.state_dict(), assign=True)
    assert torch.equal(empty(), graph())


@pytest.mark.parametrize(("omega", "hops"), [(0.0, 0), (0.8, 1), (0.8, 2)])
def test_a_characteristic_learns_from_those_it_reaches_in_as_many_steps_as_there_are_layers(omega, hops) -> None:
    """The mechanism of the module: through the map, and only so, the features of one move those of another."""
    chain = torch.zeros(4, 4, dtype=torch.bool)
    chain[0, 1] = chain[1, 2] = chain[2, 3] = True
    graph = CorrelationModule(4, 6, layers=max(hops, 1))
    graph.set_knowledge(torch.randn(4, 6), reweight(chain, omega))
    del graph._buffers["text_features"]
    features = torch.randn(4, 6, requires_grad=True)
    graph.text_features = features
    (moved,) = torch.autograd.grad(graph()[0].sum(), features)
    assert [bool(row.any()) for row in moved] == [place <= hops for place in range(4)]
