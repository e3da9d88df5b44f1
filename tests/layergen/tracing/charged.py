"""Networks on whose neurons more may act than permutations, and alike ones on which nothing more may."""

import torch
from torch import nn
from torch.nn import functional

from tests.layergen.tracing.networks import IMAGE, Forward, small

__all__ = ["CHARGED"]


def between(function):
    """Two linear layers with a function between."""
    return lambda: small(lambda net, x: net.o(function(net.a(x))))


def with_parameter(function, **shapes):
    """Two linear layers with a function of the network and of what is between, and parameters for it."""

    def make():
        net = small(lambda net, x: net.o(function(net, net.a(x))))
        for name, shape in shapes.items():
            setattr(net, name, nn.Parameter(torch.rand(shape)))
        return net

    return make


def low_rank(net, x):
    return net.base(x) + net.b(net.a(x))


def residual(function):
    return lambda: Forward(
        lambda net, x: net.o(function(net, net.e(x))), e=nn.Linear(3, 5), u=nn.Linear(5, 4), d=nn.Linear(4, 5),
        o=nn.Linear(5, 2), n=nn.LayerNorm(5),
    )  # fmt: skip


def rotated(x):
    angles = torch.arange(x.shape[-2])[:, None] * torch.tensor([1.0, 0.1])
    first, second = x[..., :2], x[..., 2:]
    return torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1)


def heads(net, x, turn=lambda x: x, fused=False):
    v, q, k = (layer(x).unflatten(-1, (2, 4)).transpose(1, 2) for layer in (net.v, net.q, net.k))
    if fused:
        mixed = functional.scaled_dot_product_attention(turn(q), turn(k), v)
        return net.o((mixed * 2).transpose(1, 2).flatten(-2))
    scores = turn(q) @ turn(k).mT / 2
    return net.o((scores.softmax(-1) @ v).transpose(1, 2).flatten(-2))


def attending(function, bias=False):
    return lambda: Forward(
        function, **{name: nn.Linear(3, 8, bias=bias) for name in "qkv"}, o=nn.Linear(8, 2, bias=bias)
    )


def convolutions(*layers):
    return lambda: nn.Sequential(nn.Conv2d(3, 4, 3), *layers, nn.Flatten(), nn.LazyLinear(2))


def cell(kind, width):
    return lambda: Forward(
        lambda net, x: net.o(net.c(x[:, 0], net.c(x[:, 1]))), c=kind(3, width), o=nn.Linear(width, 2)
    )


def cut_in_pairs(net, x):
    y = net.a(x)
    pairs = y.unflatten(-1, (4, 2))[..., :2, :].flatten(-2)
    return net.o(torch.cat([pairs.relu(), y[..., :4].sigmoid(), y[..., 4:].relu()], -1))


def written_states(net, x):
    states = x.new_zeros(2, x.shape[0], 4)
    states[0] = net.a(x[:, 0]).tanh()
    states[1] = net.b(x[:, 0]).tanh()
    return net.o(net.c(x, (states, states))[0])


