"""What flows through a traced graph: values with one axis for each dimension, and the record of all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.fx import Node

from layergen.tracing.pairing import scattered
from layergen.tracing.unknowns import ONE, Atom, Axis, collapse, freeze, size_of, unify
from symmetry.language.errors import SpecificationError

__all__ = ["Context", "Step", "Value", "leaves_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor by its axes."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size_of(axis) for axis in self.axes)


@dataclass(frozen=True, slots=True)
class Step:
    """One operator at work: its name, the values that it read and those that it gave, whether it wrote into one.

    `named` has all that it was given by the names of its schema.
    """

    name: str
    arguments: Sequence[Value]
    results: Sequence[Value]
    writes: bool
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """One run over a graph: which operator is at work, every value there was, what could not be followed.

    What an index depends on is read off the values: units that are always beside their heads have a permutation for
    each head, a family has one for each index of what it is over. An operator in which entries meet says where they
    meet, with a value that has only the axes that stay apart (`apart_in`, `combined`).
    """

    node: str = ""
    """The name of the operator's node in the graph."""
    program: str = ""
    """What the names of nodes begin with: the number of the graph among several."""
    apart: frozenset[str] = frozenset()
    """Nodes that view an axis as several things side by side, which are taken apart later by `select`."""
    moving: frozenset[str] = frozenset()
    """Nodes that do the same with other numbers on inputs of another length."""
    selected: set[str] = field(default_factory=set)
    """Nodes that were found to be such."""
    place: str = ""
    """The operator and the module it is in, for reasons."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the operator by the names that its schema gives them."""
    batched: dict[int, Axis] = field(default_factory=dict)
    """The axes, by level of `vmap`, that the operator at work does not see: its arguments have them all the same."""
    hidden: dict[Value, dict[int, Axis]] = field(default_factory=dict)
    """For the values inside a `vmap` the axes that operators do not see."""
    numbers: dict[Value, Axis] = field(default_factory=dict)
    """For values whose entries are numbers of places along an axis, in no order: that axis."""
    weights: set[Value] = field(default_factory=set)
    """Parameters, and views of them in which each entry is once."""
    alive: set[Value] = field(default_factory=set)
    """Values made of the data which are not all 0 but by chance, as those after a ReLU may be."""
    distinct: dict[Value, tuple[Axis, ...]] = field(default_factory=dict)
    """For some values axes along which no two entries are alike but by chance."""
    values: list[Value] = field(default_factory=list)
    constants: list[Value] = field(default_factory=list)
    """Values that are the same number everywhere."""
    assumed: list[str] = field(default_factory=list)
    """Buffers whose values are taken to be the same in all networks."""
    data: set[Value] = field(default_factory=set)
    """The values that depend on the inputs."""
    nodes: dict[Node, Any] = field(default_factory=dict)
    """What each node of the graphs gives: a value, several, or what is no tensor."""
    steps: list[Step] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def value(self, axes: Sequence[Axis]) -> Value:
        """A value, put on record. The members of a family that met, or for which it is open which is which, are one."""
        made = Value(tuple(axes))
        whole = Value((*made.axes, *self.batched.values())) if self.batched else made
        for family in scattered(whole.axes):
            collapse(family)
        self.values.append(whole)
        if self.batched:
            self.hidden[made] = dict(self.batched)
        return made

    def numbering(self, axes: Sequence[Axis], along: Axis) -> Value:
        """A value whose entries are numbers of places along an axis, put on record with that axis, as if one hot."""
        made = self.value(axes)
        self.value([*axes, along])
        self.numbers[made] = along
        return made

    def chooses(self, value: Value, axis: Axis, why: str) -> None:
        """The entries of a value choose places along an axis, which is frozen unless they are numbers of its places."""
        if value in self.numbers:
            self.unify(axis, self.numbers[value])
        else:
            self.freeze(axis, why)

    def apart_in(self, x: Value, dims: Iterable[int], *, ordered: bool = False) -> Value:
        """What is left of a value where the entries along some dimensions meet; where they are `ordered`, places count.

        Without order all entries along those dimensions are treated alike, as in a sum or a softmax.
        """
        gone = {dim % max(len(x.axes), 1) for dim in dims}
        for dim in gone if ordered and x.axes else ():
            self.freeze(x.axes[dim])
        return self.value([axis for dim, axis in enumerate(x.axes) if dim not in gone])

    def combined(self, terms: Sequence[Mapping[Hashable, Axis]], output: Sequence[Hashable]) -> Value:
        """Products of entries summed, or any function of those that meet: axes of one letter are one.

        Terms have an axis for each letter, as operands of `einsum`; letters that are not in the output are summed over.
        An index may depend on another where every term with the one letter has the other too, the result included.
        """
        wide = [{letter: axis for letter, axis in term.items() if size_of(axis) != 1} for term in terms]
        axes: dict[Hashable, Axis] = {}
        for letter in dict.fromkeys(letter for term in wide for letter in term):
            axes[letter] = self.unify(*(term[letter] for term in wide if letter in term))
        everywhere = [*(term.keys() for term in wide), {letter for letter in output if letter in axes}]
        for letter in axes if any(one != everywhere[0] for one in everywhere) else ():
            beside = set(axes).intersection(*(one for one in everywhere if letter in one))
            self.value([axis for other, axis in axes.items() if other in beside])
        return self.value([axes.get(letter, ONE) for letter in output])

    def fresh(self, size: int) -> Axis:
        """An axis along which a value is constant: it can be permuted as anything."""
        return Atom(size) if size != 1 else ONE

    def fixed(self, size: int, why: str = "") -> Axis:
        """An axis that may not be permuted."""
        return Atom(size, why=why or self.place) if size != 1 else ONE

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
        terms: list[Mapping[Hashable, Axis]] = [
            dict(zip(range(-len(value.axes), 0), value.axes, strict=True)) for value in values
        ]
        return self.combined(terms, range(-rank, 0))

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
        return context.value([context.fixed(length(context, size)) for size in result.shape])
    if isinstance(result, (list, tuple)):
        return [fixed_like(context, one) for one in result]
    return result


def length(context: Context, size: Any) -> int:
    """A size as a number. Raises `SpecificationError` for one that only the data tell."""
    try:
        return int(size)
    except RuntimeError:
        fault = f"{context.place}: the shape of its result depends on the data"
        raise SpecificationError(fault, remedy="make it of one shape, as torch.where with three arguments is") from None


def leaves_of(arguments: Any) -> list[Value]:
    """The values in some arguments."""
    if isinstance(arguments, Value):
        return [arguments]
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if isinstance(arguments, (list, tuple)):
        return [value for argument in arguments for value in leaves_of(argument)]
    return []
