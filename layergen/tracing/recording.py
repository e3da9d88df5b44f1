"""Which values of a traced graph live on the indices of a weight space, and on which of their axes.

The axes of the declared tensors are unified with those that the graph was followed with. What they then have in common
tells for every other value which of its axes are declared indices.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.fx import Node

from layergen.tracing.propagation import Followed, operator_name, written_into
from layergen.tracing.unknowns import Atom, Axis, atoms, factors, join, known, size_of, unify
from layergen.tracing.values import Value, leaves_of
from symmetry import WeightSpace
from symmetry.language import axes
from symmetry.language.axes import Expression, Sum, print_axes, substitute
from symmetry.language.names import fresh_name

__all__ = ["Recorded", "matched", "recorded_values"]

SAME_ENTRIES = {
    *("_reshape_alias", "_to_copy", "_unsafe_view", "alias", "clone", "contiguous", "detach", "dropout", "expand"),
    *("feature_dropout", "flatten", "lift_fresh", "mT", "movedim", "numpy_T", "permute", "reshape", "squeeze"),
    *("swapaxes", "t", "to", "transpose", "type_as", "unflatten", "unsqueeze", "view", "view_copy"),
}
"""Operators whose result has the entries of their first argument, in evaluation mode, in some other shape."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A value of a graph that lives on declared indices.

    Parameters
    ----------
    name
        A name for it: the path of the module that makes it, or its node where that is the module itself.
    node
        The name of its node.
    sizes
        The sizes of the factors of its axes.
    probe
        The place, among the factors, of the axis along which probes are stacked; None where there is one probe.
    kept
        The places of the factors that are declared indices.
    declared
        The axis string of the factors kept.
    written
        Whether the value is changed in place later.
    """

    name: str
    node: str
    sizes: tuple[int, ...]
    probe: int | None
    kept: tuple[int, ...]
    declared: str
    written: bool

    @property
    def positions(self) -> tuple[int, ...]:
        """The places of the other factors, such as tokens and pixels."""
        return tuple(place for place in range(len(self.sizes)) if place != self.probe and place not in self.kept)

    def own_axes(self, value: Tensor, reduce: Any) -> Tensor:
        """The value on the declared indices, the probes last, and the other factors taken together by `reduce`."""
        value = value.reshape(self.sizes)
        probe = [] if self.probe is None else [self.probe]
        value = value.permute(*self.kept, *probe, *self.positions)
        places = len(self.kept) + len(probe)
        value = reduce(value, tuple(range(places, value.ndim))) if self.positions else value
        value = value if probe else value.unsqueeze(-1)
        return value.clone() if self.written else value


def matched(followed: Followed, space: WeightSpace, ties: Mapping[str, str]) -> dict[Atom, str]:
    """The index of a weight space that each axis of a followed module is, where it is one.

    Parameters
    ----------
    followed
        The followed module. Its axes become finer where the space's are.
    space
        A weight space of the module, or a part of one.
    ties
        For each name of a tensor the name that its value has in `followed`.

    Returns
    -------
    dict
        Names of indices by the axes that they were found to be.

    Raises
    ------
    ValueError
        If a tensor is not the module's, or declares indices where the module has other ones.
    """
    declared = {index.name: Atom(index.size, why="" if moves(index) else "declared free") for index in space.indices}

    def leaf(atom: axes.Atom) -> Axis:
        return declared[atom.name] if atom.name else Atom(atom.size, why="declared free")

    for tensor in space:
        value = followed.tensors.get(ties.get(tensor.name, tensor.name))
        if value is None or math.prod(value.shape) != math.prod(tensor.shape):
            shape = "no such tensor" if value is None else f"shape {value.shape} there"
            raise ValueError(f"the space is not the module's: {tensor.name!r} has shape {tensor.shape}, {shape}")
        own: list[Axis] = [substitute(axis, leaf) for axis in tensor.axes]
        whole = value.shape != tensor.shape  # rows and columns of pixels are one axis of features
        pairs = [(join(value.axes), join(own))] if whole else zip(value.axes, own, strict=True)
        for place, (theirs, ours) in enumerate(pairs):
            unify(theirs, ours, f"it is not what {tensor.name!r} declares")
            names = {atom.name for axis in (tensor.axes if whole else [tensor.axes[place]]) for atom in axes.atoms(axis)}
            for name in sorted(names - {""}):
                fault = unlike(declared, name, space)
                if fault:
                    at = f"tensor {tensor.name!r}, axis {place} ({print_axes([tensor.axes[place]])})"
                    raise ValueError(f"the space is not the module's: {at}: {fault}")
    found: dict[Atom, str] = {}
    for name, atom in declared.items():
        if isinstance(one := known(atom), Atom):
            found.setdefault(one, name)
    return found


def moves(index: Any) -> bool:
    """Whether a group moves the values of an index; a learned embedding tells those of a positional one apart."""
    return index.action is not None and not index.embedded


def unlike(declared: Mapping[str, Atom], name: str, space: WeightSpace) -> str:
    """What keeps a declared index from being one of the module's; empty if nothing does."""
    if not moves(space.index(name)) or declared[name].size == 1:
        return ""
    own = known(declared[name])
    if not isinstance(own, Atom):
        sizes = " × ".join(str(size_of(factor)) for factor in factors(own))
        return f"the module treats the {declared[name].size} values of {name!r} as {sizes}"
    if own.why:
        return f"the module does not let {name!r} be permuted: {own.why}"
    other = next((other for other, atom in declared.items() if other != name and known(atom) is own), None)
    return f"{name!r} and {other!r} are one set in the module" if other else ""


