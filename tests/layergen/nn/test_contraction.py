"""Products that transform against each other: what a LoRA's invariants are, what a metanetwork over signs can learn."""

import pytest
import torch
from torch import nn

import layergen
from layergen.nn import Contraction, Metanet, Probes, Settled, with_companions
from layergen.testing import assert_equivariant, assert_invariant
from symmetry import WeightSpace, element, random_element

SIGN, POSITIVE = ({"size": 5, "scaled": scaled} for scaled in ("sign", "positive"))
LORA = WeightSpace({"A": "r i", "B": "o r^-1"}, vectors={"r": {"size": 4, "group": "GL"}}, free={"i": 3, "o": 2})
HEADS = WeightSpace(
    {"q": "(head u) d", "k": "(head u^-1) d", "v": "(head w) d", "o": "d (head w)"},
    sets={"head": 3, "d": 4},
    vectors={"u": {"size": 3, "group": "GL", "within": "head"}, "w": {"size": 2, "group": "O", "within": "head"}},
)


def neurons(scaled):
    tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h^-1", "2.bias": "y"}
    return WeightSpace(tensors, sets={"h": scaled}, free={"x": 2, "y": 1})


SPACES = {
    "signs": neurons(SIGN),
    "scales": neurons(POSITIVE),
    "both": WeightSpace({"w": "h k^-1", "v": "(h^2 + k)"}, sets={"h": SIGN, "k": POSITIVE}),
    "LoRA": LORA,
    "heads": HEADS,
}


def channels_of(space, channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(3, *shape, channels, generator=generator, dtype=torch.float64)
        for name, shape in space.shapes.items()
    }


@pytest.mark.parametrize("name", SPACES)
def test_metanets_over_every_kind(name):
    torch.manual_seed(0)
    space = SPACES[name]
    assert_invariant(Metanet(space, out_features=2, hidden=6).double(), space)
    assert_equivariant(Metanet(space, out_channels=1, hidden=6, update=True).double(), space)


