"""Rules for recurrent layers and cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from layergen.tracing.operators.pieces import side_by_side
from layergen.tracing.operators.table import rule
from layergen.tracing.unknowns import ONE, Atom, Axis, cut, join, known, size_of
from layergen.tracing.values import Context, Step, Value, leaves_of
from symmetry.language.axes import concatenation

__all__: list[str] = []


@rule("lstm")
def lstm(context: Context, result: Any, x: Value, state: Sequence[Value], weights: Sequence[Value], *flags: Any) -> Any:
    """Four gates over the hidden units."""
    return recurrent(context, result, x, list(state), weights, flags, gates=4)


@rule("gru")
def gru(context: Context, result: Any, x: Value, state: Value, weights: Sequence[Value], *flags: Any) -> Any:
    """Three gates over the hidden units."""
    return recurrent(context, result, x, [state], weights, flags, gates=3)


@rule("rnn_tanh", "rnn_relu")
def rnn(context: Context, result: Any, x: Value, state: Value, weights: Sequence[Value], *flags: Any) -> Any:
    """The hidden units alone."""
    return recurrent(context, result, x, [state], weights, flags, gates=1)


def unify_state(context: Context, axis: Axis, units: list[Axis]) -> None:
    """The units of each layer and direction with those of a state: one set for each, or one for all."""
    given = join([axis])
    if isinstance(given, Atom) and len(given.members) == len(units):
        for member, unit in zip(given.members, units, strict=True):
            context.unify(member, unit)
    else:
        context.unify(axis, *units)


@rule("lstm_cell")
def lstm_cell(context: Context, result: Any, x: Value, state: Sequence[Value], *weights: Any) -> Any:
    """One step of an LSTM."""
    hidden = cell(context, x, list(state), weights, gates=4)
    return [context.value([*x.axes[:-1], hidden]) for _ in result]


@rule("gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def plain_cell(context: Context, result: Any, x: Value, state: Value, *weights: Any) -> Value:
    """One step of a GRU or an RNN."""
    gates = 3 if context.place.startswith("gru") else 1
    return context.value([*x.axes[:-1], cell(context, x, [state], weights, gates=gates)])


def cell(context: Context, x: Value, states: list[Value], weights: Sequence[Any], *, gates: int) -> Axis:
    """weight_ih[(g h), x], weight_hh[(g h), h], biases; returns the units."""
    ih, hh, *biases = weights
    hidden = hh.axes[1]
    context.value([context.unify(ih.axes[1], x.axes[-1])])
    context.value([hidden])
    for value in (ih, hh, *leaves_of(biases)):
        for part_ in cut(value.axes[0], [size_of(hidden)] * gates, context.place):
            context.unify(hidden, part_)
    for state in states:
        context.unify(hidden, state.axes[-1])
    return hidden


def recurrent(
    context: Context, result: Any, x: Value, states: list[Value], weights: Sequence[Value], flags: Any, *, gates: int
) -> Any:
    """Layers of weight_ih[(g h), x], weight_hh[(g h), h], biases; both directions where there are two.

    A state has one set of units a layer and direction in one tensor: a family. With projections, weight_hr[p, h] after
    the biases, what is handed on has other units than the cells have.
    """
    biased, layers, _, _, both, batch_first = flags
    projected = len(states) == 2 and states[0].shape[-1] != states[1].shape[-1]
    step = (4 if biased else 2) + projected
    each = step * (2 if both else 1)
    coming, units, cells = x.axes[-1], [], []
    if len(weights) != each * layers:
        return context.opaque([x, *states, *weights], result)
    for layer in range(layers):
        outs = []
        mine = weights[layer * each : (layer + 1) * each]
        for direction in range(2 if both else 1):
            ih, hh, *biases = mine[direction * step : (direction + 1) * step]
            out, inner = biases[-1].axes if projected else (hh.axes[1], hh.axes[1])
            context.value([context.unify(ih.axes[1], coming)])
            context.value([context.unify(out, hh.axes[1])])
            context.value([inner])
            for value in (ih, hh, *(biases[:-1] if projected else biases)):
                for part_ in cut(value.axes[0], [size_of(inner)] * gates, context.place):
                    context.unify(inner, part_)
            outs.append(out)
            cells.append(inner)
        units += outs
        coming = known(concatenation(outs)) if both else outs[0]
    of_states = [units, cells][: len(states)]
    for state, own in zip(states, of_states, strict=True):
        if len(x.axes) == 3:
            context.unify(x.axes[0 if batch_first else 1], state.axes[1])
        if state not in context.constants:
            unify_state(context, state.axes[-1], own)

    def final(own: list[Axis]) -> Value:
        over = Atom(len(own), why="layers and directions")
        first = over if len(own) > 1 else ONE
        made = context.value([first, *states[0].axes[1:-1], side_by_side(context, over, own)])
        context.steps.append(Step("final state", [*weights[1::step]], [made], writes=False))
        return made

    return [context.value([*x.axes[:-1], coming]), *(partial(final, own) for own in of_states)]