def recorded_values(
    followed: Followed, space: WeightSpace, names: Mapping[Atom, str], probes: Collection[Atom], graph: Sequence[Node]
) -> list[Recorded]:
    """The values that live on declared sets, which meet weights or are made of them.

    Views, copies and the like of a value count as that value. A value that depends on no input is none.

    Parameters
    ----------
    followed
        The followed module.
    space
        The weight space.
    names
        Names of indices by axis, as `matched` gives them.
    probes
        The axes along which inputs are stacked.
    graph
        The nodes of the graph.

    Returns
    -------
    list of Recorded
        In the order of the graph.
    """
    weights = weight_nodes(followed, graph)
    placed: list[Recorded] = []
    chosen: dict[Node, None] = {}

    def live(node: Node) -> bool:
        value = followed.nodes.get(node)
        known_axes = isinstance(value, Value) and value in followed.data
        return known_axes and own_factors(value, space, names, probes) is not None

    def source(node: Node) -> Node:
        while operator_name(node) in SAME_ENTRIES and node.args and isinstance(node.args[0], Node):
            if not live(node.args[0]):
                break
            node = node.args[0]
        return node

    for node in graph:
        data = [one for one in node.all_input_nodes if followed.data.intersection(leaves_of(followed.nodes.get(one)))]
        if node.op == "call_function" and data and not weights.isdisjoint(node.all_input_nodes):
            chosen |= dict.fromkeys(source(one) for one in data if live(one))
            chosen |= dict.fromkeys(source(one) for one in (node, *node.users) if live(one) and made_by(one, node))
    for node in graph:
        if node in chosen and node.op == "call_function":
            value = followed.nodes[node]
            sizes, probe, kept, declared = own_factors(value, space, names, probes) or ((), None, (), "")
            name = fresh_name(named_after(node), {one.name for one in placed})
            placed.append(Recorded(name, node.name, sizes, probe, kept, declared, written_into(node)))
    return placed


def weight_nodes(followed: Followed, graph: Sequence[Node]) -> set[Node]:
    """The nodes of tensors of the module, and of what is made of these alone."""
    found: set[Node] = set()
    for node in graph:
        made = node.op == "placeholder" or not found.isdisjoint(node.all_input_nodes)
        if made and followed.data.isdisjoint(leaves_of(followed.nodes.get(node))):
            found.add(node)
    return found


def made_by(node: Node, maker: Node) -> bool:
    """Whether a value is the result of an operator, or one of its results."""
    return node is maker or operator_name(node) == "getitem"


def named_after(node: Node) -> str:
    """The path of the module that makes a value, or the name of its node where that is the module itself."""
    stack = node.meta.get("nn_module_stack") or {}
    return [path for path, _ in stack.values()][-1] or node.name if stack else node.name


def own_factors(
    value: Value, space: WeightSpace, names: Mapping[Atom, str], probes: Collection[Atom]
) -> tuple[tuple[int, ...], int | None, tuple[int, ...], str] | None:
    """The sizes of a value's factors, the place of its probes, those of its declared indices, and their axis string.

    This is where a value gets its axes. None for a value that does not live on declared sets, that mixes the probes, or
    that has a set nested in another without that other.
    """
    found = [factor for axis in value.axes for factor in factors(axis)]
    if any(isinstance(factor, Atom) and factor.members for factor in found):
        return None
    places = [place for place, factor in enumerate(found) if any(factor is one for one in probes)]
    if len(places) != (1 if probes else 0):
        return None
    kept = {place: spelling for place, factor in enumerate(found) if (spelling := spelled(factor, names)) is not None}
    present = {atom.name for expression in kept.values() for atom in axes.atoms(expression)} - {""}
    parents = {space.index(name).parent for name in present} - {None}
    if not any(moves(space.index(name)) for name in present) or not parents <= present:
        return None
    inside = {atom for factor in found if isinstance(factor, Sum) for atom in atoms(factor)}
    mixed = {atom for place, factor in enumerate(found) if place not in kept for atom in atoms(factor)}
    if not inside.isdisjoint(probes) or not mixed.isdisjoint(names):
        return None
    sizes = tuple(size_of(factor) for factor in found)
    return sizes, (places or [None])[0], tuple(kept), print_axes(kept.values())


def spelled(factor: Axis, names: Mapping[Atom, str]) -> Expression | None:
    """A factor as an expression over declared indices; None if it has none, or others that are not free."""
    if isinstance(factor, Atom):
        return axes.Atom(names[factor]) if factor in names else None
    inside = list(atoms(factor))
    if not any(atom in names for atom in inside) or any(atom not in names and not atom.why for atom in inside):
        return None
    return substitute(factor, lambda atom: axes.Atom(names[atom]) if atom in names else axes.Atom("", atom.size))
