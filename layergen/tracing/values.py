"""What flows through a traced graph: values with one axis for each dimension, and the record of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from layergen.tracing.unknowns import ONE, Atom, Axis, freeze, size_of, unify

__all__ = ["Context", "Value", "leaves_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor by its axes."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size_of(axis) for axis in self.axes)


@dataclass(slots=True)
class Context:
    """One run over a graph: which operator is at work, every value there was, what could not be followed."""

    node: str = ""
    """The name of the operator's node in the graph."""
    apart: frozenset[str] = frozenset()
    """Nodes that view an axis as several things side by side, which are taken apart later by `select`."""
    selected: set[str] = field(default_factory=set)
    """Nodes that were found to be such."""
    place: str = ""
    """The operator and the module it is in, for reasons."""
    values: list[Value] = field(default_factory=list)
    constants: list[Value] = field(default_factory=list)
    """Values that are the same number everywhere."""
    warnings: list[str] = field(default_factory=list)

    def value(self, axes: Sequence[Axis]) -> Value:
        """A value, put on record."""
        made = Value(tuple(axes))
        self.values.append(made)
        return made

    def fresh(self, size: int) -> Axis:
        """An axis along which a value is constant: it can be permuted as anything."""
        return Atom(size) if size > 1 else ONE

    def fixed(self, size: int, why: str = "") -> Axis:
        """An axis that may not be permuted."""
        return Atom(size, why=why or self.place) if size > 1 else ONE

    def freeze(self, axis: Axis, why: str = "") -> None:
        """Freeze an axis, for a reason or because of the operator."""
        freeze(axis, why or self.place)

    def unify(self, *axes: Axis) -> Axis:
        """Axes of one size are the same; the first is given back."""
        for other in axes[1:]:
            if size_of(other) == size_of(axes[0]):
                unify(axes[0], other, self.place)
            else:
                self.freeze(axes[0])
                self.freeze(other)
        return axes[0]

    def pointwise(self, values: Sequence[Value]) -> Value:
        """An operator on aligned entries, with broadcasting: dimensions from the right, those of size 1 fit any."""
        rank = max((len(value.axes) for value in values), default=0)
        axes: list[Axis] = []
        for place in range(-rank, 0):
            present = [value.axes[place] for value in values if -place <= len(value.axes)]
            wide = [axis for axis in present if size_of(axis) != 1]
            axes.append(self.unify(*wide) if wide else ONE)
        return self.value(axes)

    def opaque(self, values: Sequence[Value], result: Any) -> Any:
        """An operator that is not known, or not in this form: whatever it touches is frozen, and a warning says so."""
        if any(size > 1 for value in values for size in value.shape):
            self.warnings.append(f"{self.place}: not followed; its axes are frozen")
        for value in values:
            for axis in value.axes:
                self.freeze(axis)
        return fixed_like(self, result)


def fixed_like(context: Context, result: Any) -> Any:
    """Values with frozen axes, in the shapes of what an operator returns."""
    if isinstance(result, torch.Tensor):
        return context.value([context.fixed(int(size)) for size in result.shape])
    if isinstance(result, (list, tuple)):
        return [fixed_like(context, one) for one in result]
    return result


def leaves_of(arguments: Any) -> list[Value]:
    """The values in some arguments."""
    if isinstance(arguments, Value):
        return [arguments]
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if isinstance(arguments, (list, tuple)):
        return [value for argument in arguments for value in leaves_of(argument)]
    return []
