"""`layergen show`: the weight space of a specification as tables."""

from __future__ import annotations

import math

from rich.table import Table

from layergen.cli.console import facts, make_console, make_table
from layergen.cli.parameters import Spec
from symmetry.kinds.index import Index
from symmetry.maps.equivariant_maps import readable
from symmetry.space.elements import group_order
from symmetry.space.group import movers
from symmetry.space.specification import load
from symmetry.space.weight_space import WeightSpace

__all__ = ["show"]

EXACT = 15
"""The most digits of a group order that is shown in full; a larger one is shown as a power of ten."""


def show(spec: Spec) -> None:
    """Show a weight space: its indices, its tensors and its group."""
    space = load(spec)
    console = make_console()
    console.print(index_table(space))
    console.print(tensor_table(space))
    console.print(facts(totals(space)))


def index_table(space: WeightSpace) -> Table:
    """The declared indices: kind, size, parent, and the group that acts."""
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
    """The tensors: axes, shape, number of entries."""
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
    sets = [index for index in space.indices if index.joined and index.parent is None]
    outermost = [group for index in sets for group in parts(space, index)]
    return {
        "tensors": readable(len(space)),
        "entries": readable(sum(math.prod(tensor.shape) for tensor in space)),
        "group": " × ".join([*outermost, *space.groups]) or "trivial",
        "group order": order(space),
    }


def parts(space: WeightSpace, index: Index) -> list[str]:
    """The group that acts on an outermost index; of a positional one, a power of that on the sets of each value."""
    if not index.embedded:
        return [action(space, index)]
    inner = " × ".join(action(space, other) for other in space.indices if other.parent == index.name)
    return [f"({inner})^{readable(index.size)}"] if inner else []


def kind(index: Index) -> str:
    """The kind of an index in words."""
    return index.noun if index.parent is None else f"nested {index.noun}"


def action(space: WeightSpace, index: Index) -> str:
    """The group that acts on an index: of nested sets their wreath product, or a power if nothing moves it."""
    inner = [action(space, other) for other in space.indices if other.parent == index.name]
    if not inner:
        return index.acted_on_by
    below = f"({' × '.join(inner)})" if len(inner) > 1 or " " in inner[0] else inner[0]
    return f"{below}^{readable(index.size)}" if index.action is None else f"{below} ≀ {index.acted_on_by}"


def order(space: WeightSpace) -> str:
    """The order of the group: that of the finite factors as a product and in figures, then the infinite factors."""
    finite, infinite = [], []
    for group, copies in movers(space, positional=False).values():
        times = math.prod(copies)
        if math.isinf(group.log_order(copies)):
            infinite.append(group.order_symbol)
        else:
            finite.append(group.order_symbol if times == 1 else f"({group.order_symbol})^{readable(times)}")
    if finite or not infinite:
        infinite.insert(0, f"{' · '.join(finite) or '1'} {magnitude(space)}".rstrip())
    return " · ".join(infinite)


def magnitude(space: WeightSpace) -> str:
    """The order of the finite factors in figures, or as a power of ten; empty where no float holds the exponent."""
    try:
        logarithms = [group.log_order(copies) for group, copies in movers(space, positional=False).values()]
        digits = sum(one for one in logarithms if math.isfinite(one)) / math.log(10)
    except OverflowError:
        return ""
    if digits <= EXACT:
        return f"= {group_order(space):,}"
    return f"≈ 10^{digits:,.0f}" if digits < 1e15 else f"≈ 10^({digits:.1e})"