NONE = {"a.weight": "5 3", "a.bias": "5", "o.weight": "2 5"}
MLP = {"a.weight": "h 3", "a.bias": "h"}
POSITIVE = ("positive", {**MLP, "o.weight": "2 h^-1"})
SIGN = ("sign", {**MLP, "o.weight": "2 h"})
GL = ("GL", {**MLP, "o.weight": "2 h^-1"})
PLAIN = (None, {**MLP, "o.weight": "2 h"})
ACTIVATIONS = {
    "tanh": (torch.tanh, SIGN),
    "sine": (lambda x: torch.sin(30 * x), SIGN),
    "softsign": (functional.softsign, SIGN),
    "hard tanh": (functional.hardtanh, SIGN),
    "clamped between opposite numbers": (lambda x: x.clamp(-2, 2), SIGN),
    "clamped between others": (lambda x: x.clamp(-2, 1), PLAIN),
    "relu6": (functional.relu6, PLAIN),
    "relu": (torch.relu, POSITIVE),
    "relu in place": (lambda x: (x * 1).relu_(), POSITIVE),
    "relu by clamping": (lambda x: x.clamp(min=0), POSITIVE),
    "relu by a maximum with zeros": (lambda x: torch.maximum(x, torch.zeros_like(x)), POSITIVE),
    "relu by a mask": (lambda x: x * (x > 0), POSITIVE),
    "relu by a choice": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), POSITIVE),
    "a number chosen": (lambda x: torch.where(x > 0, 0.5, x), PLAIN),
    "another number chosen": (lambda x: torch.where(x > 0, x, 0.5), PLAIN),
    "relu by filling": (lambda x: x.masked_fill(x < 0, 0.0), POSITIVE),
    "a threshold": (lambda x: functional.threshold(x, 0.5, 0.0), PLAIN),
    "leaky relu": (functional.leaky_relu, POSITIVE),
    "shifted relu": (lambda x: torch.relu(x - 1), PLAIN),
    "gelu": (functional.gelu, PLAIN),
    "silu": (functional.silu, PLAIN),
    "sigmoid": (torch.sigmoid, PLAIN),
    "softplus": (functional.softplus, PLAIN),
    "elu": (functional.elu, PLAIN),
    "softmax": (lambda x: x.softmax(-1), PLAIN),
    "layer norm": (lambda x: functional.layer_norm(x, (5,)), PLAIN),
    "rounded to whole numbers": (lambda x: x.to(torch.int32).to(x.dtype), PLAIN),
    "relu of tanh": (lambda x: torch.tanh(x).relu(), PLAIN),
    "tanh of relu": (lambda x: x.relu().tanh(), PLAIN),
    "odd and even, added": (lambda x: x.sin() + x.cos(), PLAIN),
    "odd and odd, added": (lambda x: x.sin() + x.tanh() / 3, SIGN),
    "cosine": (torch.cos, ("sign", {**MLP, "o.weight": "2 h^0"})),
    "odd times even": (lambda x: x.tanh() * x.cos(), SIGN),
    "odd times odd": (lambda x: x.tanh() * x.sin(), ("sign", {**MLP, "o.weight": "2 h^0"})),
    "absolute value": (torch.abs, POSITIVE),
    "square": (torch.square, ("positive", {**MLP, "o.weight": "2 h^-2"})),
    "cube": (lambda x: x**3, ("positive", {**MLP, "o.weight": "2 h^-3"})),
    "square root": (lambda x: x.abs().sqrt(), ("positive", {"a.weight": "h^2 3", "o.weight": "2 h^-1"})),
    "a quotient": (lambda x: x**3 / x.abs(), ("positive", {**MLP, "o.weight": "2 h^-2"})),
    "one over": (lambda x: 1 / x, ("positive", MLP)),
    "nothing": (lambda x: x, GL),
    "a sum over neurons beside": (lambda x: x + x.sum(-1, keepdim=True), PLAIN),
    "the largest beside": (lambda x: x.relu() * x.amax(-1, keepdim=True), PLAIN),
    "a norm": (lambda x: x / x.norm(dim=-1, keepdim=True), PLAIN),
    "an outer product": (lambda x: (x[:, :, None] * x[:, None]).sum(-1).tanh(), PLAIN),
    "an unknown function": (torch.special.bessel_j0, (None, NONE)),
}
CHARGED = {name: (between(function), [(4, 3)], *expected) for name, (function, expected) in ACTIVATIONS.items()}
CHARGED |= {
    "a free slope": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.PReLU(5), nn.Linear(5, 2)), [(4, 3)],
        "positive", {"0.weight": "h 3", "1.weight": "h^0", "2.weight": "2 h^-1"},
    ),
    "scaled beside": (
        with_parameter(lambda net, x: net.s * x.relu(), s=5), [(4, 3)], "positive", {"s": "h^0", "o.weight": "2 h^-1"}
    ),
    "scaled before sigmoid": (
        with_parameter(lambda net, x: (net.s * x).sigmoid(), s=5), [(4, 3)],
        "positive", {"s": "h^-1", "a.bias": "h", "o.weight": "2 h^0"},
    ),
    "linear but for a scale of each unit": (
        with_parameter(lambda net, x: net.s * x, s=5), [(4, 3)], "positive", {"s": "h^0", "o.weight": "2 h^-1"},
    ),
    "weights whose first axis comes in": (
        lambda: Forward(lambda net, x: net.o((x @ net.w["u"]).tanh()), o=nn.Linear(5, 2),
                        w=nn.ParameterDict({"u": torch.rand(3, 5)})),
        [(4, 3)], "sign", {"w.u": "3 h", "o.weight": "2 h"},
    ),
    "shifted by a parameter": (
        with_parameter(lambda net, x: (x + net.s).tanh(), s=5), [(4, 3)], "sign", {"s": "h", "o.weight": "2 h"}
    ),
    "a gate": (
        lambda: small(lambda net, x: net.o(functional.glu(net.a(x))), first=(3, 10)), [(4, 3)],
        "positive", {"a.weight": "(h + h^0) 3", "a.bias": "(h + h^0)", "o.weight": "2 h^-1"},
    ),
    "a sigmoid of half": (
        lambda: small(lambda net, x: net.o((y := net.a(x).chunk(2, -1))[0] * y[1].sigmoid()), first=(3, 10)), [(4, 3)],
        "positive", {"a.weight": "(h + h^0) 3", "a.bias": "(h + h^0)", "o.weight": "2 h^-1"},
    ),
    "a sum of neurons": (
        lambda: Forward(lambda net, x: net.a(x).relu().sum(-1), a=nn.Linear(3, 5)), [(4, 3)], None, {"a.weight": "h 3"}
    ),
    "low rank": (
        lambda: Forward(low_rank, base=nn.Linear(3, 4), a=nn.Linear(3, 2, bias=False), b=nn.Linear(2, 4, bias=False)),
        [(4, 3)], "GL", {"a.weight": "h 3", "b.weight": "4 h^-1", "base.weight": "4 3"},
    ),
    "weights multiplied": (
        lambda: Forward(lambda net, x: x @ (net.b.weight @ net.a.weight).T, a=nn.Linear(3, 2), b=nn.Linear(2, 4)),
        [(4, 3)], "GL", {"a.weight": "h 3", "b.weight": "4 h^-1"},
    ),
    "there and back by one matrix": (
        lambda: Forward(lambda net, x: net.a(x) @ net.a.weight, a=nn.Linear(3, 2)), [(4, 3)],
        "O", {"a.weight": "h 3", "a.bias": "h"},
    ),
    "there and back by one matrix with a tanh": (
        lambda: Forward(lambda net, x: net.a(x).tanh() @ net.a.weight, a=nn.Linear(3, 2)), [(4, 3)],
        "sign", {"a.weight": "h 3", "a.bias": "h"},
    ),
    "there and back by one matrix with a ReLU": (
        lambda: Forward(lambda net, x: net.a(x).relu() @ net.a.weight, a=nn.Linear(3, 2)), [(4, 3)],
        None, {"a.weight": "h 3", "a.bias": "h"},
    ),
    "a stream that is added to": (
        residual(lambda net, x: x + net.d(net.u(x).tanh())), [(4, 3)],
        "GL", {"e.weight": "h 3", "u.weight": "u h^-1", "d.weight": "h u", "d.bias": "h", "o.weight": "2 h^-1"},
    ),
    "a stream of ReLUs": (
        residual(lambda net, x: (x + net.d(net.u(x).tanh())).relu()), [(4, 3)],
        "positive", {"e.weight": "h 3", "u.weight": "u h^-1", "d.weight": "h u", "d.bias": "h", "o.weight": "2 h^-1"},
    ),
    "a stream with a norm before": (
        residual(lambda net, x: x + net.d(net.u(net.n(x)).tanh())), [(4, 3)],
        "positive", {"e.weight": "h^0 3", "n.weight": "h", "n.bias": "h", "u.weight": "u h^-1", "d.weight": "h^0 u"},
    ),
    "a stream with a norm": (
        residual(lambda net, x: (y := net.n(x)) + net.d(net.u(y).tanh())), [(4, 3)],
        "positive", {"e.weight": "h^0 3", "n.weight": "h", "n.bias": "h", "u.weight": "u h^-1", "d.weight": "h u"},
    ),
    "queries and keys": (
        attending(heads), [(2, 5, 3)],
        "GL", {"q.weight": "(q h) 3", "k.weight": "(q h^-1) 3", "v.weight": "(q v) 3", "o.weight": "2 (q v^-1)"},
    ),
    "queries and keys with biases": (
        attending(heads, bias=True), [(2, 5, 3)],
        "GL", {"q.bias": "(q h)", "k.bias": "(q h^-1)", "v.bias": "(q v)", "o.weight": "2 (q v^-1)"},
    ),
    "rotary embeddings": (
        attending(lambda net, x: heads(net, x, rotated)), [(2, 5, 3)],
        "positive", {"q.weight": "(h 4) 3", "k.weight": "(h^-1 4) 3", "v.weight": "(h^0 v) 3",
                     "o.weight": "2 (h^0 v^-1)"},
    ),
    "rotary embeddings, fused": (
        attending(lambda net, x: heads(net, x, rotated, fused=True), bias=True), [(2, 5, 3)],
        "positive", {"q.weight": "(h 4) 3", "k.weight": "(h^-1 4) 3", "v.weight": "(h^0 v) 3", "v.bias": "(h^0 v)",
                     "o.weight": "2 (h^0 v^-1)"},
    ),
    "keys that are normalised": (
        attending(lambda net, x: heads(net, x, lambda y: functional.layer_norm(y, (4,)))), [(2, 5, 3)],
        None, {"q.weight": "(q h) 3", "k.weight": "(q h) 3", "v.weight": "(q v) 3", "o.weight": "2 (q v^-1)"},
    ),
    "a CNN with max pooling": (
        convolutions(nn.ReLU(), nn.MaxPool2d(2)), [IMAGE],
        "positive", {"0.weight": "h 3 3 3", "0.bias": "h", "4.weight": "2 (h^-1 9)"},
    ),
    "max pooling alone": (convolutions(nn.MaxPool2d(2)), [IMAGE], "positive", {"3.weight": "2 (h^-1 9)"}),
    "mean pooling alone": (convolutions(nn.AvgPool2d(2)), [IMAGE], "GL", {"3.weight": "2 (h^-1 9)"}),
    "a tanh CNN with max pooling": (convolutions(nn.Tanh(), nn.MaxPool2d(2)), [IMAGE], None, {"4.weight": "2 (h 9)"}),
    "batch norm and tanh": (
        convolutions(nn.BatchNorm2d(4), nn.Tanh()), [IMAGE],
        "sign", {"0.weight": "h 3 3 3", "1.running_mean": "h", "1.running_var": "h^0", "4.weight": "2 (h 36)"},
    ),
    "batch norm and GELU": (
        convolutions(nn.BatchNorm2d(4), nn.GELU()), [IMAGE],
        "sign", {"0.weight": "h 3 3 3", "0.bias": "h", "1.weight": "h", "1.bias": "h^0", "1.running_mean": "h",
                 "4.weight": "2 (h^0 36)"},
    ),
    "batch norm and ReLU": (
        convolutions(nn.BatchNorm2d(4), nn.ReLU()), [IMAGE],
        "positive", {"0.weight": "h^0 3 3 3", "1.weight": "h", "1.bias": "h", "1.running_mean": "h^0",
                     "4.weight": "2 (h^-1 36)"},
    ),
    "a depthwise convolution": (
        convolutions(nn.Conv2d(4, 4, 3, groups=4), nn.ReLU()), [IMAGE],
        "positive", {"1.bias": "h", "4.weight": "2 (h^-1 16)"},
    ),
    "an LSTM cell by hand": (
        lambda: Forward(
            lambda net, x: net.o((y := net.a(x).chunk(3, -1))[0].sigmoid() * (y[1].sigmoid() * y[2].tanh()).tanh()),
            a=nn.Linear(3, 15), o=nn.Linear(5, 2),
        ),
        [(4, 3)], "sign", {"a.weight": "(h^0 + h^0 + h) 3", "o.weight": "2 h"},
    ),
    "a GRU cell": (
        cell(nn.GRUCell, 4), [(2, 5, 3)],
        "sign", {"c.weight_hh": "(h^0 + h^0 + h) h", "c.bias_ih": "(h^0 + h^0 + h)", "o.weight": "2 h"},
    ),
    "a ReLU RNN": (
        lambda: Forward(
            lambda net, x: net.o(net.c(x)[1][-1]), c=nn.RNN(3, 4, 2, nonlinearity="relu", batch_first=True),
            o=nn.Linear(4, 2),
        ),
        [(2, 5, 3)], "positive", {"c.weight_hh_l0": "k k^-1", "c.weight_ih_l1": "h k^-1", "o.weight": "2 h^-1"},
    ),
    "states of an LSTM that are added": (
        lambda: Forward(
            lambda net, x: net.o(net.c(x)[1][1].mean(0)), c=nn.LSTM(3, 4, 2, batch_first=True), o=nn.Linear(4, 2)
        ),
        [(2, 5, 3)], "sign", {"c.weight_ih_l1": "(h^0 + h^0 + h + h^0) h", "o.weight": "2 h"},
    ),
    "states of an LSTM in a sigmoid": (
        lambda: Forward(
            lambda net, x: net.o(net.c(x)[1][1][0].sigmoid()), c=nn.LSTM(3, 4, batch_first=True), o=nn.Linear(4, 2)
        ),
        [(2, 5, 3)], None, {"c.weight_ih_l0": "(4 h) 3", "o.weight": "2 h"},
    ),
    "cut in pairs and in fours": (
        lambda: Forward(cut_in_pairs, a=nn.Linear(3, 8), o=nn.Linear(12, 2)), [(4, 3)],
        "positive", {"a.weight": "((a + h) u) 3", "o.weight": "2 ((a u) + (a u) + (h^-1 u))"},
    ),
    "states that are written in place": (
        lambda: Forward(
            written_states, a=nn.Linear(3, 4), b=nn.Linear(3, 4), c=nn.LSTM(3, 4, 2, batch_first=True),
            o=nn.Linear(4, 2),
        ),
        [(2, 5, 3)], "sign", {"a.weight": "h 3", "c.weight_ih_l1": "(h^0 + h^0 + h + h^0) h", "o.weight": "2 h"},
    ),
    "equal rows of a stack": (
        lambda: Forward(
            lambda net, x: net.o(torch.stack([net.a(x).tanh(), net.b(x).sin()]).sum(0)), a=nn.Linear(3, 5),
            b=nn.Linear(3, 5), o=nn.Linear(5, 2),
        ),
        [(4, 3)], "sign", {"a.weight": "h 3", "b.weight": "h 3", "o.weight": "2 h"},
    ),
    "side by side": (
        lambda: Forward(
            lambda net, x: net.o(torch.cat([net.a(x).tanh(), net.b(x).relu()], -1)), a=nn.Linear(3, 5),
            b=nn.Linear(3, 5), o=nn.Linear(10, 2),
        ),
        [(4, 3)], "positive", {"a.weight": "a 3", "b.weight": "h 3", "o.weight": "2 (a + h^-1)"},
    ),
    "cut apart again": (
        lambda: Forward(
            lambda net, x: net.o((y := torch.cat([net.a(x).tanh(), net.b(x).relu()], -1))[..., 5:] * y[..., :5]),
            a=nn.Linear(3, 5), b=nn.Linear(3, 5), o=nn.Linear(5, 2),
        ),
        [(4, 3)], "positive", {"a.weight": "h^0 3", "b.weight": "h 3", "o.weight": "2 h^-1"},
    ),
    "an equation": (
        lambda: small(lambda net, x: torch.einsum("bi,hi,oh->bo", x, net.a.weight, net.o.weight)), [(4, 3)],
        "GL", {"a.weight": "h 3", "o.weight": "2 h^-1"},
    ),
    "an equation of three": (
        lambda: small(lambda net, x: torch.einsum("bi,hi,oh,h->bo", x, net.a.weight, net.o.weight, net.a.bias)),
        [(4, 3)], "positive", {"a.bias": "h^0", "a.weight": "h 3", "o.weight": "2 h^-1"},
    ),
}  # fmt: skip
"""A network by name: what makes it, the shapes of its inputs, what acts on the index h, and the axes of some tensors.

Names of indices are up to the tracer: h, k, q, u, v and a stand for any.
"""
