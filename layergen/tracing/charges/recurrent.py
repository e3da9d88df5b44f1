"""Charges through recurrent layers: hidden units have the charge that their outgoing weights undo."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from layergen.tracing.charges.equations import Equations
from layergen.tracing.charges.occurrences import Leaves
from layergen.tracing.charges.table import rule
from layergen.tracing.values import Step, Value, leaves_of

__all__: list[str] = []

ODD_GATE = {"lstm": (4, 2), "gru": (3, 2), "rnn_tanh": (1, 0), "rnn_relu": (1, 0)}
"""How many gates there are, and which one is a tanh (or ReLU) of its sum and becomes the state; sigmoids are others."""


def cell(equations: Equations, kind: str, weights: Sequence[Value]) -> Leaves:
    """weight_ih[(g h), x], weight_hh[(g h), h], biases; returns the outgoing weights, which undo the units' charge."""
    _, hh, *_ = weights
    gates, odd = ODD_GATE[kind]
    outgoing = equations.along(hh, 1)
    passes = equations.group.word == ("positive" if kind == "rnn_relu" else "sign")
    for value in weights:
        rows = equations.along(value, 0)
        each = len(rows) // gates
        equations.relate((1, rows[odd * each : (odd + 1) * each]), (1, outgoing))
        equations.still(rows[: odd * each], rows[(odd + 1) * each :], () if passes else rows)
    if not passes:
        equations.still(outgoing)
    return outgoing


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def layers(equations: Equations, step: Step) -> None:
    """Layers, each in one direction or in both; what comes in from the layer before has the units' charge."""
    x, weights = step.named["input"], step.named["params"]
    count, both = step.named["num_layers"], 2 if step.named["bidirectional"] else 1
    each = len(weights) // (count * both)
    if each % 2:  # the weights of a projection are one more
        raise ValueError("what is projected has units of its own")
    factor, coming, units = 1, equations.along(x, len(x.axes) - 1), list[Leaves]()
    for layer in range(count):
        cells = [weights[first * each : (first + 1) * each] for first in range(layer * both, (layer + 1) * both)]
        for own in cells:
            equations.relate((factor, coming), (1, equations.along(own[0], 1)))
        units += [cell(equations, step.name, own) for own in cells]
        factor, coming = -1, tuple(chain(*units[-both:]))
    equations.relate((1, coming), (1, equations.along(step.results[0], len(x.axes) - 1)))
    outside = [x, *(state for state in leaves_of(step.named["hx"]) if state not in equations.zeros)]
    for value in (*outside, step.results[0]):
        equations.still(*(equations.along(value, dim) for dim in range(len(value.axes) - 1)))
    for state in outside[1:]:
        of_state(equations, units, equations.along(state, len(state.axes) - 1))


def of_state(equations: Equations, units: Sequence[Leaves], state: Leaves) -> None:
    """A state has the charge of its units: of each layer its own, where the state is a family, or one for all."""
    if len(state) == len(tuple(chain(*units))):
        equations.relate((1, state), (1, tuple(chain(*units))))
    else:
        for own in units:
            equations.relate((1, state), (1, own))


@rule("final state")
def final(equations: Equations, step: Step) -> None:
    """The state of every layer and direction at the end, by the weights that read it."""
    value = step.results[0]
    of_state(equations, [equations.along(hh, 1) for hh in step.arguments], equations.along(value, len(value.axes) - 1))


@rule("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def one_step(equations: Equations, step: Step) -> None:
    """One step of a recurrent layer."""
    x, states = step.named["input"], leaves_of(step.named["hx"])
    weights = step.arguments[1 + len(states) :]
    equations.relate((1, equations.along(x, len(x.axes) - 1)), (1, equations.along(weights[0], 1)))
    outgoing = cell(equations, step.name.removesuffix("_cell"), weights)
    for value in (*states, *step.results):
        equations.relate((1, equations.along(value, len(value.axes) - 1)), (1, outgoing))
    for value in (x, *states, *step.results):
        equations.still(*(equations.along(value, dim) for dim in range(len(value.axes) - 1)))
