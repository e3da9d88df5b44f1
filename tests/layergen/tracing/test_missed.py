"""Units nested in batched products, routing, shuffles, `vmap`, projections: the larger group, and cousins without.

What is found without a proof is held against an action that is written for the tests alone.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

import layergen
from symmetry import group_order
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.networks import Forward, kinds
from tests.layergen.tracing.test_soundness import weights


def net(function, modules=None, **tensors):
    """A network of modules and of parameters of these shapes."""
    return weights(Forward(function, **(modules or {})), **tensors)


def routed(choose):
    """Experts stacked in two tensors, weighted by a gate of which `choose` makes a weight for each expert."""

    def forward(net, x):
        hidden = torch.einsum("bd,ehd->beh", x, net.up).tanh()
        return torch.einsum("beh,eoh,be->bo", hidden, net.down, choose(net, net.gate(x)))

    return net(forward, {"gate": nn.Linear(3, 4)}, up=(4, 5, 3), down=(4, 2, 5))


def scattered(net, gate):
    values, places = gate.topk(2, -1)
    return torch.zeros_like(gate).scatter(-1, places, values.softmax(-1))


def in_one_hot(net, gate):
    values, places = gate.softmax(-1).topk(2, -1)
    return (functional.one_hot(places, 4) * values[..., None]).sum(-2)


def the_largest(net, gate):
    return functional.one_hot(gate.argmax(-1), 4) * gate.softmax(-1)


def shuffled(groups):
    return nn.Sequential(
        nn.Conv2d(3, 6, 1),
        nn.Tanh(),
        nn.ChannelShuffle(groups),
        nn.Conv2d(6, 6, 1, groups=3),
        nn.Tanh(),
        nn.Conv2d(6, 2, 1),
    )


def normed():
    with pytest.warns(FutureWarning):
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 2))


def projected(**options):
    width = 8 if options.get("bidirectional") else 4
    cells = nn.LSTM(3, 5, 2, proj_size=4, batch_first=True, **options)
    return Forward(lambda net, x: net.o(net.c(x)[0]), c=cells, o=nn.Linear(width, 2))


def states(net, x):
    out, (h, c) = net.c(x)
    return net.o(out[:, -1]) + net.p(h[-1]) + net.q(c[-1])


def in_two(net, x):
    """Units for each pair of a row and a column, the rows and the columns gated by themselves."""
    hidden = torch.einsum("bi,ircu->brcu", x, net.up).tanh()
    return torch.einsum("brcu,rcuo,br,bc->bo", hidden, net.down, net.rows(x), net.columns(x))


def batched(experts, x):
    return torch.vmap(lambda up, down: (x @ up).tanh() @ down)(experts.up, experts.down).mean(0)


def sloped(net, x):
    """Attention with linear biases: a slope of its own for each head."""
    q, k, v = (one(x).unflatten(-1, (3, 4)).transpose(-3, -2) for one in (net.q, net.k, net.v))
    places = torch.arange(x.shape[-2])
    slopes = torch.tensor([0.5, 0.25, 0.125])[:, None, None]
    heads = (q @ k.mT + slopes * (places - places[:, None])).softmax(-1) @ v
    return net.o(heads.transpose(-3, -2).flatten(-2))


class Sloped(nn.Module):
    """Blocks of such heads, one after the other."""

    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Linear(3, 5), nn.Linear(5, 2)
        self.blocks = nn.ModuleList(with_slopes(5) for _ in range(2))

    def forward(self, x):
        x = self.into(x)
        for block in self.blocks:
            x = x + block(x)
        return self.out(x)


def with_slopes(width):
    return Forward(sloped, **{name: nn.Linear(width, 12) for name in "qkv"}, o=nn.Linear(12, width))


LARGER = {
    "heads with slopes": (with_slopes(3), (2, 6, 3), {"4 in 3": 2}),
    "experts in an equation": (
        net(
            lambda net, x: torch.einsum("beh,eoh->bo", torch.einsum("bd,ehd->beh", x, net.up).tanh() + net.b, net.down),
            up=(2, 4, 3), b=(2, 4), down=(2, 5, 4),
        ),
        (6, 3), {2: 1, "4 in 2": 1},
    ),
    "experts in a batch": (
        net(
            lambda net, x: torch.bmm(torch.bmm(x.expand(2, -1, -1), net.up).tanh(), net.down).amax(0),
            up=(2, 3, 4), down=(2, 4, 5),
        ),
        (6, 3), {2: 1, "4 in 2": 1},
    ),
    "experts of two layers": (
        net(
            lambda net, x: (((x[None] @ net.up).tanh() @ net.middle).tanh() @ net.down).softmax(0).sum(0),
            up=(2, 3, 4), middle=(2, 4, 3), down=(2, 3, 5),
        ),
        (6, 3), {2: 1, "4 in 2": 1, "3 in 2": 1},
    ),
    "experts in a vmap": (net(batched, up=(2, 3, 4), down=(2, 4, 5)), (6, 3), {2: 1, "4 in 2": 1}),
    "examples in a vmap": (
        Forward(lambda net, x: torch.vmap(lambda y: net.o(net.a(y).tanh()))(x), a=nn.Linear(3, 4), o=nn.Linear(4, 2)),
        (6, 3), {4: 1},
    ),
    "two of four by scatter": (routed(scattered), (6, 3), {4: 1, "5 in 4": 1}),
    "two of four in one hot": (routed(in_one_hot), (6, 3), {4: 1, "5 in 4": 1}),
    "one of four": (routed(the_largest), (6, 3), {4: 1, "5 in 4": 1}),
    "channels shuffled": (shuffled(2), (2, 3, 5, 5), {3: 1, "2 in 3": 2}),
    "every pair": (
        Forward(
            lambda net, x: net.o(net.b(net.a(x).tanh(), net.c(x).tanh()).tanh()),
            a=nn.Linear(3, 4), c=nn.Linear(3, 5), b=nn.Bilinear(4, 5, 6), o=nn.Linear(6, 2),
        ),
        (6, 3), {4: 1, 5: 1, 6: 1},
    ),
    "projections": (projected(), (2, 6, 3), {5: 2, 4: 2}),
    "projections, both ways": (projected(bidirectional=True, bias=False), (2, 6, 3), {5: 4, 4: 4}),
    "projected states": (
        Forward(
            states, c=nn.LSTM(3, 5, 2, proj_size=4, batch_first=True),
            o=nn.Linear(4, 2), p=nn.Linear(4, 2), q=nn.Linear(5, 2),
        ),
        (2, 6, 3), {5: 2, 4: 2},
    ),
    "old norms of weights": (
        normed(), (6, 3), {5: 1}
    ),
}  # fmt: skip
"""Networks, the shape of their input, and the sets that there should be."""


@pytest.mark.parametrize("name", LARGER)
@pytest.mark.parametrize("symmetries", ["permutations", "all"])
def test_the_larger_group_is_found_and_proved(name, symmetries):
    network, shape, sets = LARGER[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    network = network.float()
    found = layergen.trace(network, [x], symmetries=symmetries, extend=False)
    assert (found.preserved, found.warnings) == (True, ())
    if symmetries == "permutations":
        assert kinds(found.space) == sets
        bare = layergen.trace(network, [x], prove=False).space
        assert group_order(bare) == group_order(found.space)
        assert_preserved(network, bare, [[x], [x[:1]]])


def dead(net, gate):
    """Of entries cut off at 0 several are alike, of which the first ones are chosen."""
    values, places = gate.relu().topk(2, -1)
    return torch.zeros_like(gate).scatter(-1, places, values + 1)


COUSINS = {
    "units exchanged between experts": (
        net(
            lambda net, x: torch.einsum("beh,oh->beo", torch.einsum("bd,ehd->beh", x, net.up).tanh(), net.down).amax(1),
            up=(2, 4, 3), down=(5, 4),
        ),
        (6, 3), {2: 1, 4: 1},
    ),
    "a bias for all experts": (
        net(
            lambda net, x: torch.einsum(
                "beh,eoh->bo", (torch.einsum("bd,ehd->beh", x, net.up) + net.b).tanh(), net.down
            ),
            up=(2, 4, 3), b=(4,), down=(2, 5, 4),
        ),
        (6, 3), {"2 in 4": 1, 4: 1},
    ),
    "a maximum over experts": (
        net(
            lambda net, x: torch.einsum("bd,ehd->beh", x, net.up).amax(1) @ net.down, up=(2, 4, 3), down=(4, 5)
        ),
        (6, 3), {"2 in 4": 1, 4: 1},
    ),
    "a vmap with one weight for all": (
        net(
            lambda net, x: torch.vmap(lambda up: (x @ up).tanh() @ net.down)(net.up).amax(0), up=(2, 3, 4), down=(4, 5)
        ),
        (6, 3), {2: 1, 4: 1},
    ),
    "places counted in a vmap": (
        net(lambda net, x: torch.vmap(lambda up: (x @ up).cumsum(-1))(net.up).amax(0), up=(2, 3, 4)), (6, 3), {2: 1}
    ),
    "members of a vmap in order": (
        net(
            lambda net, x: torch.vmap(lambda u, v: (x @ u).tanh() @ v)(net.up, net.down).cumsum(0).amax(0),
            up=(2, 3, 4), down=(2, 4, 5),
        ),
        (6, 3), {"4 in 2": 1},
    ),
    "chosen among what may be alike": (routed(dead), (6, 3), {"5 in 4": 1}),
    "numbers of experts read": (
        routed(lambda net, gate: gate * gate.topk(2, -1)[1].sum(-1, keepdim=True)), (6, 3), {"5 in 4": 1}
    ),
    "numbers of experts compared": (
        routed(lambda net, gate: gate * (gate.argmax(-1, keepdim=True) == torch.arange(4))), (6, 3), {"5 in 4": 1}
    ),
    "numbers of experts written over": (
        routed(lambda net, gate: functional.one_hot(gate.argmax(-1).view(-1).mul_(0), 4) * gate), (6, 3), {"5 in 4": 1}
    ),
    "numbers of other experts": (
        routed(lambda net, gate: functional.one_hot((gate.argmax(-1) + 1) % 4, 4) * gate), (6, 3), {"5 in 4": 1}
    ),
    "numbers beside an order": (
        routed(lambda net, gate: functional.one_hot(gate.flip(-1).argmax(-1), 4) * gate), (6, 3), {"5 in 4": 1}
    ),
    "scattered by numbers that stay": (
        routed(lambda net, gate: torch.zeros_like(gate).scatter(-1, torch.tensor([[2, 0]] * 6), gate[:, :2])), (6, 3),
        {"5 in 4": 1, 2: 1},
    ),
    "shuffled in other groups": (
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.ChannelShuffle(2), nn.GroupNorm(2, 6), nn.Conv2d(6, 2, 1)),
        (2, 3, 5, 5), {},
    ),
}  # fmt: skip
"""Networks like those, which have no more than these sets: experts may be frozen, the units of each permuted."""


@pytest.mark.parametrize("name", COUSINS)
def test_cousins_are_not_given_it(name):
    network, shape, sets = COUSINS[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    network = network.float()
    found = layergen.trace(network, [x], prove=False)
    assert_preserved(network, found.space, [[x]])
    if sets:
        assert kinds(found.space) == sets


def test_a_set_within_two_others_is_within_one_and_said():
    network = net(
        in_two, {"rows": nn.Linear(3, 2), "columns": nn.Linear(3, 4)}, up=(3, 2, 4, 5), down=(2, 4, 5, 2)
    )  # fmt: skip
    found = layergen.trace(network, [torch.randn(6, 3)])
    assert kinds(found.space) == {2: 1, 4: 1, "5 in 4": 1}
    assert found.preserved
    (sentence,) = (text for text in found.more if "permuted" in text)
    assert sentence == (
        "'up_2_unit' (5) may be permuted by itself for each value of 'up' as well as of 'up_2': "
        "a set can be nested within one other only, and none of these is within the other"
    )
    assert any("'up_2_unit' at one value of 'up' alone" in text for text in found.possible)


def test_heads_with_slopes_stay_where_they_are():
    space = layergen.trace(with_slopes(3), [torch.randn(2, 6, 3)]).space
    assert {index.name: (index.section, index.parent) for index in space.indices} == {
        "q": ("positional", None),
        "q_unit": ("sets", "q"),
        "q_unit_2": ("sets", "q"),
    }
    assert str(space["o.weight"]) == "o.weight[3 (q q_unit_2)]"
    free = layergen.trace(with_slopes(3), [torch.randn(2, 6, 3)], free={"q.weight": 0}, prove=False).space
    assert kinds(free) == {4: 2}


def test_blocks_of_heads_with_slopes_are_families_first():
    found = layergen.trace(Sloped(), [torch.randn(2, 6, 3)])
    assert found.preserved
    assert {index.name: index.parent for index in found.space.indices} == {
        "blocks": None,
        "into": None,
        "blocks_q": "blocks",
        "blocks_v": "blocks",
    }
    assert kinds(layergen.trace(Sloped(), [torch.randn(2, 6, 3)], families=False).space) == {5: 1, "4 in 3": 4}


def test_a_choice_among_numbers_is_assumed_to_be_one():
    assumed = layergen.trace(routed(scattered), [torch.randn(6, 3)]).assumed
    assert assumed == ("no two entries alike, by which to choose, in topk in the module itself",)
    assert layergen.trace(routed(lambda net, gate: gate), [torch.randn(6, 3)]).assumed == ()


def test_a_set_that_could_be_nested_is_among_what_is_tried(monkeypatch):
    monkeypatch.setattr("layergen.tracing.propagation.nesting", lambda company: {})
    network, shape, _ = LARGER["experts in an equation"]
    found = layergen.trace(network.float(), [torch.randn(shape)])
    assert kinds(found.space) == {2: 1, 4: 1}
    assert any("permuting 'up_2' at one value of 'up' alone" in text for text in found.possible)
    cousin, shape, _ = COUSINS["units exchanged between experts"]
    assert not any("at one value" in text for text in layergen.trace(cousin.float(), [torch.randn(shape)]).possible)


def test_heads_that_meet_and_are_heads_again_have_units_in_common():
    """Sorted heads are found to be the heads that they were: what met in between is not forgotten."""
    network = Forward(
        lambda net, x: net.o(net.a(x) + net.a(x).unflatten(-1, (2, 3)).sort(-2)[0].flatten(-2)),
        a=nn.Linear(3, 6), o=nn.Linear(6, 2),
    )  # fmt: skip
    x = torch.randn(6, 3)
    space = layergen.trace(network, [x], prove=False).space
    assert kinds(space) == {3: 1}
    assert_preserved(network, space, [[x]])
