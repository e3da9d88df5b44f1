"""Which lines of the emitted layer each block became: where its source is pooled, mixed, and spread into its target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from layergen.emission.statements import forward_parts
from layergen.plan import operations as ops
from layergen.plan.parameters import name_weights

__all__ = ["Flow", "flow"]

Begun = TypeVar("Begun", int, str)
Parts = tuple[int, ...]
"""Numbers of parts of the listing."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The lines of `forward` in parts, and what runs through each part.

    Parameters
    ----------
    parts
        The lines of each part: a statement, or the expression of one target.
    reads
        For each source tensor, by the number of the mix, the parts from the tensor to the product of the mix.
    writes
        For each target tensor, by the number of the mix, the parts from the product of the mix to the tensor.
    biases
        For each target tensor the parts from a bias to it.
    """

    parts: tuple[tuple[str, ...], ...]
    reads: Mapping[str, Mapping[int, Parts]]
    writes: Mapping[str, Mapping[int, Parts]]
    biases: Mapping[str, Parts]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the listing: the parts whose values it reads, and what of the layer begins or ends in it."""

    before: tuple[int, ...]
    features: frozenset[str]
    mix: int | None
    adds_bias: bool
    result: str | None


def flow(program: ops.Program) -> Flow:
    """The lines of a program, with the parts through which each source, each mix and each target runs."""
    printed = list(forward_parts(program))
    nodes = graph([one for one, _ in printed], program)
    reads: dict[str, dict[int, Parts]] = {}
    writes: dict[str, dict[int, Parts]] = {}
    biases: dict[str, Parts] = {}
    for number, node in enumerate(nodes):
        if node.mix is not None:
            for tensor, found in along(nodes, number, lambda at: at.features).items():
                reads.setdefault(tensor, {})[node.mix] = found
        if node.result is not None:
            writes[node.result] = along(nodes, number, lambda at: () if at.mix is None else (at.mix,))
            biases[node.result] = along(nodes, number, lambda at: (0,) if at.adds_bias else ()).get(0, ())
    return Flow(tuple(tuple(lines) for _, lines in printed), reads, writes, biases)


def graph(printed: Sequence[ops.Statement | str | None], program: ops.Program) -> list[Node]:
    """A node for each part, in order; a name that is given again stands for its last value."""
    weights = enumerate(name_weights(program.plan.mixes))
    mixes = {name: number for number, weight in weights for name in weight.factors}
    results = dict(program.results)
    last: dict[str, int] = {}
    nodes = []
    for number, one in enumerate(printed):
        value, given = parts_of(one, results)
        used = list(ops.parts(value))
        before = {last[part.name] for part in used if isinstance(part, ops.Variable) and part.name in last}
        features = frozenset(part.tensor for part in used if isinstance(part, ops.Feature))
        mix = next((mixes[part.parameter] for part in used if isinstance(part, ops.Product | ops.Affine)), None)
        result = one if isinstance(one, str) else None
        biased = isinstance(one, ops.AddBias) or any(isinstance(part, ops.Affine) for part in used)
        nodes.append(Node(tuple(sorted(before)), features, mix, biased, result))
        last |= dict.fromkeys(given, number)
    return nodes


def parts_of(one: ops.Statement | str | None, results: Mapping[str, ops.Value]) -> tuple[Any, tuple[str, ...]]:
    """What a statement or a result reads, and the names that it gives."""
    match one:
        case ops.Let(name, value):
            return value, (name,)
        case ops.Split(names, value):
            return value, names
        case ops.AddBias(name):
            return ops.Variable(name), (name,)
        case str():
            return results[one], ()
    return (), ()


def along(nodes: Sequence[Node], end: int, begins: Callable[[Node], Iterable[Begun]]) -> dict[Begun, Parts]:
    """For each tensor or mix that begins in some part, the parts on the ways from there to the part `end`."""
    through: dict[int, set[Begun]] = {}
    for number in sorted(ancestors(nodes, end)):
        node = nodes[number]
        through[number] = set(begins(node)).union(*(through[other] for other in node.before))
    found: dict[Begun, list[int]] = {}
    for number, begun in through.items():
        for one in begun:
            found.setdefault(one, []).append(number)
    return {one: tuple(found[one]) for one in sorted(found)}


def ancestors(nodes: Sequence[Node], end: int) -> Iterator[int]:
    """The part `end`, and all whose values it is made of."""
    seen, open_ends = {end}, [end]
    while open_ends:
        number = open_ends.pop()
        yield number
        fresh = set(nodes[number].before) - seen
        seen |= fresh
        open_ends += fresh
