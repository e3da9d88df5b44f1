"""The parameter graph knows nothing of the axes that `trace` follows, and has the same group."""

import json

import pytest
import torch
from torch import nn

import layergen
from layergen.tracing import automorphisms, parameter_graph
from symmetry import SpecificationError, group_order
from tests.layergen.cli.commands import run
from tests.layergen.tracing.networks import NETWORKS, Forward, made, traced

SLOW = {"transformer encoder", "transformer", "ResNet, basic", "ResNet, bottleneck"}
"""Half a minute each: their parts are among the others. `python -m benchmarks.tracing graph` has them too."""


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in SLOW])
def test_the_trace_misses_nothing_that_shows_in_the_operators(name):
    network, inputs = made(name)
    inputs = [value[:1] for value in inputs]
    assert automorphisms(network, inputs) == group_order(traced(name, prove=False).space)


def test_what_a_trace_must_not_have():
    """Heads that a matrix tells apart are frozen in the graph too."""
    told_apart = Forward(
        lambda net, x: net.out(torch.relu(net.a(x)) * torch.arange(3.0).exp()), a=nn.Linear(2, 3), out=nn.Linear(3, 1)
    )
    assert automorphisms(told_apart, [torch.randn(1, 2)]) == 1
    alike = Forward(
        lambda net, x: net.out(torch.relu(net.a(x)) * torch.full((3,), 2.0)), a=nn.Linear(2, 3), out=nn.Linear(3, 1)
    )
    assert automorphisms(alike, [torch.randn(1, 2)]) == 6


def test_what_a_trace_does_not_have():
    """Strided slices are frozen by `trace`; the graph sees that the two halves are sets."""

    def halves(net, x):
        hidden = torch.tanh(net.a(x))
        return net.out(hidden[:, ::2] * hidden[:, 1::2])

    network = Forward(halves, a=nn.Linear(2, 6), out=nn.Linear(3, 1))
    assert group_order(layergen.trace(network, [torch.randn(1, 2)]).space) == 1
    assert automorphisms(network, [torch.randn(1, 2)]) == 6 * 2**3  # products commute: each pair may be exchanged


def test_transposed_and_grouped_convolutions_read_what_they_should():
    """The entries that reach an output are those that its derivative is not nought in."""
    for layer, shape in [
        (nn.Conv2d(4, 4, (3, 2), stride=2, padding=1, groups=2), (1, 4, 5, 4)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (1, 4, 3, 3)),
        (nn.Conv1d(3, 2, 3, dilation=2), (1, 3, 7)),
    ]:
        graph, tensors = parameter_graph(layer, [torch.randn(shape)])
        x = torch.rand(shape, requires_grad=True)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.uniform_(1, 2)
        uses = torch.zeros_like(layer.weight)
        for one in layer(x).flatten():  # an entry of the weight is in as many products as outputs depend on it
            uses += (torch.autograd.grad(one, layer.weight, retain_graph=True)[0] != 0).to(uses)
        degrees = torch.tensor([graph.degree(node) for node in tensors["weight"].flatten().tolist()])
        assert torch.equal(degrees.reshape(uses.shape), uses.long())


def test_refusals():
    with pytest.raises(SpecificationError, match="no rule for the parameter graph"):
        automorphisms(Forward(lambda net, x: torch.linalg.inv(net.a.weight) @ x, a=nn.Linear(3, 3)), [torch.randn(3)])
    with pytest.raises(SpecificationError, match="more than 50,000 nodes"):
        automorphisms(nn.Linear(300, 300), [torch.randn(1, 300)])


def test_command(tmp_path):
    target = tmp_path / "spec.toml"
    arguments = ("torch.nn:ReLU", "--input", "1,2", "--output", target)
    assert run("trace", *arguments).exit_code == 2
    (tmp_path / "net.py").write_text(
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))\n"
    )
    arguments = (f"{tmp_path / 'net.py'}:net", "--input", "1,2", "--output", target, "--automorphisms")
    assert json.loads(run("trace", *arguments, "--json").stdout)["automorphisms"] == 24
    assert "24 of the parameter graph, as many" in run("trace", *arguments).output
    picture = tmp_path / "graph.png"
    assert run("draw", target, "--graph", "--output", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run("draw", target, "--graph", "--invariant", "--output", picture).exit_code == 2
