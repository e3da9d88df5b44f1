"""Other lengths and batch sizes, which `trace` tries itself: what is right at one length alone is not found."""

import contextlib
import sys

import pytest
import torch
from torch import nn

import layergen
from layergen.tracing.copying import own_copy
from layergen.tracing.lengths import varied
from symmetry import SpecificationError
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.networks import Forward, kinds
from tests.layergen.tracing.test_soundness import floats, tokens

CUT_IN_TWO = {
    "two ends": lambda net, x: net.t[: x.shape[1]].mean(0) * net.t[x.shape[1] :].sum(0),
    "two parts": lambda net, x: net.t.split([x.shape[1], 9 - x.shape[1]])[0].mean(0) * net.t.mean(0),
    "narrowed": lambda net, x: net.t.narrow(0, x.shape[1], 9 - x.shape[1]).sum(0) + net.t.amax(0),
    "a row beside all": lambda net, x: net.t.sum(0) + net.t[x.shape[1]],
    "by the batch": lambda net, x: net.t[: x.shape[0]].mean(0) * net.t[x.shape[0] :].sum(0),
    "after a loop": lambda net, x: net.t[x.shape[1] :].sum(0) * looped(x) + net.t.sum(0),
    "before a loop": lambda net, x: looped(x) * net.t[x.shape[1] :].sum(0) * net.t.sum(),
    "without gradients": lambda net, x: without_gradients(net, x) + net.t[x.shape[1] :].sum(0),
}  # fmt: skip
"""A table of nine rows cut where the example ends, both parts in use: at one length the parts look like two sets."""


CUT = {5: 1, "4 in 5": 1, "5 in 5": 1}
"""Rows of a table that are summed by themselves in each column: they may be permuted in each column by itself."""


def looped(x):
    return sum(x[0, place, 0] for place in range(x.shape[1]))


def without_gradients(net, x):
    with torch.no_grad():
        return net.t[: x.shape[1]].mean(0)


@pytest.mark.parametrize("prove", [False, True])
@pytest.mark.parametrize("name", CUT_IN_TWO)
def test_a_table_cut_in_two_at_the_length(name, prove):
    network = tokens(lambda net, x: net.o((net.a(x) * CUT_IN_TWO[name](net, x)).tanh()), t=(9, 5))
    found = layergen.trace(network, floats(5)[0], prove=prove)
    assert kinds(found.space) == {5: 1}
    assert {one.axis for one in found.frozen if one.tensor == "t"} == {0}
    assert_preserved(network, found.space, [*floats(5, 4, 7), [torch.randn(3, 5, 3)]])


def test_hidden_units_cut_at_the_length():
    network = tokens(lambda net, x: net.o((h := net.a(x).tanh())[..., : x.shape[1]].sum(-1, True) * h))
    space = layergen.trace(network, floats(5)[0], prove=False).space
    assert kinds(space) == {}


def test_a_constant_cut_is_still_two_sets():
    network = tokens(lambda net, x: net.o((net.a(x) * net.t[:4].mean(0) * net.t[4:].sum(0)).tanh()), t=(9, 5))
    assert kinds(layergen.trace(network, floats(5)[0], prove=False).space) == CUT


def test_a_branch_at_another_length_is_seen():
    network = tokens(lambda net, x: net.o((net.a(x) + (net.b(x) if x.shape[1] < 5 else 0)).tanh()))
    network.b = nn.Linear(3, 5)
    found = layergen.trace(network, floats(5)[0])
    assert (kinds(found.space), found.warnings, found.preserved) == ({5: 1}, (), True)
    alone = layergen.trace(network, floats(5)[0], vary=False)
    assert "'b.weight'" in alone.warnings[0]


@pytest.mark.parametrize("rows", [5, 4])
def test_longer_where_shorter_is_not_accepted(rows):
    def forward(net, x):
        assert x.shape[1] >= 5
        return net.o((net.a(x) * net.t[x.shape[1] - rows :].mean(0)).tanh() * net.t.sum(0))

    network = tokens(forward, t=(9, 5))
    found = layergen.trace(network, floats(5)[0], prove=False)
    assert {one.axis for one in found.frozen if one.tensor == "t"} == {0}
    assert_preserved(network, found.space, floats(5, 6, 7))


def test_what_takes_one_shape_alone_is_traced_as_before():
    def forward(net, x):
        assert x.shape == (2, 5, 3)
        return net.o((net.a(x) * net.t[:4].mean(0) * net.t[4:].sum(0)).tanh())

    found = layergen.trace(tokens(forward, t=(9, 5)), floats(5)[0])
    assert (kinds(found.space), found.preserved) == (CUT, True)


def test_inputs_of_one_length_are_varied_together():
    def forward(net, x, y):
        assert x.shape == y.shape
        return net.o((net.a(x) * net.a(y) * net.t[: x.shape[1]].mean(0) * net.t[x.shape[1] :].sum(0)).tanh())

    x = torch.randn(2, 5, 3)
    found = layergen.trace(tokens(forward, t=(9, 5)), [x, x.clone()], prove=False)
    assert kinds(found.space) == {5: 1}


def test_the_trials_leave_module_and_inputs_alone(capsys):
    def forward(net, x):
        sys.stdout.write("called")
        sys.stderr.write("heard")
        net.calls.add_(1)
        return net.o(net.a(x.mul_(2)).tanh())

    network, x = tokens(forward, calls=torch.zeros(1)), torch.ones(2, 5, 3)
    layergen.trace(network, [x], prove=False)
    heard = capsys.readouterr()
    assert float(network.calls) == 0
    assert float(x.mean()) == 1
    assert heard.err.count("heard") == heard.out.count("called") > 0


def test_a_mask_of_what_is_not_finite_is_named():
    mask = torch.full((5,), 0.5)
    mask[:2] = -torch.inf
    network = Forward(lambda net, x: net.o((net.a(x) + net.mask).softmax(-1)), a=nn.Linear(3, 5), o=nn.Linear(5, 2))
    network.register_buffer("mask", mask)
    found = layergen.trace(network, [torch.randn(4, 3)])
    assert found.assumed == ("mask",)
    assert layergen.trace(network, [torch.randn(4, 3)], prove=False).assumed == ()


class Clamped(nn.Linear):
    """A layer that cuts its own weights off, in place and for good, before it reads them."""

    def forward(self, x):
        with torch.no_grad():
            self.weight.clamp_(-0.01, 0.01)
        self.bias.data = self.bias.data / 2
        return super().forward(x)


@pytest.mark.parametrize("module", [Clamped(3, 4), nn.Sequential(nn.Linear(3, 3), Clamped(3, 4)).double()])
def test_what_is_tried_leaves_the_parameters_as_they_are(module):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    example = ((torch.randn(5, 3, dtype=module.state_dict().popitem()[1].dtype),), {})
    assert varied(own_copy(module, sharing=True), example) is not None
    with contextlib.suppress(SpecificationError):  # torch.export refuses what is put in the place of weights
        layergen.trace(module, example[0])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
