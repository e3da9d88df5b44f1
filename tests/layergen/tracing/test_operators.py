"""What the rules of the operator table leave to be permuted, one small network an operator."""

import pytest
import torch
from torch import nn

import layergen
from tests.layergen.tracing.networks import IMAGE, Forward, kinds, small


def scaled_in_place(y, gate):
    y.view(-1, gate.bias.shape[0], 1).mul_(gate.bias[:, None] + gate.weight)
    return y


def run_cells(cells, x):
    hidden = state = torch.zeros(x.shape[0], 4)
    for step in x.unbind(1):
        hidden, state = cells(step, (hidden, state))
    return hidden


def beside(net, x):
    x = net.e(x)
    q, k, v = net.a(x).view(*x.shape[:2], 2, 12).transpose(1, 2).chunk(3, dim=-1)
    mixed = torch.softmax(q @ k.mT, -1) @ v
    return net.o(x.tanh()) + mixed.transpose(1, 2).flatten(2).square().sum(-1, keepdim=True)


def halves(net, x):
    left, right = net.a(x).unflatten(-1, (2, 4)).unbind(-2)
    return net.b(left.tanh()) + net.c(right.tanh())


def pooled(x):
    return nn.functional.adaptive_avg_pool2d(nn.functional.avg_pool2d(nn.functional.max_pool2d(x, 2, 1), 2, 1), 2)


def larger(x):
    return nn.functional.interpolate(nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), scale_factor=2.0)


