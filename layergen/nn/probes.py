"""Probes: learned inputs that networks are run on, with what they compute along the way as features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from layergen.features import Features, members_of
from layergen.nn.probe_families import shown
from layergen.nn.probe_inputs import ProbeInput, stacked, starts
from layergen.preservation import broken_by
from layergen.stacking import owners, stack
from layergen.tracing import trace
from layergen.tracing.copying import in_general_position
from layergen.tracing.recording import Reduction
from layergen.tracing.watched import Watched, watched
from symmetry.language.axes import atoms, print_axes
from symmetry.language.names import fresh_name
from symmetry.space.elements import random_element
from symmetry.space.families import without_families
from symmetry.space.weight_space import WeightSpace

__all__ = ["Probes", "beside"]

AT_ONCE = 2**26
"""By default so many networks are run at a time that together they make no more numbers than this."""
TOLERANCE = 1e-6
"""The largest change of a recorded value, over its largest entry, that counts as rounding in float64."""


class Probes(nn.Module):
    """Run networks, given by their weights, on learned inputs, and record what lives on the axes of their weights.

    The module is exported and followed as by `layergen.trace`. It is a template: its own weights are used only for what
    the space does not have. Values that meet weights or are made of them, before and after each nonlinearity, are
    recorded where they live on sets of the space; views and copies count as what they show. Other axes, such as tokens
    and pixels, are taken together. The module runs in evaluation mode, with the same inputs for every network.

    Where an embedding reads tokens, a probe has weights of all rows of the embedding for each token, which begin with
    one for the example's token: `(probe, *tokens, rows)`.

    Parameters
    ----------
    module
        A network of the architecture.
    example_inputs
        The module's arguments by place, with an example in each row of every tensor.
    count
        The number of probes.
    example_options
        The module's arguments by name.
    space
        The weight space of the networks; by default the one that `layergen.trace` finds.
    start
        Where the probes begin: "examples", repeated in turn; "uniform", from -1 to 1; or a list of tensors `(probe,
        *axes)`, one for each tensor among the arguments.
    learned
        Whether the probes are parameters; else they stay.
    code
        With a number, the probes are a linear map of codes of that length, all of which is learned.
    record
        A pattern, as in `fnmatch`, for the names of the values to record; or several patterns.
    reduce
        What is done to axes that are no indices of the space: a function of a tensor and a tuple of dimensions, such as
        `torch.mean` and `torch.amax`.
    chunk_size
        The most networks that are run at a time. Where there are more, gradients compute what they need again, so that
        the memory for it is that of a chunk. By default so many that they make 67 million numbers.
    prove
        Whether it is tested that the module and the recorded values respect the symmetry of the space; a module that
        does not run in float64 cannot be.

    Raises
    ------
    SpecificationError
        If the module cannot be exported.
    ValueError
        If the space is not the module's, if an input cannot be learned, if options are out of range; and when called,
        if the features have other shapes than the space.

    References
    ----------
    Herrmann et al. (2024), "Learning Useful Representations of Recurrent Neural Network Weight Matrices", ICML; Kofinas
    et al. (2024), "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR: probe
    features. Kahana et al. (2024), "Deep Linear Probe Generators for Weight Space Learning": probes made of codes.

    Examples
    --------
    >>> from layergen import stack
    >>> networks = [nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)) for _ in range(7)]
    >>> probes = Probes(networks[0], [torch.randn(10, 2)], count=16)
    >>> values, outputs = probes(stack([network.state_dict() for network in networks], probes.weights))
    >>> {name: tuple(value.shape) for name, value in values.items()}
    {'probe.0': (7, 5, 16), 'probe.1': (7, 5, 16)}
    >>> outputs.shape, str(probes.space["probe.1"])
    (torch.Size([7, 48]), 'probe.1[h_0]')
    """

    def __init__(
        self,
        module: nn.Module,
        example_inputs: Sequence[Any],
        count: int = 16,
        *,
        example_options: Mapping[str, Any] | None = None,
        space: WeightSpace | None = None,
        start: str | Sequence[Tensor] = "examples",
        learned: bool = True,
        code: int | None = None,
        record: str | Sequence[str] = "*",
        reduce: Reduction = torch.mean,
        chunk_size: int | None = None,
        prove: bool = True,
    ) -> None:
        super().__init__()
        check_counts({"count": count, "chunk_size": count if chunk_size is None else chunk_size})
        leaves, structure = tree_flatten((tuple(example_inputs), dict(example_options or {})))
        leaves = stacked(leaves, count)
        arguments, options = tree_unflatten(leaves, structure)
        proved = space is None or not prove
        self.weights = trace(module, arguments, options, prove=prove, extend=False).space if space is None else space
        apart = without_families(self.weights)
        numbers = {atom.name for tensor in self.weights for atom in atoms(*tensor.family.axes)}
        numbering = [name for name, copy in apart.copies.items() if copy.index in numbers]
        seen = watched(module, arguments, options, apart.space, numbering)
        if not proved and (g := broken_by(in_general_position(module), self.weights, arguments, options)) is not None:
            raise ValueError(f"the space is not the module's: {g.deed} changes what the module computes")
        first = starts(start, [leaf for leaf in leaves if isinstance(leaf, Tensor)], seen.rows)
        self.inputs = nn.ModuleList(ProbeInput(one, learned=learned, code=code) for one in first)
        self.program = seen.only((record,) if isinstance(record, str) else tuple(record))
        axes = {one.name: one.axes.declared for one in self.program.recorded}
        self.shown = {
            fresh_name(f"probe.{one.name}", self.weights.names): one for one in shown(axes, self.weights, apart)
        }
        tensors = {name: one.axes for name, one in self.shown.items()}
        self.space = beside(self.weights, tensors).only(tensors)
        self.count, self.reduce = int(count), reduce
        self.out_features = self.count * sum(output.numbers for output in seen.outputs)
        self.chunk_size = chunk_size or max(1, AT_ONCE // seen.numbers)
        self.fixed = nn.Module()  # its tensors move with the module, and are no part of the `state_dict`
        for place, value in enumerate(seen.fixed.values()):
            if isinstance(value, Tensor):
                self.fixed.register_buffer(str(place), value.detach(), persistent=False)
        if prove:
            self._prove(module)

    def forward(self, x: Features) -> tuple[Features, Tensor]:
        """Run the networks.

        Parameters
        ----------
        x
            The weights of the networks, features of `weights` with one channel, `{tensor: (batch, *axes, 1)}`.

        Returns
        -------
        dict of Tensor
            The recorded values, features of `space`, `{"probe.name": (batch, *axes, count)}`.
        Tensor
            What the networks give, `(batch, out_features)`, probe by probe.

        Raises
        ------
        ValueError
            If the features have other tensors or shapes than `weights`, or more channels than one.
        """
        *values, outputs = self._run(self.program, x)
        return dict(zip(self.space.names, values, strict=True)), outputs

    def outputs(self, x: Features) -> Tensor:
        """What the networks give, without what they compute along the way.

        Parameters
        ----------
        x
            The weights of the networks, features of `weights` with one channel, `{tensor: (batch, *axes, 1)}`.

        Returns
        -------
        Tensor
            As `forward` gives it, `(batch, out_features)`.

        Raises
        ------
        ValueError
            If the features have other tensors or shapes than `weights`, or more channels than one.
        """
        return self._run(replace(self.program, recorded=()), x)[0]

    def _run(self, program: Watched, x: Features) -> list[Tensor]:
        """The values that a program records, and the outputs, of all networks."""
        check_shapes(x, self.weights)
        dtype = next(iter(x.values())).dtype
        inputs, fixed = [one().to(dtype) for one in self.inputs], self._fixed(dtype)

        names = owners(self.weights)

        def run(*values: Tensor) -> tuple[Tensor, ...]:
            """The recorded values and the outputs of some networks, of their weights and of the probes."""

            def one(weights: Features) -> tuple[Features, Tensor]:
                found, outputs = program.run(weights, values[len(names) :], fixed, self.reduce)
                shown = self.shown if program.recorded else {}
                return {name: one.of(found) for name, one in shown.items()}, outputs

            recorded, outputs = torch.vmap(one)(dict(zip(names, values, strict=False)))
            return *recorded.values(), outputs.flatten(1)

        members = [members_of(name, value, lead=1) for name, value in x.items()]
        own = {name: value for one in members for name, value in one.items()}
        weights = [own[name].reshape(-1, *tensor.stored) for name, tensor in names.items()]
        chunks = list(zip(*(value.split(self.chunk_size) for value in weights), strict=True))
        if len(chunks) == 1:
            whole = iter(run(*chunks[0], *inputs))
        else:
            made = (checkpoint(run, *chunk, *inputs, use_reentrant=False) for chunk in chunks)
            whole = map(torch.cat, zip(*made, strict=True))
        return [value.to(dtype) for value in whole]

    def _fixed(self, dtype: torch.dtype) -> dict[str, Any]:
        """What enters the program beside weights and probes, floating-point numbers of a type."""
        held = dict(self.fixed.named_buffers())
        tensors = {place: value.to(dtype) if value.is_floating_point() else value for place, value in held.items()}
        return {name: tensors.get(str(place), value) for place, (name, value) in enumerate(self.program.fixed.items())}

    @torch.no_grad()
    def _prove(self, module: nn.Module) -> None:
        """Raise `ValueError` unless the recorded values of a network move with its weights, and its outputs stay."""
        state = {name: value.double() for name, value in in_general_position(module).state_dict().items()}
        x = stack([{name: state[name] for name in owners(self.weights)}], self.weights)
        joint = beside(self.weights, {t.name: print_axes(t.own_axes) for t in self.space})
        for seed in range(3):
            g = random_element(joint, seed)
            values, outputs = self(x)
            moved = g.act({**x, **values}, channels=True)
            again, same = self({name: moved[name] for name in x})
            for name, value in {**again, "the output": same}.items():
                expected = moved.get(name, outputs)
                if (value - expected).abs().max() > TOLERANCE * expected.abs().max():
                    raise ValueError(f"{name!r} does not move with the weights; record=[…] without it leaves it out")


def check_counts(counts: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a number that is no positive integer."""
    for name, count in counts.items():
        if not isinstance(count, Integral) or count < 1:
            raise ValueError(f"{name}={count!r}: give an integer, at least 1")


def check_shapes(x: Features, space: WeightSpace) -> None:
    """Raise `ValueError` unless features are the weights of networks of a space, at its own sizes."""
    expected = {tensor.name: (*tensor.shape, 1) for tensor in space}
    given = {name: tuple(value.shape[1:]) for name, value in x.items()}
    faults = [
        f"{name!r} has shape {given.get(name)}, expected {expected.get(name)}"
        for name in {**expected, **given}
        if given.get(name) != expected.get(name)
    ]
    if faults:
        raise ValueError("probes run networks of the declared shapes:\n  " + "\n  ".join(faults))


def beside(space: WeightSpace, tensors: Mapping[str, str]) -> WeightSpace:
    """A weight space with further tensors over its indices.

    Parameters
    ----------
    space
        The weight space.
    tensors
        The axes of the further tensors by name.

    Returns
    -------
    WeightSpace
        The tensors of the space, and then the others.

    Examples
    --------
    >>> beside(WeightSpace({"b": "h"}, sets={"h": 3}), {"a": "h h"}).shapes
    {'b': (3,), 'a': (3, 3)}
    """
    declared, sections = space.declarations({})
    return WeightSpace({**declared, **tensors}, **sections)
