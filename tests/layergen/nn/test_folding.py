"""Free axes folded into channels."""

import torch

from layergen.nn import FreeLinear, Metanet, folded
from layergen.testing import assert_equivariant, assert_invariant, assert_no_more_symmetric
from symmetry import WeightSpace
from tests.layergen.oracle import features

SPACE = WeightSpace(
    {"w": "((gate h) + 2) k", "q": "(head dk) 3", "b": "h", "c": "(gate + k)", "v": "h^-1 k"},
    sets={"h": {"size": 4, "scaled": "sign"}, "head": 2, "dk": {"size": 3, "within": "head"}},
    free={"gate": 2, "k": 5},
)
PLAIN = WeightSpace({"w": "h k", "b": "h", "c": "k"}, sets={"h": 4}, free={"k": 9})


def test_folded_axes_have_length_one():
    assert folded(SPACE).shapes == {"w": (5, 1), "q": (6, 1), "b": (4,), "c": (2,), "v": (4, 1)}
    assert folded(folded(SPACE)) == folded(SPACE)
    assert [index.name for index in folded(SPACE).indices] == ["h", "head", "dk"]


def test_every_free_value_and_channel_has_a_weight_of_its_own():
    """Against the definition, entry by entry."""
    module, x = FreeLinear(PLAIN, 2, 3).double(), features(PLAIN, 5, 2)
    weight = module.weights[0].reshape(9, 2, 3)
    expected = torch.einsum("bhkc,kcd->bhd", x["w"], weight)[:, :, None]
    torch.testing.assert_close(module(x)["w"], expected)
    assert [value.shape[1:-1] for value in module(x).values()] == [(4, 1), (4,), (1,)]


def test_pieces_have_weights_of_their_own():
    """Entries of one piece do not depend on another's, nor on another neuron's; all depend on all free values."""
    module, x = FreeLinear(SPACE, 1, 1).double(), features(SPACE, 1, 1)
    jacobian = torch.autograd.functional.jacobian(lambda w: module(x | {"w": w})["w"], x["w"])[0, :, 0, 0, 0, :, :, 0]
    seen = jacobian.abs() > 1e-12
    for neuron in range(4):
        assert seen[neuron].any(1).nonzero().flatten().tolist() == [neuron, 4 + neuron]  # the two gates
    assert seen[4].any(1).nonzero().flatten().tolist() == [8, 9]
    assert all(int(row.sum()) == 10 for row in seen)


def test_folding_is_equivariant():
    target = folded(SPACE)
    assert_equivariant(FreeLinear(SPACE, 2, 3).double(), SPACE, target=target, channels=2)


def test_folded_metanets_have_the_symmetry_of_the_space_and_no_more():
    torch.manual_seed(0)
    metanet = Metanet(SPACE, out_channels=1, hidden=8, fold=True).double()
    assert_equivariant(metanet, SPACE)
    invariant = Metanet(PLAIN, out_features=2, hidden=8, fold=True).double()
    assert_invariant(invariant, PLAIN)
    assert_no_more_symmetric(invariant, PLAIN, invariant=True)


def test_folded_metanets_serve_other_widths_and_fewer_parameters():
    torch.manual_seed(0)
    metanet = Metanet(PLAIN, out_features=2, hidden=8, fold=True)
    assert metanet(features(PLAIN.resized({"h": 7}), 3, 1, torch.float32)).shape == (3, 2)
    count = [sum(p.numel() for p in Metanet(PLAIN, out_features=2, hidden=8, fold=f).parameters()) for f in (0, 1)]
    assert count[1] < count[0] / 5


def test_a_folded_metanet_tells_free_values_apart():
    """It learns a difference of two free values, which their mean does not show."""
    torch.manual_seed(0)
    metanet = Metanet(PLAIN, out_features=1, hidden=8, layers=1, fold=True)
    optimiser = torch.optim.Adam(metanet.parameters(), lr=1e-2)
    for _ in range(150):
        x = features(PLAIN, 64, 1, torch.float32)
        y = (x["w"][:, :, 2] - x["w"][:, :, 7]).mean(1)
        loss = (metanet(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1 * y.var()