@pytest.mark.parametrize(("scaled", "activation"), [("sign", nn.Tanh()), ("positive", nn.ReLU())])
def test_metanets_with_probes(scaled, activation):
    torch.manual_seed(0)
    space = neurons({"size": 5, "scaled": scaled})
    probes = Probes(nn.Sequential(nn.Linear(2, 5), activation, nn.Linear(5, 1)), [torch.randn(4, 2)], 4, space=space)
    assert [str(tensor) for tensor in probes.space] == ["probe.0[h]", "probe.1[h]"]
    assert_invariant(Metanet(space, out_features=2, hidden=6, probes=probes).double(), space)
    assert_equivariant(Metanet(space, out_channels=1, hidden=6, probes=probes).double(), space)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    "options",
    [
        {"out_features": 1},
        {"out_features": 1, "maximum": False, "layers": 1},
        {"out_channels": 1, "layers": 1},
        {"out_channels": 1, "layers": 0},
    ],
)
def test_every_parameter_has_a_gradient(name, options):
    """As DistributedDataParallel demands."""
    torch.manual_seed(0)
    metanet = Metanet(SPACES[name], hidden=4, **options).double()
    found = metanet(channels_of(SPACES[name], 1))
    sum(value.sum() for value in (found.values() if isinstance(found, dict) else [found])).backward()
    assert [name for name, parameter in metanet.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", SPACES)
def test_metanets_compile_in_one_graph(name):
    torch.manual_seed(0)
    metanet = Metanet(SPACES[name], out_features=2, hidden=4, layers=1).double()
    x = channels_of(SPACES[name], 1)
    torch.testing.assert_close(torch.compile(metanet, backend="eager", fullgraph=True)(x), metanet(x))


def test_without_products_nothing_is_left_of_a_lora():
    with pytest.raises(ValueError, match="the head reads no tensor"):
        Metanet(LORA, out_features=1, layers=0)


def test_a_contraction_by_hand():
    """With every matrix of the two layers at hand: sums over the rank, over the root of its size."""
    torch.manual_seed(0)
    wide, _, companions = with_companions(LORA)
    contraction = Contraction(wide, companions, 1).double()
    x = channels_of(wide, 1)
    like, against = contraction.like(x), contraction.against(x)
    found = contraction(x)
    expected = torch.einsum("nric,nric->nic", like["A length"], against["A length"])[:, None] / 2
    torch.testing.assert_close(found["A length"], expected)
    g = random_element(wide, 0)
    for name, value in contraction(g.act(x, channels=True)).items():
        torch.testing.assert_close(value, found[name])


@pytest.mark.parametrize("name", ["LoRA", "heads", "signs"])
def test_a_metanet_does_not_see_too_little(name):
    """It tells two networks with other products apart: those of which the group leaves nothing but products."""
    torch.manual_seed(0)
    space = SPACES[name]
    metanet = Metanet(space, out_features=4, hidden=6).double()
    x = channels_of(space, 1)
    for key in space.names:
        moved = {
            **x,
            key: x[key].flip(1) * torch.linspace(0.5, 2, x[key].shape[1]).reshape(-1, *[1] * (x[key].ndim - 2)),
        }
        assert ((metanet(x) - metanet(moved)).abs() > 1e-6).all(), key


def test_settled_weights_are_those_in_canonical_form():
    x = channels_of(SPACES["scales"], 2)
    _, _, companions = with_companions(SPACES["scales"])
    found = Settled(SPACES["scales"], companions)(x)
    expected = layergen.canonicalise(x, SPACES["scales"])
    assert set(found) == {"0.weight length", "0.bias length", "2.weight length"}
    for name, beside in companions.items():
        torch.testing.assert_close(found[beside], expected[name])
    assert Settled(SPACES["signs"], with_companions(SPACES["signs"])[2])(channels_of(SPACES["signs"], 1)) == {}


def test_what_settling_makes_constant_is_not_standardised():
    """Each neuron with one incoming weight, all positive: settled they are one, up to rounding."""
    torch.manual_seed(0)
    space = WeightSpace({"w": "h", "v": "y h^-1"}, sets={"h": POSITIVE}, free={"y": 2})
    metanet = Metanet(space, out_features=2, hidden=6).double()
    x = {name: value.abs() for name, value in channels_of(space, 1).items()}
    found = metanet.fit(x)(x)
    torch.testing.assert_close(metanet(layergen.augment(x, space, 0)), found)


@pytest.mark.parametrize("size", [0, 1e-8, 1e-20, 1e-35, 1e-42])
def test_neurons_that_are_all_but_dead(size):
    """Their scale tells nothing, in both directions, and gradients do not overflow."""
    torch.manual_seed(0)
    space = SPACES["scales"]
    metanet = Metanet(space, out_features=2, hidden=6)
    x = {name: value.float() for name, value in channels_of(space, 1).items()}
    metanet.fit(x)
    x["0.weight"][:, 0], x["0.bias"][:, 0] = x["0.weight"][:, 0].sign() * size, size
    found = metanet(x)
    found.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in metanet.parameters())
    if size in (0, 1e-8):
        g = element(space, {"h": {"factors": [4, 1, 1, 1, 1]}})
        torch.testing.assert_close(metanet(g.act(x, channels=True)), found)


def test_settled_weights_have_gradients_where_a_neuron_is_dead():
    x = channels_of(SPACES["scales"], 1)
    x["0.weight"][:, 0], x["0.bias"][:, 0] = 0, 0
    for value in x.values():
        value.requires_grad_()
    found = Settled(SPACES["scales"], with_companions(SPACES["scales"])[2])(x)
    sum(value.square().sum() for value in found.values()).backward()
    assert all(torch.isfinite(value.grad).all() for name, value in x.items() if name != "2.bias")


def trained(network, x, target, steps=150):
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    train, test = slice(0, 200), slice(200, 300)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (network({name: value[train] for name, value in x.items()})[:, 0] - target[train]).square().mean()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = network({name: value[test] for name, value in x.items()})[:, 0]
    return float((found - target[test]).square().mean() / target[test].var())


def test_learning_what_only_products_tell():
    """The trace of a product, of which neither factor alone says anything: GL leaves no length, a mean nothing."""
    space = WeightSpace({"A": "r i", "B": "o r^-1"}, vectors={"r": {"size": 3, "group": "GL"}}, free={"i": 2, "o": 2})
    torch.manual_seed(0)
    x = {"A": torch.randn(300, 3, 2, 1), "B": torch.randn(300, 2, 3, 1)}
    target = torch.einsum("nric,nirc->n", x["A"], x["B"]) / 2
    error = trained(Metanet(space, out_features=1, hidden=8, layers=2, fourier=0), x, target)
    assert error < 0.3
    blind = Metanet(space, out_features=1, hidden=8, layers=2, fourier=0)
    for block in blind.blocks:
        nn.init.zeros_(next(iter(block.inner[1].contraction.like.parameters())))
        for parameter in block.inner[1].contraction.parameters():
            nn.init.zeros_(parameter).requires_grad_(False)
    assert trained(blind, x, target) > 0.8
