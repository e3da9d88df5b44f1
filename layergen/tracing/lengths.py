"""Other lengths and batch sizes than the example's: which inputs a module takes, and which cuts move with them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from itertools import permutations, takewhile
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.utils._pytree import tree_flatten, tree_unflatten

from layergen.preservation.outputs import Undone
from layergen.tracing.copying import own_copy

__all__ = ["Example", "moving_nodes", "varied"]

Example: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""The arguments of a call, by place and by name."""
SLICES = (torch.ops.aten.slice.Tensor, torch.ops.aten.alias.default)
"""A slice, and what is exported in place of a slice that leaves nothing out."""
Places: TypeAlias = tuple[tuple[int, int], ...]
"""Dimensions of inputs: the number of the input and that of the dimension."""


def varied(module: nn.Module, example: Example) -> Example | None:
    """The example with every dimension shorter, or longer, along which the module takes that; None where it takes none.

    Dimensions of one size are changed together where that will do, else those in one place, else each by itself.
    """
    leaves, tree = tree_flatten(example)
    module = own_copy(module, sharing=True)  # it may keep what it sees
    changed: set[tuple[int, int]] = set()
    for places in together(leaves):
        for size in other_sizes(leaves[places[0][0]].shape[places[0][1]]):
            if changed.isdisjoint(places):
                trial = resized(leaves, places, size)
                if takes(module, tree_unflatten([own(leaf) for leaf in trial], tree)):
                    leaves = trial
                    changed.update(places)
    return tree_unflatten(leaves, tree) if changed else None


def together(leaves: Sequence[Any]) -> list[Places]:
    """The dimensions that are changed at once, what has most of them first."""
    sizes = {
        (number, dim): size
        for number, leaf in enumerate(leaves)
        if isinstance(leaf, Tensor)
        for dim, size in enumerate(leaf.shape)
        if size
    }
    alike = [
        lambda place: (sizes[place],),
        lambda place: (sizes[place], place[1]),
        lambda place: place,
    ]
    return list(dict.fromkeys(tuple(p for p in sizes if key(p) == key(place)) for key in alike for place in sizes))


def other_sizes(size: int) -> list[int]:
    """The sizes that are tried instead of one: the next ones, half of it and twice for what is halved inside.

    Shorter is tried first: what is cut to a longer input may be whole.
    """
    return [other for other in (size - 1, size + 1, size // 2, 2 * size) if other > 1]


def resized(leaves: Sequence[Any], places: Places, size: int) -> list[Any]:
    """The inputs with some dimensions of another size: the first entries again, or the last left out."""
    made = list(leaves)
    for number, dim in places:
        rows = torch.arange(size, device=made[number].device) % made[number].shape[dim]
        made[number] = made[number].index_select(dim, rows)
    return made


def own(leaf: Any) -> Any:
    """An input to work on."""
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def takes(module: nn.Module, example: Example) -> bool:
    """Whether a module runs on some inputs. What it writes into its parameters is undone."""
    silent = io.StringIO()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.no_grad(), Undone(module.parameters()):
                module(*example[0], **example[1])
        except Exception:  # modules refuse inputs in their own ways
            return False
    return True


def moving_nodes(programs: Sequence[ExportedProgram]) -> frozenset[str]:
    """The nodes, each after its program's number, that do the same with other numbers in another program.

    Graphs are compared from both ends for as long as they have the same operators. Slices are compared by where they
    are: one that leaves nothing out is no slice.
    """
    found = set[str]()
    for (number, ours), theirs in permutations(enumerate(map(operators, programs)), 2):
        for step in (1, -1):
            pairs = zip(between_slices(ours[::step]), between_slices(theirs[1][::step]), strict=False)
            for one, other in takewhile(lambda pair: pair[0][-1].target == pair[1][-1].target, pairs):
                if list(map(numbers, one)) != list(map(numbers, other)):
                    found.update(f"{number} {node.name}" for node in one)
    return frozenset(found)


def operators(program: ExportedProgram) -> list[Node]:
    """The operators of a graph, those of the graphs inside it too, and what it gives."""
    parts = [part for part in program.graph_module.modules() if isinstance(part, GraphModule)]
    return [node for part in parts for node in part.graph.nodes if node.op in ("call_function", "output")]


def between_slices(graph: Sequence[Node]) -> Iterator[list[Node]]:
    """Each operator that is no slice, after the slices before it."""
    slices: list[Node] = []
    for node in graph:
        slices.append(node)
        if node.target not in SLICES:
            yield slices
            slices = []


def numbers(node: Node) -> tuple[Any, ...]:
    """What operates, and the whole numbers among its arguments."""
    return node.target, *(one for one in tree_flatten((node.args, node.kwargs))[0] if isinstance(one, int))
