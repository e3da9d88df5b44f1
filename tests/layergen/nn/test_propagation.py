"""Propagation: it can run the networks, is equivariant to every kind of group, and learns what linear layers do not."""

import pytest
import torch
from torch import nn

import layergen
from benchmarks.learning.inrs import Siren, siren_space
from layergen.nn import Metanet, Propagation
from layergen.nn.passages import passages
from layergen.testing import assert_equivariant, assert_invariant, assert_no_more_symmetric
from symmetry import SpecificationError, WeightSpace

WIDTHS = (2, 7, 5, 3)
SIREN = siren_space(WIDTHS, signs=False)
SPACES = {
    "permutations": SIREN,
    "signs": siren_space(WIDTHS, signs=True),
    "scales": WeightSpace(
        {"0": "h x", "0b": "h", "1": "g h^-1", "1b": "g", "2": "y g^-1"},
        sets={"h": {"size": 4, "scaled": "positive"}, "g": {"size": 3, "scaled": "positive"}},
        free={"x": 2, "y": 2},
    ),
    "kernels": WeightSpace({"0": "h 3 2", "1": "g h 2 2", "1b": "g", "2": "y g"}, sets={"h": 4, "g": 3}, free={"y": 2}),
    "shared": WeightSpace({"in": "h x", "again": "h h", "b": "h", "out": "y h"}, sets={"h": 4}, free={"x": 2, "y": 2}),
    "heads": WeightSpace(
        {"{layer}.q": "(head qk) d", "{layer}.k": "(head qk^-1) d", "{layer}.o": "d (head vo)", "emb": "word d"},
        sets={"d": 4, "head": {"size": 2, "within": "layer"}, "vo": {"size": 2, "within": "head"}},
        vectors={"qk": {"size": 2, "group": "GL", "within": "head"}},
        positional={"layer": 2, "word": 3},
    ),
    "three sets": WeightSpace(
        {"0": "h x", "t": "k g h^-1", "u": "y g^-1", "v": "k"},
        sets={"h": {"size": 3, "scaled": "positive"}, "g": {"size": 3, "scaled": "sign"}, "k": 3},
        free={"x": 2, "y": 2},
    ),
    "joined": WeightSpace(
        {"0": "(h + g) x", "1": "k (h + g)", "2": "k k"}, sets={"h": 3, "g": 2, "k": 4}, free={"x": 2}
    ),
}


def networks(space, count, scale=1.0):
    return {name: scale * torch.randn(count, *shape, 1, dtype=torch.float64) for name, shape in space.shapes.items()}


def perturbed(module):
    """Every matrix at random, those that begin at nought too."""
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return module


def test_first_vectors_are_what_the_networks_compute():
    module, space = Siren(WIDTHS).double(), SIREN
    propagation = Propagation(space, channels=6, gain=30.0).double()
    points = torch.rand(6, 2, dtype=torch.float64) * 2 - 1
    number = next(place for place, one in enumerate(propagation.into[0]) if one.number == 0)
    propagation.matrices[0][number].data = points.mT.contiguous()
    states = [Siren(WIDTHS).double().state_dict() for _ in range(3)]
    vectors, outputs = propagation(layergen.stack(states, space))
    for row, state in enumerate(states):
        module.load_state_dict(state)
        first = (30 * module.layers[0](points)).sin()
        second = (30 * module.layers[1](first)).sin()
        torch.testing.assert_close(vectors["run h1"][row], first.mT)
        torch.testing.assert_close(vectors["run h2"][row], second.mT)
        product = (module.layers[2](second) - module.layers[2].bias).mT
        shown = outputs[row].unfold(0, product.numel(), 1).unflatten(1, product.shape)
        assert (shown - product).abs().amax((1, 2)).min() < 1e-12


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("name", SPACES)
def test_vectors_move_with_their_neurons(name, rounds):
    space = SPACES[name]
    propagation = perturbed(Propagation(space, channels=3, rounds=rounds, activation=torch.tanh).double())
    assert_equivariant(lambda x: propagation(x)[0], space, target=propagation.space, channels=1, dtype=torch.float64)
    if propagation.out_features:  # with positional ends alone, there is nothing without axes
        assert_invariant(lambda x: propagation(x)[1], space, channels=1, dtype=torch.float64)
    vectors, outputs = propagation(networks(space, 2))
    if rounds > 1:  # in one round the way back only begins
        assert all((value != 0).all() for value in vectors.values())
    assert outputs.shape == (2, propagation.out_features)


@pytest.mark.parametrize("name", SPACES)
def test_every_matrix_and_every_weight_matters(name):
    space = SPACES[name]
    propagation = perturbed(Propagation(space, channels=3, rounds=2, activation=torch.tanh).double())
    x = {key: value.requires_grad_() for key, value in networks(space, 2).items()}
    vectors, outputs = propagation(x)
    (sum(value.sin().sum() for value in vectors.values()) + outputs.sin().sum()).backward()
    for value in x.values():
        assert (value.grad != 0).all()
    assert all((matrix.grad != 0).any() for matrix in (*propagation.matrices[-1], *propagation.starts.values()))
    assert (propagation.gains.grad[-1] != 0).any(1).all()


