"""What is right on the example alone is not found: the rules by themselves, held against other inputs and buffers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import layergen
from layergen.tracing.reached import UNSEEN
from layergen.tracing.unknowns import Atom, known, unify
from symmetry.language.axes import Product
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.networks import Forward, kinds


def weights(net, **tensors):
    """The network with parameters of these shapes, or buffers where a tensor is given."""
    for name, value in tensors.items():
        if isinstance(value, torch.Tensor):
            net.register_buffer(name, value)
        else:
            setattr(net, name, nn.Parameter(torch.rand(value)))
    return net


def tokens(function, **tensors):
    """A network on tokens of three features, five wide."""
    return weights(Forward(function, a=nn.Linear(3, 5), o=nn.Linear(5, 2)), **tensors)


def floats(*lengths):
    torch.manual_seed(1)
    return [[torch.randn(2, length, 3)] for length in lengths]


def numbered(*numbers):
    torch.manual_seed(1)
    return [[torch.randn(2, 3), torch.tensor(number)] for number in numbers]


def of_three(net, x, i, pick):
    return net.o((pick(torch.stack([net.u, net.v, net.w]), i) @ net.a(x).tanh().mT).mT)


CHOSEN = {
    "by a tensor": lambda s, i: s[i],
    "by a number": lambda s, i: s.select(0, i.item()),
    "by index_select": lambda s, i: s.index_select(0, i[None])[0],
    "by gather": lambda s, i: s.gather(0, i.expand(1, 5, 5))[0],
    "by take_along_dim": lambda s, i: torch.take_along_dim(s, i.expand(1, 5, 5), 0)[0],
    "by narrow": lambda s, i: s.narrow(0, i.item(), 1)[0],
    "by an embedding": lambda s, i: functional.embedding(i, s.flatten(1)).reshape(5, 5),
    "by one hot": lambda s, i: torch.einsum("k,kij->ij", functional.one_hot(i, 3).to(s.dtype), s),
    "by a mask": lambda s, i: (s * (torch.arange(3) == i)[:, None, None]).sum(0),
    "by where": lambda s, i: torch.where(i == 0, s[0], s[1]),
    "after a view": lambda s, i: s.view(3, 25)[i].view(5, 5),
    "after a shift": lambda s, i: s.roll(1, 0)[0] + i * s[1],
}
"""A stack of three weights, and what comes from the data chooses one."""


@pytest.mark.parametrize("name", CHOSEN)
def test_one_of_several_that_the_data_choose(name):
    network = tokens(lambda net, x, i: of_three(net, x, i, CHOSEN[name]), u=(5, 5), v=(5, 5), w=(5, 5))
    examples = numbered(0, 1, 2)
    assert_preserved(network, layergen.trace(network.float(), examples[0], prove=False).space, examples)


ROWS = {
    "a learned position": (lambda net, x: net.o((net.a(x) + net.t[: x.shape[1]]).tanh()), (9, 5)),
    "scaled before it is cut": (lambda net, x: net.o((net.a(x) + (2 * net.t)[: x.shape[1]]).tanh()), (9, 5)),
    "the last rows": (lambda net, x: net.o((net.a(x) + net.t[-x.shape[1] :]).tanh()), (9, 5)),
    "narrowed": (lambda net, x: net.o((net.a(x) + net.t.narrow(0, 0, x.shape[1])).tanh()), (9, 5)),
    "rows by number": (lambda net, x: net.o((net.a(x) + net.t[torch.arange(x.shape[1])]).tanh()), (9, 5)),
    "one row, by the length": (lambda net, x: net.o((net.a(x) + net.t[x.shape[1]]).tanh()), (9, 5)),
    "a mean of the first rows": (lambda net, x: net.o((net.a(x) + net.t[: x.shape[1]].mean(0)).tanh()), (9, 5)),
    "split": (lambda net, x: net.o((net.a(x) + net.t.split([x.shape[1], 9 - x.shape[1]])[0]).tanh()), (9, 5)),
    "a mask of scores": (lambda net, x: net.o(masked(net, net.a(x))), (9, 9)),
    "a table as long as the example": (lambda net, x: net.o((net.a(x) + net.t[: x.shape[1]].mean(0)).tanh()), (5, 5)),
    "all but a beginning": (lambda net, x: net.o((net.a(x) + net.t[-x.shape[1] :].mean(0)).tanh()), (5, 5)),
    "narrowed to all": (lambda net, x: net.o((net.a(x) + net.t.narrow(0, 0, x.shape[1]).mean(0)).tanh()), (5, 5)),
    "a table of buffers": (lambda net, x: net.o((net.a(x) + net.t[:, : x.shape[1]]).tanh()), torch.rand(1, 9, 5)),
    "a mask of ones": (lambda net, x: net.o(masked(net, net.a(x))), torch.ones(9, 9).tril()),
    "a bias of distances": (lambda net, x: net.o(distances(net, net.a(x))), (9,)),
    "features that are left out": (lambda net, x: net.o((net.a(x) + net.t[:, :5].sum(0)).tanh()), (4, 9)),
}  # fmt: skip
"""A table of nine rows, of which an example of five tokens reads five."""


def masked(net, x):
    scores = x @ x.mT + net.t[: x.shape[1], : x.shape[1]]
    return scores.softmax(-1) @ x


def distances(net, x):
    places = torch.arange(x.shape[1])
    return (x @ x.mT + net.t[(places[:, None] - places).abs()]).softmax(-1) @ x


@pytest.mark.parametrize("name", ROWS)
def test_rows_beyond_the_example(name):
    function, table = ROWS[name]
    network = tokens(function, t=table)
    examples = floats(5, 4, 7) if network.t.shape[-2:].numel() not in (25,) else floats(5, 4, 3)
    assert_preserved(network, layergen.trace(network, examples[0], prove=False).space, examples)


class Heads(nn.Module):
    """Two heads on one trunk, a buffer, and a branch for training."""

    def __init__(self):
        super().__init__()
        self.trunk, self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 2), nn.Linear(5, 2)

    def forward(self, x, task=0):
        return [self.first, self.second][task](self.trunk(x).tanh())


def test_what_the_example_does_not_use_is_frozen_and_said():
    x = torch.randn(2, 3)
    found = layergen.trace(Heads(), [x])
    assert {one.axis for one in found.frozen if one.tensor == "second.weight" and one.why == UNSEEN} == {0, 1}
    assert "no example reaches it" in found.warnings[0]
    assert "'second.weight', 'second.bias'" in found.warnings[0]
    assert "'first" not in found.warnings[0]
    assert found.possible == ()
    for also in ([x, 1], {"x": x, "task": 1}):
        both = layergen.trace(Heads(), [x], also=[also])
        assert str(both.space["second.weight"].axes[1]) == str(both.space["first.weight"].axes[1])
        assert (kinds(both.space), both.warnings, both.preserved) == ({5: 1}, (), True)


UNUSED = {
    "an early exit": lambda net, x: net.o(net.a(x).tanh()) if x.shape[1] < 6 else net.o(net.b(net.a(x)).tanh()),
    "for training": lambda net, x: net.o(net.b(net.a(x)).tanh() if net.training else net.a(x).tanh()),
    "thrown away": lambda net, x: (net.b(net.a(x)), net.o(net.a(x).tanh()))[1],
}


@pytest.mark.parametrize("name", UNUSED)
def test_tensors_that_no_example_reaches_are_frozen(name):
    network = tokens(UNUSED[name])
    network.b = nn.Linear(5, 5)
    found = layergen.trace(network, floats(5)[0])
    assert {one.axis for one in found.frozen if one.tensor == "b.weight"} == {0, 1}
    assert kinds(found.space) == {5: 1}
    assert "'b.weight'" in found.warnings[0]


def test_an_example_of_another_length_is_one_more():
    network = tokens(lambda net, x: net.o((net.a(x) + (net.b(x) if x.shape[1] > 6 else 0)).tanh()))
    network.b = nn.Linear(3, 5)
    found = layergen.trace(network, floats(5)[0], also=floats(7))
    assert str(found.space["b.bias"].axes[0]) == str(found.space["a.bias"].axes[0])
    assert_preserved(network, found.space, floats(5, 7, 8))


BUFFERS = {
    "a pruning mask": (torch.ones(5, 3, dtype=torch.bool), lambda net, x: net.o((x @ (net.a.weight * net.m).T).tanh())),
    "numbers of groups": (torch.zeros(5, dtype=torch.long), lambda net, x: net.o(net.a(x) * (1 + net.m))),
    "a mask that fills": (torch.zeros(5, dtype=torch.bool), lambda net, x: net.o(net.a(x).masked_fill(net.m, 0.0))),
    "steps": (torch.full((5,), 3), lambda net, x: net.o(net.a(x) / net.m)),
    "an order": (torch.zeros(5, dtype=torch.long), lambda net, x: net.o(net.a(x)[..., net.m])),
    "signs": (torch.ones(5, dtype=torch.int8), lambda net, x: net.o(net.a(x) * net.m)),
    "chosen features": (torch.ones(5, dtype=torch.bool), lambda net, x: net.o(torch.where(net.m, net.a(x), 0.0))),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_integers_and_bools_that_happen_to_be_alike(name):
    mask, function = BUFFERS[name]
    network, examples = tokens(function, m=mask), floats(5, 4)
    found = layergen.trace(network, examples[0])
    assert found.assumed == ("m",)
    assert found.preserved
    assert "m" not in found.space.names
    with torch.no_grad():
        network.m.copy_(torch.arange(mask.numel()).reshape(mask.shape) % 2 + (name == "steps"))
    assert_preserved(network, found.space, examples)


def test_a_buffer_of_zeros_hides_no_wrong_rule(monkeypatch):
    from layergen.tracing.operators import RULES

    monkeypatch.setitem(RULES, "cumsum", RULES["tanh"])
    gated = tokens(lambda net, x: net.o(net.a(x).tanh()) + net.gate * net.o(net.a(x).cumsum(-1)), gate=torch.zeros(2))
    found = layergen.trace(gated, floats(5)[0])
    assert "changes what the module computes" in found.warnings[0]
    assert kinds(found.space) == {}


def test_buffers_that_are_taken_to_be_constant_are_named():
    network = tokens(lambda net, x: net.o((net.a(x) * net.scale + net.table).tanh()), table=torch.randn(5))
    network.register_buffer("scale", torch.ones(5), persistent=False)
    found = layergen.trace(network, floats(5)[0])
    assert (found.assumed, kinds(found.space), found.preserved) == (("scale",), {5: 1}, True)


def two(net, x):
    return torch.stack([net.a(x).tanh(), net.b(x)], 1)


def heads(net, x):
    return net.a(x).tanh().unflatten(-1, (2, 4))


def attended(x):
    return functional.scaled_dot_product_attention(x, x, x)


def run_in_place(net, x):
    states = x.new_zeros(2, x.shape[0], 5)
    states[0] = net.a(x[:, 0]).tanh()
    states[1] = net.b(x[:, 0]).tanh()
    return net.o(net.c(x, (states, states))[0])


OPERATORS = {
    "a shift by padding": lambda net, x: functional.pad(net.a(x), (1, -1)),
    "a circular shift": lambda net, x: functional.pad(net.a(x), (1, 1), mode="circular")[..., :-2],
    "a shift of tokens": lambda net, x: functional.pad(net.a(x), (0, 0, 1, -1)),
    "the order by place": lambda net, x: net.a(x).argsort(-1) * net.a(x),
    "the order of tokens": lambda net, x: net.a(x).argsort(1) * net.a(x),
    "softmax over a stack": lambda net, x: two(net, x).softmax(1).prod(1),
    "a softmin over a stack": lambda net, x: functional.softmin(two(net, x), 1)[:, 0],
    "log softmax over a stack": lambda net, x: two(net, x).log_softmax(1)[:, 1],
    "cumsum over a stack": lambda net, x: two(net, x).cumsum(1)[:, 1],
    "cumprod over a stack": lambda net, x: two(net, x).cumprod(1)[:, 0] * two(net, x).cumprod(1)[:, 1],
    "cummax over a stack": lambda net, x: two(net, x).cummax(1)[0][:, 1],
    "a stack flipped": lambda net, x: two(net, x).flip(1)[:, 0],
    "a stack flipped and read": lambda net, x: (two(net, x).flip(1) * two(net, x)).sum(1),
    "a stack rolled": lambda net, x: two(net, x).roll(1, 1)[:, 0],
    "a stack sorted": lambda net, x: two(net, x).sort(1)[0][:, 0],
    "a norm over a stack": lambda net, x: functional.layer_norm(two(net, x).movedim(1, -1), (2,))[..., 0],
    "a norm over a stack and units": lambda net, x: functional.layer_norm(two(net, x).transpose(1, 2), (2, 5))[:, :, 0],
    "a unit length over a stack": lambda net, x: functional.normalize(two(net, x), dim=1)[:, 0],
    "differences in a stack": lambda net, x: two(net, x).diff(dim=1)[:, 0],
    "a stack summed and cut": lambda net, x: torch.cat([*two(net, x).sum(1).split([2, 3], -1)][::-1], -1),
    "a stack, its largest cut": lambda net, x: two(net, x).amax(1)[..., [0, 2, 1, 4, 3]] + two(net, x).amax(1)[..., :1],
    "a stack cut": lambda net, x: (s := two(net, x))[:, 0, ..., :2].sum(-1, True) * s[:, 0] + s[:, 1, ..., :2].mean(),
    "a stack of weights contracted": lambda net, x: torch.einsum("kij,bti->btj", torch.stack([net.u, net.v]), net.a(x)),
    "products in a batch, added": lambda net, x: torch.addbmm(net.a(x)[0], net.a(x), (net.u @ net.v).expand(2, 5, 5)),
    "a batch of stacked weights, added": lambda net, x: torch.addbmm(
        net.a(x)[0], torch.stack([net.a(x)[0], net.b(x)[0]]), torch.stack([net.u, net.v])
    ),
    "a stack against itself": lambda net, x: (s := two(net, x)) @ s.mT @ s[:, 0][:, None],
    "members of a stack, all pairs": lambda net, x: (two(net, x)[:, :, None] * two(net, x)[:, None]).sum((1, 2)),
    "hidden tokens": lambda net, x: attended((net.a(x).mT @ net.a(x)).tanh() @ net.u)[:, : x.shape[1]],
    "a table sorted": lambda net, x: net.a(x) + net.u.sort(0)[0][0],
    "a table in order": lambda net, x: net.a(x) * net.u.argsort(0).sum(1),
    "a diagonal": lambda net, x: net.a(x) * torch.einsum("ii->i", net.u) + net.v.diagonal(),
    "a trace": lambda net, x: net.a(x) * net.u.trace(),
    "a triangle": lambda net, x: net.a(x) @ net.u.tril(),
    "a kernel of differences": lambda net, x: net.a(x) @ torch.cdist(net.u, net.v),
    "an outer product": lambda net, x: net.a(x) @ torch.outer(net.u[0], net.v[:, 0]),
    "repeated": lambda net, x: net.a(x).repeat(1, 1, 2)[..., ::2],
    "interleaved": lambda net, x: net.a(x).repeat_interleave(2, -1)[..., :5],
    "written by slices": lambda net, x: by_slices(net.a(x)),
    "unfolded": lambda net, x: net.a(x).unfold(-1, 5, 1)[..., 0, :],
}  # fmt: skip
"""What is done to five units: a function of the network and the inputs that gives the five that are read out."""


def by_slices(x):
    made = torch.zeros_like(x)
    made[..., 1:] = x[..., :-1]
    made[..., 0] = x[..., 0]
    return made


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_along_dimensions(name):
    made = OPERATORS[name]
    network = tokens(lambda net, x: net.o(made(net, x).tanh()), u=(5, 5), v=(5, 5))
    network.b = nn.Linear(3, 5)
    torch.manual_seed(1)
    examples = [[torch.randn(2, 5, 3)] for _ in range(3)]
    assert_preserved(network, layergen.trace(network, examples[0], prove=False).space, examples)


HEADS = {
    "softmax over heads": lambda x: x.softmax(-2),
    "sorted heads": lambda x: x.sort(-2)[0],
    "heads in order": lambda x: x.cumsum(-2),
    "heads against heads": lambda x: x @ x.mT @ x,
    "a norm over heads": lambda x: functional.layer_norm(x.mT, (2,)).mT,
    "heads as tokens": attended,
    "heads beside heads": lambda x: (x[..., :, None, :] + x[..., None, :, :]).tanh().sum(-3),
    "units against units": lambda x: x @ (x.mT @ x),
    "the largest head": lambda x: x * x.amax(-2, keepdim=True),
    "each head by itself": lambda x: x.softmax(-1),
    "flattened and turned": lambda x: x.mT.flatten(-2).unflatten(-1, (2, 4)),
    "einsum of heads": lambda x: torch.einsum("...hi,...gi->...hi", x, x),
    "heads written": lambda x: x.clone().index_copy_(-2, torch.tensor([0]), x[..., 1:, :]),
}


@pytest.mark.parametrize("name", HEADS)
def test_operators_over_heads(name):
    network = Forward(
        lambda net, x: net.o(HEADS[name](heads(net, x)).flatten(-2)), a=nn.Linear(3, 8), o=nn.Linear(8, 2)
    )
    examples = floats(5, 4, 2)
    space = layergen.trace(network, examples[0], prove=False).space
    assert_preserved(network, space, examples)
    if name == "each head by itself":
        assert kinds(space) == {2: 1, "4 in 2": 1}


def of_heads(net, x):
    return net.a(x).unflatten(-1, (2, 3)).softmax(-1)


def units_first(net, x):
    """Units that have no order within a head, flattened with the units before the heads."""
    return net.a(x).unflatten(-1, (3, 2)).softmax(-1).mT.flatten(-2)


def pairs(net, x, letters):
    """The products of any two units of any two heads, axes in some order."""
    return torch.einsum(f"bthu,btkv->bt{letters}", of_heads(net, x), of_heads(net, x))


def with_sums(net, x, letters):
    """Units times the largest of each head, axes in some order."""
    return torch.einsum(f"bthu,btk->bt{letters}", of_heads(net, x), of_heads(net, x).amax(-1))


def members(net, x, letters):
    """The products of any two units of any two layers, axes in some order."""
    stacked = torch.stack([net.a(x), net.b(x)]).tanh()
    return torch.einsum(f"sbtf,rbtg->{letters}", stacked, stacked)


TWICE = {
    "units before heads": (lambda net, x: units_first(net, x) + units_first(net, x) @ net.w, (6, 6)),
    "units before heads, both sides": (
        lambda net, x: torch.einsum("bti,ij,btj->bti", units_first(net, x), net.w, units_first(net, x)),
        (6, 6),
    ),
    "heads beside heads": (lambda net, x: (pairs(net, x, "hkuv") * net.w).sum((3, 5)).flatten(-2), (2, 2, 3, 3)),
    "heads exchanged": (lambda net, x: (pairs(net, x, "kuhv") * net.w).sum((2, 5)).mT.flatten(-2), (2, 3, 2, 3)),
    "heads exchanged, flattened": (
        lambda net, x: (pairs(net, x, "kuhv").flatten(2, 3).flatten(3) * net.w).sum(-1),
        (6, 6),
    ),
    "both ways": (
        lambda net, x: ((pairs(net, x, "hukv") + pairs(net, x, "kuhv")) * net.w).sum((4, 5)).flatten(-2),
        (2, 3, 2, 3),
    ),
    "units beside other heads": (lambda net, x: (with_sums(net, x, "hku") * net.w).sum(3).flatten(-2), (2, 2, 3)),
    "the heads of units summed": (lambda net, x: (pairs(net, x, "hukv").sum(4) * net.w).sum(-1).flatten(-2), (2, 3, 3)),
    "members of two stacks": (lambda net, x: (members(net, x, "rbtsfg")[0] * net.w)[:, :, 1].sum(-1), (2, 6, 6)),
    "members of two stacks, flattened": (
        lambda net, x: (members(net, x, "btrsfg").sum(-1).flatten(3)[:, :, 0] * net.w).unflatten(-1, (2, 6)).sum(-2),
        (12,),
    ),
}
"""What has two axes of heads, or of a stack, so that units or members may be taken for those of the other one."""


def twice(function, shape):
    network = Forward(
        lambda net, x: net.o(function(net, x).tanh()), a=nn.Linear(3, 6), b=nn.Linear(3, 6), o=nn.Linear(6, 2)
    )
    return weights(network, w=shape)


@pytest.mark.parametrize("name", TWICE)
def test_units_of_one_head_are_not_taken_for_those_of_another(name):
    network = twice(*TWICE[name])
    examples = floats(4)
    space = layergen.trace(network, examples[0], vary=False, prove=False).space
    assert any(index.size in (2, 3, 6) and not index.free for index in space.indices)
    assert_preserved(network, space, examples, elements=8)


APIECE = {
    "a matrix of each head": ("bthu,huv->bthv", (2, 3, 3)),
    "a matrix of each head, heads last": ("bthu,uvh->bthv", (3, 3, 2)),
    "a tensor of each head": ("bthu,bthv,huvw->bthw", (2, 3, 3, 3)),
}


@pytest.mark.parametrize("name", APIECE)
def test_units_that_meet_within_a_head_have_a_permutation_for_each(name):
    """Where there is one axis of heads it is certain whose units there are, along however many axes."""
    equation, shape = APIECE[name]

    def function(net, x):
        mixed = torch.einsum(equation, *[of_heads(net, x)] * equation.count(","), net.w)
        return (mixed + of_heads(net, x)).flatten(-2)

    network = twice(function, shape)
    examples = floats(4)
    space = layergen.trace(network, examples[0], vary=False, prove=False).space
    assert "3 in 2" in kinds(space)
    assert_preserved(network, space, examples, elements=8)


def test_states_that_are_written_in_place():
    network = Forward(
        run_in_place, a=nn.Linear(3, 5), b=nn.Linear(3, 5), c=nn.LSTM(3, 5, 2, batch_first=True), o=nn.Linear(5, 2)
    )
    examples = floats(5, 4)
    assert_preserved(network, layergen.trace(network, examples[0], prove=False).space, examples)


def test_what_meets_twice_is_one_with_both():
    """The units squared meet two tables of their own: all three are one."""
    first, second, units = Atom(5), Atom(5), Atom(5)
    unify(Product((units, units)), Product((first, second)), "")
    assert known(first) is known(second) is known(units)
