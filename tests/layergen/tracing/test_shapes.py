"""Axes that are concatenated, multiplied and cut: which of their parts are one set, by the rules and with the proof."""

import pytest
import torch
from torch import nn

import layergen
from tests.layergen.tracing.networks import IMAGE, Forward, kinds


def units(*sizes, **others):
    """Dense layers `a`, `b`, … of these sizes over an input of three."""
    return {name: nn.Linear(3, size) for name, size in zip("abcd", sizes, strict=False)} | others


def values(*shape):
    return nn.ParameterList([nn.Parameter(torch.randn(shape))])


SHAPES = {
    "a concatenation times a product of which the first factor counts its terms": (
        Forward(
            lambda net, x: net.o(torch.cat([net.a(x), net.b(x)], -1) * (net.p[0] * net.q[0]).flatten()),
            **units(4, 4, p=values(2, 1), q=values(4), o=nn.Linear(8, 2)),
        ),
        (5, 3), {4: 1},
    ),
    "terms of other sizes than the product's second factor": (
        Forward(
            lambda net, x: net.o(torch.cat([net.a(x), net.b(x)], -1) * (net.p[0] * net.q[0]).flatten()),
            **units(3, 5, p=values(2, 1), q=values(4), o=nn.Linear(8, 2)),
        ),
        (5, 3), {},
    ),
    "cut between the terms of a concatenation with a factor below": (
        Forward(
            lambda net, x: net.o(
                torch.mul(*(torch.cat([net.a(x), net.b(x)], -1)[..., None] * net.q[0]).flatten(1).chunk(2, 1))
            ),
            **units(4, 4, q=values(3), o=nn.Linear(12, 2)),
        ),
        (5, 3), {4: 1, 3: 1},
    ),
    "cut within a term": (
        Forward(
            lambda net, x: net.o(torch.mul(*torch.cat([net.a(x), net.b(x)], -1).chunk(2, 1))),
            **units(2, 6, o=nn.Linear(4, 2)),
        ),
        (5, 3), {2: 2},
    ),
    "two concatenations cut at different places": (
        Forward(
            lambda net, x: net.o(torch.cat([net.a(x), net.b(x)], -1) * torch.cat([net.c(x), net.d(x)], -1)),
            **units(2, 5, 4, 3, o=nn.Linear(7, 2)),
        ),
        (5, 3), {2: 2, 3: 1},
    ),
    "the positions of an image beside its channels": (
        Forward(lambda net, x: net.o(net.a(x).flatten(1)), a=nn.Conv2d(3, 4, 3), o=nn.Linear(144, 2)),
        IMAGE, {4: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("prove", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_parts_of_axes(name, prove):
    network, shape, sets = SHAPES[name]
    torch.manual_seed(0)
    found = layergen.trace(network, [torch.randn(shape)], prove=prove)
    assert kinds(found.space) == sets
    assert found.warnings == ()


class Memory(nn.Module):
    """Rows of keys and of values, as many as the example is long."""

    def __init__(self):
        super().__init__()
        self.keys, self.rows = nn.Parameter(torch.randn(5, 6)), nn.Parameter(torch.randn(5, 6))
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        return self.last(torch.softmax(x @ self.keys[: x.shape[1]].mT, -1) @ self.rows[: x.shape[1]])


@pytest.mark.parametrize(
    ("vary", "reason"),
    [(True, "cut where the length of an input says"), (False, "cut, perhaps to the length of the example")],
)
def test_rows_cut_to_the_length_of_the_example_are_frozen_and_named_where_nothing_notices_it(vary, reason):
    """Another length shows that the cut moves with it; one example alone does not."""
    found = layergen.trace(Memory(), [torch.randn(4, 5, 6)], vary=vary)
    why = {(frozen.tensor, frozen.axis): frozen.why for frozen in found.frozen}
    assert why["keys", 0] == why["rows", 0] == reason
    assert kinds(found.space) == {6: 1}
    assert found.possible == (() if vary else ("permuting the free index 'frozen_0' (first in 'keys')",))
    unproved = layergen.trace(Memory(), [torch.randn(4, 5, 6)], prove=False, vary=vary)
    assert (unproved.preserved, unproved.possible) == (None, ())
    assert kinds(unproved.space) == {6: 1}


def test_reasons_name_what_was_done_to_an_axis():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    found = layergen.trace(network, [torch.randn(IMAGE)], prove=False)
    assert {(frozen.tensor, frozen.why) for frozen in found.frozen} == {
        ("0.weight", "an axis of the input"),
        ("0.weight", "the positions of a kernel"),
        ("2.weight", "an axis of the output"),
        ("2.weight", "the positions of an image"),
        ("2.bias", "an axis of the output"),
    }
