"""The page of Transferable Graph Metanetworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from layergen import Features, InvariantLinear, by_fan_in
from layergen.nn import GraphMetanet, Metanet
from layergen.testing import assert_widening_invariant
from papers.chains import Chain, hidden_only
from papers.page import Setting, System, Table

__all__ = ["SPACE", "SUMMED", "SYSTEM", "graphs"]

SPACE = hidden_only(Chain((2, 3, 4, 1)))
SUMMED = {"1.weight": "h1", "2.weight": "h2"}
"""What the weights of a perceptron are summed over."""


def graphs(network: GraphMetanet, power: float) -> Callable[[Features], Tensor]:
    """A graph network on features of any width, multiplied by a power of their fan-in first."""

    def answer(x: Features) -> Tensor:
        space = SPACE.observed({name: value.shape[1:-1] for name, value in x.items()})
        given = by_fan_in(x, space, SUMMED, power)
        states = ({name: value[row, ..., 0] for name, value in given.items()} for row in range(len(x["0.bias"])))
        found: Tensor = network([(space, state) for state in states])
        return found

    return answer


def linear(power: float) -> Callable[[Features], Tensor]:
    """Invariant linear maps, which are means, on features multiplied by a power of their fan-in."""
    layer = InvariantLinear(SPACE, 1, 5)
    return lambda x: layer(by_fan_in(x, SPACE, SUMMED, power))


def candidates() -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    """Networks that read networks: what they are, what is done to the weights, and the function."""
    torch.manual_seed(0)
    yield "`InvariantLinear`", "as they are", linear(0)
    yield "`InvariantLinear`", "times the fan-in", linear(1)
    yield "`Metanet`", "as they are", Metanet(SPACE, out_features=5).eval()
    yield "`Metanet(summed=…)`", "times the fan-in", Metanet(SPACE, out_features=5, summed=SUMMED).eval()
    for kind in ("gmn", "ng-gnn", "ng-t"):
        network: Any = GraphMetanet(out_features=5, kind=kind)
        yield f"`GraphMetanet(kind={kind!r})`", "as they are", graphs(network.eval(), 0)
        yield f"`GraphMetanet(kind={kind!r})`", "times the fan-in", graphs(network, 1)


def widening(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Whether a network of which every neuron is repeated is read as the network itself."""
    for name, taken, answer in candidates():
        try:
            assert_widening_invariant(answer, SPACE, summed=SUMMED, channels=1)
        except AssertionError as error:
            yield name, taken, f"no: {str(error).splitlines()[0].partition(': ')[2].partition(' changes')[0]}"
        else:
            yield name, taken, "yes"


SYSTEM = System(
    "Transferable Graph Metanetworks (2026)",
    (
        Table(
            "Is a perceptron with every neuron repeated read as the perceptron itself?",
            ("network", "weights", "invariant to widening"),
            widening,
        ),
    ),
)
