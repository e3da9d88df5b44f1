"""The operations of a layer: the last form of a plan, in which everything that its text says is decided.

A `Program` is a list of statements, each of which names a value made of nested operations on earlier ones. A size is an
axis expression (`symmetry.language.axes`) whose atoms are numbers and variables of the program: `4 * h1` is the product
of 4 and `h1`. A value has axes `(batch, *indices, columns)`, where the columns are some number of free values times the
channels. `layergen.emission` prints each operation by itself; what a program reads is found by `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

from layergen.plan.steps import Plan
from symmetry.language.axes import Atom, Expression
from symmetry.maps.isotypic import Decomposition

Size = Expression


class Value:
    """What has a value: features, or an operation on others."""

    __slots__ = ()


class Statement:
    """A line or a few of the program."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Variable(Value):
    """A value that has a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Feature(Value):
    """The features of a source tensor as they are given, `(batch, *axes, in_channels)`, in the dictionary `name`."""

    name: str
    tensor: str


@dataclass(frozen=True, slots=True)
class View(Value):
    """A value with other axes, by a method of a tensor: unflatten, flatten, squeeze, unsqueeze or permute."""

    value: Value
    method: str
    arguments: tuple[int | tuple[Size, ...], ...]


@dataclass(frozen=True, slots=True)
class Diagonal(Value):
    """The entries at which two dimensions agree; of each pair, in turn, the second is dropped."""

    value: Value
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Mean(Value):
    """The mean over some dimensions, of the given sizes."""

    value: Value
    dims: tuple[int, ...]
    sizes: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Columns(Value):
    """The columns of a value that a slice takes, which has a name."""

    value: Value
    taken: str


@dataclass(frozen=True, slots=True)
class Slice(Value):
    """The columns from `start` up to `stop`."""

    start: Size
    stop: Size


@dataclass(frozen=True, slots=True)
class Repeat(Value):
    """A value with a dimension of size one, to be repeated over, for each mark that is true: one mark a dimension."""

    value: Value
    marks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Concatenate(Value):
    """Values side by side along a dimension."""

    values: tuple[Value, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class Moved(Value):
    """A value moved by some places along a dimension: the entries that go beyond its end are dropped."""

    value: Value
    dim: int
    places: int


@dataclass(frozen=True, slots=True)
class Product(Value):
    """A value's columns times a parameter. A swift product may be computed in another way where it is large."""

    value: Value
    parameter: str
    swift: bool


@dataclass(frozen=True, slots=True)
class Affine(Value):
    """A value's columns times a parameter, and the bias, if there is one, in the same operation."""

    value: Value
    parameter: str


@dataclass(frozen=True, slots=True)
class Sum(Value):
    """The sum of some values, repeated over dimensions of size one."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Add(Value):
    """A value that nothing has read yet with another added, to the columns that a slice takes or to all."""

    value: Value
    added: Value
    taken: str


@dataclass(frozen=True, slots=True)
class Expand(Value):
    """A value repeated to the given sizes, the columns as they are; `dense` if in memory too."""

    value: Value
    sizes: tuple[Size, ...]
    dense: bool


@dataclass(frozen=True, slots=True)
class Embed(Value):
    """A value with another added to the entries at which the dimensions of each pair agree."""

    value: Value
    added: Value
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ToIrreps(Value):
    """The dimensions `dims` as one, the last, in a basis in which a group's action falls apart."""

    value: Value
    basis: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FromIrreps(Value):
    """The inverse of `ToIrreps`: the last dimension as dimensions `dims` of the given sizes."""

    value: Value
    basis: str
    dims: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Zeros(Value):
    """Zeros of some sizes, in the dtype of a source tensor's products."""

    like: Feature
    sizes: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A comment on a value: the diagram, as what is written and what is read, and the value's shape."""

    written: tuple[str, ...]
    read: tuple[str, ...]
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Let(Statement):
    """A name for a value."""

    name: str
    value: Value
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Split(Statement):
    """Names for the parts of a value along a dimension, of the given lengths."""

    names: tuple[str, ...]
    value: Value
    lengths: tuple[Size, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class AddBias(Statement):
    """Add the bias, if there is one, or the columns of it that a slice takes, to the value of that name."""

    name: str
    taken: str = ""


@dataclass(frozen=True, slots=True)
class Apart(Statement):
    """Statements as a function, run at once, of whose values those named in `gives` stay.

    Gradients have the others computed again.
    """

    function: str
    statements: tuple[Statement, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release(Statement):
    """Names that nothing below reads, so that their values need not be kept."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading(Statement):
    """Comment lines that a new paragraph begins with."""

    lines: tuple[str | Note, ...]


@dataclass(frozen=True, slots=True)
class Fixed(Statement):
    """A set that stays at its declared size, and why."""

    name: str
    variable: Atom
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class ReadSize(Statement):
    """A set whose size is (length of an axis of `feature` - rest) // factor, both in the program's variables.

    The factor is None where it is one.
    """

    name: str
    variable: Atom
    feature: Feature
    axis: int
    factor: Size | None
    rest: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """What `count` rows or columns of a parameter have in common: a size, perhaps divided, or a target's fan-in."""

    count: Size
    value: Size | str
    divisor: Size | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A matrix. Initial variances are `averaged / fan_in`: the first by rows, the second by columns."""

    name: str
    shape: tuple[Size, Size]
    averaged: tuple[Scale, ...]
    fan_in: tuple[Scale, ...]


@dataclass(frozen=True, slots=True)
class Rank:
    """The rank of a parameter that is the product of two: a bound, or what the channels allow where that is less.

    `shape` is that of the product, `factor` the name of the first of the two.
    """

    variable: Atom
    most: int
    shape: tuple[Size, Size]
    factor: str


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis of a decomposition as a constant: that in which parts are written, or in which they are read."""

    name: str
    decomposition: Decomposition
    reading: bool


@dataclass(frozen=True, slots=True)
class Program:
    """A layer, ready to be printed. Where it maps to the scalar, `results` has the one value that it returns.

    `features` names the features that are given, `counts` the sizes of the batch, the input and the output channels.
    Initial values are made from the `declared` sizes of sets and the `fan_ins` of targets, a dictionary named `fan_in`:
    the rows of each mix that reaches a target, and how often it reaches an entry.
    """

    plan: Plan
    features: str
    counts: tuple[Atom, Atom, Atom]
    sizes: tuple[Fixed | ReadSize, ...]
    shapes: tuple[tuple[str, tuple[Size, ...]], ...]
    bases: tuple[Basis, ...]
    ranks: tuple[Rank, ...]
    parameters: tuple[Parameter, ...]
    bias: Size
    declared: tuple[tuple[Atom, int], ...]
    fan_in: str
    fan_ins: tuple[tuple[str, tuple[tuple[int, Fraction], ...]], ...]
    statements: tuple[Statement, ...]
    results: tuple[tuple[str, Value], ...]


def parts(node: Any) -> Iterator[Any]:
    """An operation, or several, with everything that it is made of."""
    yield node
    if isinstance(node, tuple):
        for child in node:
            yield from parts(child)
    elif is_dataclass(node):
        for one in fields(node):
            yield from parts(getattr(node, one.name))


def replaced(node: Any, others: Mapping[Value, Value]) -> Any:
    """An operation, or several, with other values in the place of some of its parts."""
    if isinstance(node, Value) and node in others:
        return others[node]
    if isinstance(node, tuple):
        return tuple(replaced(child, others) for child in node)
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{one.name: replaced(getattr(node, one.name), others) for one in fields(node)})
    return node
