"""A module as a function of the weights of a space and of some inputs, that shows what it computes along the way."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.utils._pytree import tree_leaves

from layergen.preservation.function import tied_names
from layergen.tracing.copying import own_copy
from layergen.tracing.exporting import exported
from layergen.tracing.propagation import Followed, follow
from layergen.tracing.recording import Recorded, Reduction, matched, recorded_values
from layergen.tracing.running import Program, program_of
from layergen.tracing.unknowns import Atom, factors, known, size_of
from symmetry import WeightSpace

__all__ = ["Output", "Watched", "watched"]


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that a module gives: the sizes of the factors of its axes, and the place of the probes among them."""

    place: int
    sizes: tuple[int, ...]
    probe: int | None

    @property
    def numbers(self) -> int:
        """How many numbers there are for each probe."""
        return math.prod(size for place, size in enumerate(self.sizes) if place != self.probe)

    def rows(self, value: Tensor) -> Tensor:
        """The output with a row for each probe."""
        if self.probe is None:
            return value.reshape(1, self.numbers)
        return value.reshape(self.sizes).movedim(self.probe, 0).reshape(self.sizes[self.probe], self.numbers)


@dataclass(frozen=True, slots=True)
class Watched:
    """A module that is run on weights and inputs, and watched.

    Parameters
    ----------
    program
        What it does.
    weights
        The names of the space's tensors, by what enters the program.
    fixed
        What else enters the program or belongs to it, and no input is: tensors that the space does not have, plain
        values.
    inputs
        What enters the program that stands for the tensors among the arguments, in order.
    rows
        The number of rows of the embedding, for each input that holds weights of them and not numbers.
    recorded
        The values that are shown.
    outputs
        The floating-point tensors that it gives.
    numbers
        How many numbers it makes for one network.
    """

    program: Program
    weights: Mapping[str, str]
    fixed: Mapping[str, Any]
    inputs: tuple[str, ...]
    rows: tuple[int | None, ...]
    recorded: tuple[Recorded, ...]
    outputs: tuple[Output, ...]
    numbers: int

    def only(self, patterns: Sequence[str]) -> Watched:
        """The module with those values recorded whose names match a pattern. Raises `ValueError` if none do."""
        kept = [one for one in self.recorded if any(fnmatchcase(one.name, pattern) for pattern in patterns)]
        if not kept:
            known = ", ".join(repr(one.name) for one in self.recorded) or "none"
            raise ValueError(f"no value matches record={list(patterns)}; the values that live on sets are: {known}")
        return replace(self, recorded=tuple(kept))

    def run(
        self, weights: Mapping[str, Tensor], inputs: Sequence[Tensor], fixed: Mapping[str, Any], reduce: Reduction
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The recorded values of one network, `{name: (*declared axes, probe)}`, and its outputs, `(probe, numbers)`.

        `fixed` takes the place of the program's own constants.
        """
        wanted, found = {one.node: one for one in self.recorded}, dict[str, Tensor]()

        def watch(node: str, value: Any) -> None:
            if node in wanted:
                found[wanted[node].name] = wanted[node].of(value, reduce)

        entering = {place: weights[name] for place, name in self.weights.items()}
        values = {**fixed, **entering, **dict(zip(self.inputs, inputs, strict=True))}
        leaves = tree_leaves(self.program.run(values, inputs[0], watch))
        return found, torch.cat([one.rows(leaves[one.place]) for one in self.outputs], dim=1)


def watched(
    module: nn.Module,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    space: WeightSpace,
    numbering: Collection[str] = (),
) -> Watched:
    """A module in evaluation mode, ready to be run on the weights of a space and watched.

    Parameters
    ----------
    module
        The module, which is not changed.
    arguments, options
        Its arguments, the tensors among them with one row for each probe along their first axis.
    space
        The weight space. Tensors that it does not have stay as they are in the module.
    numbering
        Names of its indices that number blocks of the module.

    Returns
    -------
    Watched
        The module as a function.

    Raises
    ------
    SpecificationError
        If the module cannot be exported.
    ValueError
        If the space is not the module's, if the module mixes the probes, or if it has inputs of integers that others
        than embeddings read.
    """
    module = own_copy(module)
    exporting = exported(module, tuple(arguments), options)
    ties, graph = tied_names(module), [*exporting.graph.nodes]
    followed = follow([exporting], ties)
    names = matched(followed, space, ties, numbering)
    weights, fixed, inputs = entering(exporting, space, ties)
    program = program_of(exporting.graph_module)
    rows = {node: None if node.meta["val"].is_floating_point() else tokens(program, node) for node in inputs}
    for node in (node for node, count in rows.items() if count is not None):
        program = program.with_mixtures(node.name)
    probes = probe_axes(followed, inputs)
    recorded = recorded_values(followed, space, names, probes, graph)
    made = [one for one in tree_leaves([node.meta.get("val") for node in graph]) if isinstance(one, Tensor)]
    return Watched(
        program,
        weights,
        {**fixed, **program.constants},
        tuple(node.name for node in inputs),
        tuple(rows.values()),
        tuple(replace(one, node=program.names[one.node]) for one in recorded if one.node in program.names),
        outputs_of(exporting, followed, probes),
        sum(one.numel() for one in made),
    )


def entering(
    exporting: ExportedProgram, space: WeightSpace, ties: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Any], list[Node]]:
    """What enters a graph: tensors of the space by name, other tensors and plain values, the nodes of its inputs."""
    by_tie = {ties.get(name, name): name for name in reversed(space.names)}
    held = {**exporting.state_dict, **exporting.constants}
    nodes = (node for node in exporting.graph.nodes if node.op == "placeholder")
    weights, fixed, inputs = dict[str, str](), dict[str, Any](), list[Node]()
    for node, spec in zip(nodes, exporting.graph_signature.input_specs, strict=True):
        if spec.kind != InputKind.USER_INPUT:
            target = ties.get(str(spec.target), "")
            if target in by_tie:
                weights[node.name] = by_tie[target]
            else:
                fixed[node.name] = held.get(str(spec.target))
        elif isinstance(node.meta.get("val"), Tensor):
            inputs.append(node)
        else:
            fixed[node.name] = getattr(spec.arg, "value", None)
    return weights, fixed, inputs


def tokens(program: Program, node: Node) -> int:
    """The number of rows from which an input of integers chooses. Raises `ValueError` for one of other integers."""
    readers = program.readers(node.name)
    others = sorted({call.operator for call in readers} - {"aten::embedding", "aten::embedding.default"})
    if others or not readers:
        kind = str(node.meta["val"].dtype).removeprefix("torch.")
        fault = f"input {node.name!r} holds {kind}, which cannot be learned, and is read by {', '.join(others) or None}"
        raise ValueError(f"{fault}: give floating-point inputs, or tokens that embeddings alone read")
    weight = readers[0].arguments[0].name
    return next(int(one.meta["val"].shape[0]) for one in node.graph.nodes if one.name == weight)


def probe_axes(followed: Followed, inputs: Sequence[Node]) -> frozenset[Atom]:
    """The first axes of the inputs, of which each row is a probe. Raises `ValueError` where the module cuts them."""
    found = set[Atom]()
    for number, node in enumerate(inputs):
        axis = known(followed.nodes[node].axes[0])
        if size_of(axis) > 1 and not isinstance(axis, Atom):
            raise ValueError(f"the module mixes the probes: it takes apart the first axis of input {number}")
        found |= {axis} if isinstance(axis, Atom) else set()
    return frozenset(found)


def outputs_of(exporting: ExportedProgram, followed: Followed, probes: frozenset[Atom]) -> tuple[Output, ...]:
    """The floating-point tensors that a module gives. Raises `ValueError` for one that mixes probes, and for none."""
    (result,) = (node.args[0] for node in exporting.graph.nodes if node.op == "output")
    found = []
    for place, node in enumerate(tree_leaves(result)):
        like = node.meta.get("val") if isinstance(node, Node) else None
        if isinstance(like, Tensor) and like.is_floating_point():
            split = [factor for axis in followed.nodes[node].axes for factor in factors(axis)]
            places = [place for place, factor in enumerate(split) if factor in probes]
            if len(places) != (1 if probes else 0):
                raise ValueError(f"the module mixes the probes: its output {place} has no row for each of them")
            found.append(Output(place, tuple(map(size_of, split)), places[0] if places else None))
    if not found:
        raise ValueError("the module gives no floating-point tensors")
    return tuple(found)
