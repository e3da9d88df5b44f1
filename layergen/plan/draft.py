"""What the makers of a program share: the plan, the names and sizes given so far, the statements so far."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from layergen.plan import operations as ops
from layergen.plan.names import OWN, Namer
from layergen.plan.notation import range_name
from layergen.plan.steps import Plan, Run
from symmetry.language.axes import Atom, Expression, Product, substitute
from symmetry.maps.isotypic import Change
from symmetry.maps.sides import Side

__all__ = ["Draft", "permuted", "times"]


@dataclass(slots=True)
class Draft:
    """A program in the making: names are given once, statements only ever added."""

    plan: Plan
    namer: Namer
    declared: dict[str, int]
    sizes: dict[str, Atom]
    features: str
    fan_in: str
    batch: Atom
    incoming: Atom
    outgoing: Atom
    statements: list[ops.Statement] = field(default_factory=list)
    bases: list[ops.Basis] = field(default_factory=list)
    slices: dict[tuple[ops.Variable, ops.Slice], str] = field(default_factory=dict)

    @classmethod
    def blank(cls, plan: Plan, reserved: Collection[str]) -> Draft:
        """A draft in which every set has a variable, every free index its number; our own names give way to theirs."""
        namer = Namer()
        namer.taken |= set(reserved)
        indices = {index.name: index for space in (plan.maps.source, plan.maps.target) for index in space.indices}
        declared = {name: index.size for name, index in indices.items() if index.joined}
        sizes = {
            name: Atom(namer.fresh(name)) if name in declared else Atom("", index.size)
            for name, index in indices.items()
        }
        features, fan_in, batch, incoming, outgoing = (namer.fresh(*wishes) for wishes in OWN.items())
        return cls(plan, namer, declared, sizes, features, fan_in, Atom(batch), Atom(incoming), Atom(outgoing))

    def feature(self, tensor: str = "") -> ops.Feature:
        """The features of a source tensor, by default of the first."""
        return ops.Feature(self.features, tensor or self.plan.maps.source.names[0])

    def size(self, expression: Expression) -> ops.Size:
        """The length of an axis in the program's variables."""
        return substitute(expression, lambda atom: self.sizes[atom.name] if atom.name else atom)

    def block_sizes(self, side: Side, numbers: Sequence[int]) -> tuple[ops.Size, ...]:
        """The sizes of some blocks of a side."""
        indices = [side.piece.positions[side.blocks[number][0]].index for number in numbers]
        return tuple(self.sizes.get(index.name, Atom("", index.size)) for index in indices)

    def let(self, wish: str, value: ops.Value, note: ops.Note | None = None) -> ops.Variable:
        """A new name for a value."""
        name = self.namer.fresh(wish)
        self.statements.append(ops.Let(name, value, note))
        return ops.Variable(name)

    def columns(self, value: ops.Variable, prefix: str, sides: Sequence[Side], run: Run, channels: Atom) -> str:
        """The name of a slice: of a value's columns those of a run's sides in the larger mix; empty if they are all."""
        widths, stop = [side.piece.free_size for side in sides], run.first + run.count
        if run.count == len(sides):
            return ""
        taken = ops.Slice(times(sum(widths[: run.first]), channels), times(sum(widths[:stop]), channels))
        if (value, taken) not in self.slices:
            space = self.plan.maps.source if prefix == "from" else self.plan.maps.target
            self.slices[value, taken] = self.let(f"{prefix}_{range_name(space, sides[run.first : stop])}", taken).name
        return self.slices[value, taken]

    def basis(self, change: Change, *, reading: bool) -> str:
        """The name of the constant that holds the basis of a change."""
        reading = reading and any(len(irrep.commuting) > 1 for irrep in change.decomposition.irreps)
        for basis in self.bases:
            if (basis.decomposition, basis.reading) == (change.decomposition, reading):
                return basis.name
        name = self.namer.fresh(f"_BASIS_{'OF_SOURCE_' if reading else ''}{change.name.upper()}")
        self.bases.append(ops.Basis(name, change.decomposition, reading))
        return name


def times(count: int, size: Atom) -> ops.Size:
    """`count` times a size."""
    number = Atom("", count)
    return Product((number, size)) if count > 1 else size if count else number


def permuted(value: ops.Value, order: Sequence[int]) -> ops.Value:
    """A value with its core's dimensions in another order."""
    if list(order) == list(range(len(order))):
        return value
    return ops.View(value, "permute", (0, *(place + 1 for place in order), len(order) + 1))