@pytest.mark.parametrize("name", ["permutations", "signs", "scales", "heads"])
@pytest.mark.parametrize("features", [True, False])
def test_metanetworks_with_propagation(name, features):
    space = SPACES[name]
    given = {"out_features": 2} if features else {"out_channels": 1}
    propagation = Propagation(space, channels=3, rounds=2, activation=torch.tanh)
    metanet = perturbed(Metanet(space, hidden=4, layers=1, propagation=propagation, dtype=torch.float64, **given))
    metanet.eval()
    (assert_invariant if features else assert_equivariant)(metanet, space, channels=1, dtype=torch.float64)


def test_with_it_a_metanetwork_over_signs_is_no_more_symmetric_than_they_are():
    space = siren_space((2, 4, 3, 1), signs=True)

    def network(**options):
        torch.manual_seed(0)
        return perturbed(Metanet(space, out_features=2, hidden=8, dtype=torch.float64, **options))

    with pytest.raises(AssertionError, match="flipping the sign of an element of 'h1'"):
        assert_no_more_symmetric(network(), space, invariant=True, dtype=torch.float64)
    propagation = Propagation(space, 4, activation=torch.tanh)
    assert_no_more_symmetric(network(propagation=propagation), space, invariant=True, dtype=torch.float64)


def test_widths_may_differ():
    space = SPACES["permutations"]
    metanet = Metanet(space, out_features=2, hidden=4, propagation=Propagation(space, 3))
    other = space.resized({"h1": 9, "h2": 2})
    x = {name: torch.randn(2, *shape, 1) for name, shape in other.shapes.items()}
    assert metanet(x).shape == (2, 2)


def test_depths_may_differ():
    tensors = {"{layer}.up": "u d", "{layer}.norm": "d", "emb": "word d"}
    sets = {"d": 4, "u": {"size": 3, "within": "layer"}}
    space = WeightSpace(tensors, sets=sets, positional={"layer": 2, "word": 3})
    other = space.resized({"layer": 5})
    propagation = perturbed(Propagation(space, 3, rounds=2).double())
    vectors, _ = propagation(networks(other, 2))
    assert {name: value.shape[1:-1] for name, value in vectors.items()} == propagation.space.resized(
        {"layer": 5}
    ).shapes


def test_it_is_saved_without_code(tmp_path):
    space = SPACES["signs"]
    metanet = perturbed(Metanet(space, out_features=2, hidden=4, propagation=Propagation(space, 3, gain=2.0)))
    metanet.save(tmp_path / "metanet.safetensors")
    again = Metanet.load(tmp_path / "metanet.safetensors", propagation=Propagation(space, 3, gain=2.0))
    x = {name: torch.randn(2, *shape, 1) for name, shape in space.shapes.items()}
    assert torch.equal(again(x), metanet(x))


def test_what_cannot_be_propagated_is_said():
    with pytest.raises(SpecificationError, match="nothing to propagate"):
        Propagation(WeightSpace({"b": "y"}, free={"y": 3}))
    with pytest.raises(ValueError, match="another weight space"):
        Metanet(SPACES["signs"], out_features=1, propagation=Propagation(SIREN))


def test_passages_transform_against_what_they_take():
    found = {(one.source, one.target) for one in passages(SPACES["heads"])}
    keys = (("layer", 1), ("head", 1), ("qk", -1))
    assert ((("d", 1),), keys) in found  # a key's units from the residual stream
    assert (keys, (("d", 1),)) in found  # and back, by the query
    assert not any(source == keys and target == keys for source, target in found)


def test_it_learns_a_product_that_linear_layers_do_not():
    torch.manual_seed(0)
    space = WeightSpace({"0": "h x", "1": "g h", "2": "y g"}, sets={"h": 5, "g": 5}, free={"x": 2, "y": 1})
    x = {name: torch.randn(600, *shape, 1) for name, shape in space.shapes.items()}
    target = (x["2"][..., 0] @ x["1"][..., 0] @ x["0"][..., 0])[:, 0]  # the matrix of the network, (network, x)
    scores = {}
    for label, more in {"with": {"propagation": Propagation(space, 8, activation=lambda v: v)}, "without": {}}.items():
        metanet = Metanet(space, out_features=2, hidden=8, layers=1, fold=True, **more).fit(x)
        optimiser = torch.optim.Adam(metanet.parameters(), lr=1e-2)
        for step in range(250):
            some = slice(32 * step % 500, 32 * step % 500 + 32)
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(metanet({k: v[some] for k, v in x.items()}), target[some])
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            found = metanet({k: v[500:] for k, v in x.items()})
        scores[label] = float((found - target[500:]).square().mean() / target[500:].var())
    assert scores["with"] < 0.1 < 0.5 < scores["without"]


def test_sums_keep_the_deviation_of_their_terms():
    space = WeightSpace({"w": "g h k"}, sets={"g": 30, "h": 20, "k": 4})
    for one in passages(space):
        lengths = [space.sizes[name] for name, _ in one.source]
        carried = one.carry(torch.randn(20, 30, 20, 4, 1), {one.source: torch.randn(20, *lengths, 16)}, even=True)
        assert 0.8 < carried.std() < 1.25