OPERATORS = {
    "a maximum along a dimension": (small(lambda net, x: net.o(net.a(x).max(1)[0])), (2, 4, 3), {5: 1}),
    "sorted along another dimension": (small(lambda net, x: net.o(net.a(x).sort(1)[0][:, 0])), (2, 4, 3), {5: 1}),
    "cumulated along another dimension": (small(lambda net, x: net.o(net.a(x).cumsum(1))), (2, 4, 3), {5: 1}),
    "rolled along another dimension": (small(lambda net, x: net.o(net.a(x).roll(1, 1))), (2, 4, 3), {5: 1}),
    "flipped along another dimension": (small(lambda net, x: net.o(net.a(x).flip(1))), (2, 4, 3), {5: 1}),
    "cumulated along the set": (small(lambda net, x: net.o(net.a(x).cumsum(-1))), (2, 3), {}),
    "the place of the largest": (small(lambda net, x: net.o(net.a(x)) + net.a(x).argmax(-1)[:, None]), (2, 3), {}),
    "an equation with dots": (
        small(lambda net, x: net.o(torch.einsum("...i,hi->...h", x, net.a.weight) + net.a.bias)), (2, 4, 3), {5: 1}
    ),
    "an equation without an arrow": (
        small(lambda net, x: net.o(torch.einsum("bi,hi", x, net.a.weight) + net.a.bias)), (2, 3), {5: 1}
    ),
    "an empty slice": (
        small(lambda net, x: net.o(torch.cat([net.a(x)[..., :5], net.a(x)[..., 5:]], -1))), (2, 3), {5: 1}
    ),
    "a slope for each channel": (small(lambda net, x: net.o(net.p(net.a(x))), p=nn.PReLU(5)), (2, 3), {5: 1}),
    "a gate": (small(lambda net, x: net.o(nn.functional.glu(net.a(x))), first=(3, 10)), (2, 3), {5: 1}),
    "halves that are unbound": (
        Forward(halves, a=nn.Linear(3, 8), b=nn.Linear(4, 2), c=nn.Linear(4, 2)), (2, 3), {4: 2}
    ),
    "positions out of channels": (
        Forward(lambda net, x: net.b(net.a(x)), a=nn.Conv2d(3, 4, 3), b=nn.Sequential(
            nn.Conv2d(4, 20, 1), nn.PixelShuffle(2), nn.Conv2d(5, 2, 1))), IMAGE, {4: 1, 5: 1}
    ),
    "written into a view": (
        small(lambda net, x: net.o(scaled_in_place(net.a(x), net.g)), g=nn.Linear(1, 5)), (2, 3), {5: 1}
    ),
    "zeros made on the way": (
        small(lambda net, x: net.o(torch.tanh(net.a(x) + net.h(torch.zeros(2, 5)))), h=nn.Linear(5, 5)), (2, 3), {5: 2}
    ),
    "cells in a loop": (
        Forward(lambda net, x: net.o(run_cells(net.c, x)), c=nn.LSTMCell(3, 4), o=nn.Linear(4, 2)), (2, 5, 3), {4: 1}
    ),
    "the last state of the last layer": (
        Forward(lambda net, x: net.o(net.c(x)[1][-1]), c=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2)),
        (2, 5, 3), {4: 2},
    ),
    "the last states of both ways": (
        Forward(
            lambda net, x: net.o(torch.cat([net.c(x)[1][0][-2], net.c(x)[1][0][-1]], -1)),
            c=nn.LSTM(3, 4, bidirectional=True, batch_first=True), o=nn.Linear(8, 2),
        ),
        (2, 5, 3), {4: 2},
    ),
    "a state handed on": (
        Forward(
            lambda net, x: net.o(net.d(x, net.c(x)[1])[0]),
            c=nn.GRU(3, 4, 2, batch_first=True), d=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2),
        ),
        (2, 5, 3), {4: 2},
    ),
    "all states at once": (
        Forward(lambda net, x: net.o(net.c(x)[1].mean(0)), c=nn.GRU(3, 4, 2, batch_first=True), o=nn.Linear(4, 2)),
        (2, 5, 3), {4: 1},
    ),
    "stacked and flattened": (
        Forward(
            lambda net, x: net.o(torch.stack([net.a(x).tanh(), net.b(x), net.c(x).relu()], 1).flatten(1)),
            a=nn.Linear(3, 4), b=nn.Linear(3, 4), c=nn.Linear(3, 4), o=nn.Linear(12, 2),
        ),
        (2, 3), {4: 3},
    ),
    "stacked and summed": (
        Forward(
            lambda net, x: net.o(torch.stack([net.a(x).tanh(), net.b(x)]).amax(0)),
            a=nn.Linear(3, 4), b=nn.Linear(3, 4), o=nn.Linear(4, 2),
        ),
        (2, 3), {4: 1},
    ),
    "masked logits": (
        small(lambda net, x: net.o(net.a(x).tanh()).masked_fill(torch.tensor([True, False]), -torch.inf)),
        (2, 3), {5: 1},
    ),
    "heads with their queries, keys and values side by side": (
        Forward(beside, e=nn.Linear(3, 8), a=nn.Linear(8, 24), o=nn.Linear(8, 2)),
        (2, 5, 3), {8: 1, 2: 1, "4 in 2": 2},
    ),
    "weights with norms of their own": (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 2)),
        (2, 3), {5: 1},
    ),
    "entries by number along another dimension": (
        small(lambda net, x: net.o(net.a(x).gather(1, torch.zeros(2, 2, 5, dtype=torch.long)))), (2, 4, 3), {5: 1}
    ),
    "entries by number along the set": (
        small(lambda net, x: net.o(net.a(x).gather(-1, torch.tensor([[4, 3, 2, 1, 0]] * 2)))), (2, 3), {}
    ),
    "rows by number": (
        small(lambda net, x: net.o(net.a(x).index_select(1, torch.tensor([2, 0])))), (2, 4, 3), {5: 1}
    ),
    "rows of a table": (
        Forward(lambda net, x: net.o(net.e((x > 0).long())), e=nn.Embedding(2, 5), o=nn.Linear(5, 2)), (2, 4), {5: 1}
    ),
    "products in a batch, summed and added": (
        small(lambda net, x: net.o(torch.addbmm(net.a.bias, x, net.a.weight.T.expand(2, 3, 5)))), (2, 4, 3), {5: 1}
    ),
    "products in a batch, added": (
        small(lambda net, x: net.o(torch.baddbmm(net.a.bias, x, net.a.weight.T.expand(2, 3, 5)))), (2, 4, 3), {5: 1}
    ),
    "every entry with every entry": (
        small(
            lambda net, x: net.o(net.a(x) @ torch.outer(net.u.weight.flatten(), net.v.weight.flatten())),
            u=nn.Linear(1, 5, bias=False), v=nn.Linear(1, 5, bias=False),
        ),
        (2, 3), {5: 2},
    ),
    "every second place of another dimension": (small(lambda net, x: net.o(net.a(x)[:, ::2])), (2, 4, 3), {5: 1}),
    "every second unit": (
        small(lambda net, x: net.o(torch.cat([net.a(x)[:, ::2], net.a(x)[:, 1::2]], -1))), (2, 3), {}
    ),
    "units cut in pieces that overlap": (
        small(
            lambda net, x: net.o(torch.cat([(y := net.a(x))[:, -4:], y[:, 2:4].tanh(), y[:, :2]], -1)), (3, 7), (8, 2)
        ),
        (2, 3), {2: 1, 3: 1},
    ),
    "a triangle of other dimensions": (
        small(lambda net, x: net.o((y := net.a(x).mT)[..., None].mul(y[..., None, :]).tril().sum(-1).mT)),
        (2, 4, 3), {5: 1},
    ),
    "means over other dimensions": (
        small(lambda net, x: net.o(net.a(x).mean((0, 1), keepdim=True))), (2, 4, 3), {5: 1}
    ),
    "pooled": (
        Forward(lambda net, x: net.b(pooled(net.a(x))), a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 2, 1)), IMAGE, {4: 1}
    ),
    "places of the largest pixels": (
        Forward(
            lambda net, x: net.b(sum(nn.functional.max_pool2d(net.a(x), 2, return_indices=True))),
            a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 2, 1),
        ),
        IMAGE, {4: 1},
    ),
    "images made larger": (
        Forward(lambda net, x: net.b(larger(net.a(x))), a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 2, 1)), IMAGE, {4: 1}
    ),
    "pooled along one dimension": (
        Forward(
            lambda net, x: net.b(nn.functional.avg_pool1d(net.a(x), 2)), a=nn.Conv1d(3, 4, 3), b=nn.Conv1d(4, 2, 1)
        ),
        (2, 3, 8), {4: 1},
    ),
    "convolutions in groups": (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Tanh(), nn.Conv2d(4, 6, 3, groups=2), nn.Tanh(), nn.Conv2d(6, 2, 1)),
        IMAGE, {2: 1, "2 in 2": 1, "3 in 2": 1},
    ),
    "convolutions turned round": (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Tanh(), nn.ConvTranspose2d(4, 6, 3), nn.Tanh(), nn.Conv2d(6, 2, 1)),
        IMAGE, {4: 1, 6: 1},
    ),
    "convolutions turned round, in groups": (
        nn.Sequential(
            nn.Conv2d(3, 4, 1), nn.Tanh(), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Tanh(), nn.Conv2d(6, 2, 1)
        ),
        IMAGE, {2: 1, "2 in 2": 1, "3 in 2": 1},
    ),
    "a norm of groups": (
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.GroupNorm(2, 6), nn.Tanh(), nn.Conv2d(6, 2, 1)),
        IMAGE, {2: 1, "3 in 2": 1},
    ),
    "a norm of channels": (
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.InstanceNorm2d(6, affine=True), nn.Tanh(), nn.Conv2d(6, 2, 1)),
        IMAGE, {6: 1},
    ),
    "padded": (
        Forward(
            lambda net, x: net.b(nn.functional.pad(net.a(x), (1, 0, 2, 1))), a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 2, 1)
        ),
        IMAGE, {4: 1},
    ),
    "padded along the set": (
        small(lambda net, x: net.o(nn.functional.pad(net.a(x), (0, 1))), second=(6, 2)), (2, 3), {}
    ),
    "each unit twice in a row": (
        small(lambda net, x: net.o(net.a(x).repeat_interleave(2, -1)), second=(10, 2)), (2, 3), {5: 1, "2 in 5": 1}
    ),
    "a plain recurrent layer": (
        Forward(lambda net, x: net.o(net.c(x)[0]), c=nn.RNN(3, 4, batch_first=True), o=nn.Linear(4, 2)),
        (2, 5, 3), {4: 1},
    ),
    "rows beside states of their own": (
        Forward(
            lambda net, x: net.o(net.c(net.t.weight[:, None] * x.mean(), net.s.weight[None])[0].sum(0)),
            t=nn.Linear(3, 5, bias=False), s=nn.Linear(4, 5, bias=False),
            c=nn.GRU(3, 4, batch_first=True), o=nn.Linear(4, 2),
        ),
        (2, 3), {3: 1, 4: 1, 5: 1},
    ),
    "weights pooled": (
        small(
            lambda net, x: net.o(net.a(x) * nn.functional.avg_pool1d(net.u.weight[None], 2)[0].amax(-1)),
            u=nn.Linear(6, 5, bias=False),
        ),
        (2, 3), {5: 1},
    ),
    "causal attention to rows of weights": (
        Forward(
            lambda net, x: net.o(
                nn.functional.scaled_dot_product_attention(
                    net.a(x), net.k.weight.expand(2, 5, 4), net.v.weight.expand(2, 5, 4), is_causal=True
                )
            ),
            a=nn.Linear(3, 4), k=nn.Linear(4, 5, bias=False), v=nn.Linear(4, 5, bias=False), o=nn.Linear(4, 2),
        ),
        (2, 5, 3), {4: 2},
    ),
}  # fmt: skip
"""What is done to the units of a layer, and the sets that there should be."""


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_leave_what_they_leave_alone(name):
    network, shape, sets = OPERATORS[name]
    torch.manual_seed(0)
    found = layergen.trace(network, [torch.randn(shape)])
    assert kinds(found.space) == sets
    assert found.preserved
    assert found.warnings == ()


def test_a_deep_network_of_small_weights_hides_nothing():
    """The gate is written through a view and its set has to be that of the units, though little reaches the output."""
    tower = nn.Sequential(*[layer for _ in range(14) for layer in (nn.Linear(6, 6), nn.Tanh())])
    for parameter in tower.parameters():
        nn.init.normal_(parameter, 0, 0.02)
    network = Forward(
        lambda net, x: net.o(net.t(scaled_in_place(net.a(x), net.g))),
        a=nn.Linear(3, 6), g=nn.Linear(1, 6), o=nn.Linear(6, 2), t=tower,
    )  # fmt: skip
    space = layergen.trace(network, [torch.randn(4, 3)]).space
    assert str(space["a.bias"].axes[0]) == str(space["g.bias"].axes[0])
