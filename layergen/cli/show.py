"""`layergen show`: the weight space of a specification as tables."""

from __future__ import annotations

import math

from rich.table import Table

from layergen.cli.console import facts, make_console, make_table
from layergen.cli.parameters import Spec
from symmetry.groups.groups import find_group
from symmetry.kinds.indices import Index, PositionalIndex, RepresentationIndex
from symmetry.maps.equivariant_maps import readable
from symmetry.space.elements import group_order
from symmetry.space.specification import load
from symmetry.space.weight_space import WeightSpace

__all__ = ["show"]

SECTIONS = {"sets": "set", "representations": "representation"}
"""Kinds of index that are not called by their section."""
EXACT = 15
"""A group order of more digits than this is shown as a power of ten."""


def show(spec: Spec) -> None:
    """Show a weight space: its indices, its tensors and its group."""
    space = load(spec)
    console = make_console()
    console.print(index_table(space))
    console.print(tensor_table(space))
    console.print(facts(totals(space)))


def index_table(space: WeightSpace) -> Table:
    """Every declared index: kind, size, parent, and what acts on it."""
    table = make_table("Indices")
    table.add_column("index", overflow="fold")
    table.add_column("kind")
    table.add_column("size", justify="right")
    table.add_column("within", overflow="fold")
    table.add_column("acted on by", overflow="fold")
    for index in space.indices:
        table.add_row(index.name, kind(index), readable(index.size), index.parent or "", action(space, index))
    return table


def tensor_table(space: WeightSpace) -> Table:
    """Every tensor: axes, shape, number of entries."""
    table = make_table("Tensors")
    table.add_column("tensor", overflow="fold")
    table.add_column("axes", overflow="fold")
    table.add_column("shape", overflow="fold")
    table.add_column("entries", justify="right")
    for tensor in space:
        axes = str(tensor)[len(tensor.name) + 1 : -1]
        shape = " × ".join(readable(size) for size in tensor.shape) or "scalar"
        table.add_row(tensor.name, axes, shape, readable(math.prod(tensor.shape)))
    return table


def totals(space: WeightSpace) -> dict[str, str]:
    """The numbers of tensors and entries, the group and its order."""
    outermost = [action(space, index) for index in moved(space) if index.parent is None]
    return {
        "tensors": readable(len(space)),
        "entries": readable(sum(math.prod(tensor.shape) for tensor in space)),
        "group": " × ".join([*outermost, *space.groups]) or "trivial",
        "group order": order(space),
    }


def kind(index: Index) -> str:
    """The kind of an index in words."""
    return "nested set" if index.parent is not None else SECTIONS.get(index.section, index.section)


def moved(space: WeightSpace) -> list[Index]:
    """The indices that the group of the weight space permutes: sets, and not positional indices."""
    return [index for index in space.indices if index.permuted and not isinstance(index, PositionalIndex)]


def action(space: WeightSpace, index: Index) -> str:
    """The group that acts on an index: with sets nested inside it, their wreath product."""
    if isinstance(index, PositionalIndex):
        return f"S_{index.size} in the derivation, an embedding breaks it"
    if isinstance(index, RepresentationIndex):
        words = index.representation if isinstance(index.representation, str) else "matrices"
        return f"{index.group} by {words}"
    if not index.permuted:
        return "nothing"
    inner = [action(space, other) for other in space.indices if other.parent == index.name]
    own = f"S_{index.size}"
    if not inner:
        return own
    below = f"({' × '.join(inner)})" if len(inner) > 1 or " " in inner[0] else inner[0]
    return f"{below} ≀ {own}"


def order(space: WeightSpace) -> str:
    """The order of the group as a product of factorials, and its magnitude."""
    factors = []
    for index in moved(space):
        copies = math.prod(space.copies(index))
        factors.append(f"{readable(index.size)}!" if copies == 1 else f"({readable(index.size)}!)^{readable(copies)}")
    groups = [find_group(name) for name in space.groups]
    factors += [str(len(group.elements)) for group in groups if group.finite]
    infinite = [f"∞ ({group.name})" for group in groups if not group.finite]
    return " · ".join([f"{' · '.join(factors) or '1'} {magnitude(space)}".rstrip(), *infinite])


def magnitude(space: WeightSpace) -> str:
    """The order of the group in figures, or as a power of ten; empty where no float holds the exponent."""
    try:
        logarithms = (math.prod(space.copies(index)) * math.lgamma(index.size + 1) for index in moved(space))
        digits = sum(logarithms) / math.log(10)
    except OverflowError:
        return ""
    if digits <= EXACT:
        return f"= {group_order(space):,}"
    return f"≈ 10^{digits:,.0f}" if digits < 1e15 else f"≈ 10^({digits:.1e})"
