"""Propagation: vectors of neurons, carried along by products with the weights as activations are in a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from layergen.features import Features, observed
from layergen.nn.embedding import PerTensorLinear, at_size
from layergen.nn.entries import Entries, piece_entries
from layergen.nn.passages import Line, Passage, passages
from layergen.nn.probes import beside
from symmetry.language.axes import Atom, print_axes
from symmetry.language.errors import SpecificationError
from symmetry.language.names import fresh_name
from symmetry.space.layout import take_apart
from symmetry.space.weight_space import WeightSpace

__all__ = ["Propagation", "PropagationReading"]


class Propagation(nn.Module):
    """Give neurons vectors, carry them along the weights, and apply a function, as a network does with activations.

    Every set of the space, after those that it is nested within, has vectors for its neurons, and so has every
    positional index. One set after the other, in the order of the tensors, they become a function of a sum of what
    *passages* carry there (`layergen.nn.passages`): sums over an axis of weights times the vectors along it, and
    weights as they are, such as biases, or those that meet inputs. Each passage has a matrix, for which values of free
    axes are channels. Such sums are equivariant: what transforms against the weights makes what transforms like them.

    If the function is that of the networks, the vectors are at first about what they compute on inputs that are
    learned: matrices of passages from columns to rows begin with what leaves channels apart, the others at nought.
    Derived layers are linear and cannot multiply one weight by another; this is what they lack to run a network. Unlike
    `Probes` it needs no module.

    Parameters
    ----------
    space
        The weight space of the networks.
    channels
        The number of channels of the vectors.
    rounds
        How often all vectors are computed, each time beginning with the last ones.
    activation
        The function. Over sets with signs it ought to be odd; vectors that the group multiplies are given the function
        of their length.
    gain
        What sums are multiplied by, such as the 30 of a SIREN, and taken of weights as they are. By default weights are
        standardised, and sums are divided by the root of the number of their terms.

    Raises
    ------
    SpecificationError
        If the space has neither sets nor positional indices.

    References
    ----------
    Kalogeropoulos, Bouritsas and Panagakis, "Scale equivariant graph metanetworks", NeurIPS 2024: messages that are
    products with edges, and networks of them that run the networks they read. Navon et al. (2023), "Equivariant
    Architectures for Learning in Deep Weight Spaces", ICML: derived layers can approximate a run.

    Examples
    --------
    >>> axes = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    >>> space = WeightSpace(axes, sets={"h": 8}, free={"x": 2, "y": 3})
    >>> propagation = Propagation(space, channels=16)
    >>> vectors, outputs = propagation({name: torch.randn(5, *shape, 1) for name, shape in space.shapes.items()})
    >>> {name: tuple(value.shape) for name, value in vectors.items()}, outputs.shape
    ({'run h': (5, 8, 16)}, torch.Size([5, 51]))
    """

    def __init__(
        self,
        space: WeightSpace,
        channels: int = 32,
        *,
        rounds: int = 1,
        activation: Callable[[Tensor], Tensor] = torch.sin,
        gain: float | None = None,
    ) -> None:
        super().__init__()
        found = list(passages(space))
        if not any(passage.source for passage in found):
            raise SpecificationError(
                "there is nothing to propagate",
                remedy="give a space whose tensors have sets or positional indices",
            )
        self.weights, self.channels, self.activation, self.gain = space, channels, activation, gain
        self.lines = {line: f"run {line_text(line)}" for line in dict.fromkeys(one.target for one in found) if line}
        axes = {name: line_text(line) for line, name in self.lines.items()}
        self.space = beside(space, axes).only(axes)
        self.entries = [piece_entries(self.space[name].pieces[0]) for name in self.lines.values()]
        known = [one for one in found if one.source is None or one.source in self.lines]
        self.into = [[one for one in known if one.target == line] for line in self.lines]
        self.out = [one for one in known if not one.target and one.onward]
        self.matrices = nn.ModuleList(
            nn.ParameterList(nn.Parameter(initial(one, space, channels)) for into in self.into for one in into)
            for _ in range(rounds)
        )
        begun = [len(line) == 1 and space.index(line[0][0]).embedded for line in self.lines]
        self.starts = nn.ParameterDict(
            {
                name: nn.Parameter(torch.randn(self.space[name].shape[-1], channels))
                for name, learned in zip(self.lines.values(), begun, strict=True)
                if learned
            }
        )
        kept = torch.tensor(begun).float()[:, None, None] * torch.eye(channels)
        self.kept = nn.ParameterList(nn.Parameter(kept.clone()) for _ in range(rounds))
        self.gains = nn.Parameter(torch.full((rounds, len(self.lines), channels), 1.0 if gain is None else gain))
        self.out_features = sum(values_of(one, space) * (channels if one.source else 1) for one in self.out)

    def forward(self, x: Features) -> tuple[Features, Tensor]:
        space, even = observed(self.weights, x), self.gain is None
        parts = [values for tensor in space for _, values in take_apart(tensor.layout, x[tensor.name], lead=1)]
        vectors = self._starts(space, parts[0])
        for matrices, kept, gains in zip(self.matrices, self.kept, self.gains, strict=True):
            each = matrices.parameters()
            for place, (line, into) in enumerate(zip(self.lines, self.into, strict=True)):
                carried = [one.carry(parts[one.number], vectors, even=even) @ next(each) for one in into]
                total = sum(carried, vectors[line] @ kept[place]) * gains[place]
                vectors[line] = passed(self.entries[place], total, self.activation)
        rows = [one.carry(parts[one.number], vectors, even=even) for one in self.out]
        outputs = torch.cat(rows, 1) if rows else parts[0].new_zeros(len(parts[0]), 0)
        return {name: vectors[line] for line, name in self.lines.items()}, outputs

    def _starts(self, space: WeightSpace, like: Tensor) -> dict[Line, Tensor]:
        """The first vectors: learned ones for values of positional indices, noughts for neurons."""
        sizes = {line: [space.index(name).size for name, _ in line] for line in self.lines}
        return {
            line: at_size(self.starts[name], *sizes[line]).expand(len(like), -1, -1)
            if name in self.starts
            else like.new_zeros(len(like), *sizes[line], self.channels)
            for line, name in self.lines.items()
        }


def initial(passage: Passage, space: WeightSpace, channels: int) -> Tensor:
    """The matrix of a passage at first, `(free values · channels taken, channels)`.

    Onward channels stay apart, with a random factor for each free value, if there are several; back it is nought.
    """
    values = values_of(passage, space)
    factors = torch.randn(values, channels) / math.sqrt(values) if values > 1 else torch.ones(1, channels)
    if passage.source is None:
        return factors * passage.onward
    return (factors[:, None] * torch.eye(channels) * passage.onward).flatten(0, 1)


def values_of(passage: Passage, space: WeightSpace) -> int:
    """The number of combinations of free values in a passage."""
    return space.pieces[passage.number].free_size


def passed(entries: Entries, values: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A function of entries; vectors get the function of their length. Those without a length stay as they are."""

    def factor(values: Tensor) -> Tensor:
        length = entries.argument(values)
        return torch.where(length == 0, 1.0, function(length) / torch.where(length == 0, 1.0, length))

    return entries.apply(values, function, factor)


def line_text(line: Line) -> str:
    """Axes of vectors, such as `head qk^-1`."""
    return print_axes([Atom(name, charge=charge) for name, charge in line])


class PropagationReading(nn.Module):
    """A propagation as a part of a metanetwork: its vectors become tensors beside the weights.

    Takes weights `{tensor: (batch, *axes, in_channels)}` as they are, and standardised; gives features
    `{tensor: (batch, *axes, channels)}` of the vectors, each through a linear map, and the outputs `(batch,
    propagation.out_features)`.

    Parameters
    ----------
    propagation
        The propagation.
    weights
        The weight space of the networks.
    space
        The weight space of the features that there are already. The module's attribute `space` has the vectors too.
    channels
        The number of channels of the features given.
    outputs
        Whether the outputs are the channels of a further tensor, without axes.

    Raises
    ------
    ValueError
        If the propagation is through another weight space.

    Examples
    --------
    >>> space = WeightSpace({"0": "h x", "1": "g h", "2": "y g"}, sets={"h": 4, "g": 3}, free={"x": 2, "y": 1})
    >>> PropagationReading(Propagation(space), space, space, channels=8).space.names
    ('0', '1', '2', 'run h', 'run g', 'run outputs')
    """

    def __init__(
        self, propagation: Propagation, weights: WeightSpace, space: WeightSpace, channels: int, *, outputs: bool = True
    ) -> None:
        super().__init__()
        if propagation.weights != weights:
            raise ValueError("the propagation is through another weight space: give both the same space")
        self.propagation, self.outputs = propagation, fresh_name("run outputs", {*space.names})
        alone = {self.outputs: ""} if outputs and propagation.out_features else {}
        axes = {tensor.name: print_axes(tensor.own_axes) for tensor in propagation.space}
        self.space = beside(space, axes | alone)
        self.lift = PerTensorLinear(propagation.space, propagation.channels, channels)
        self.lift_outputs = PerTensorLinear(WeightSpace(alone), propagation.out_features, channels) if alone else None

    def forward(self, weights: Features, standardised: Features) -> tuple[Features, Tensor]:
        vectors, outputs = self.propagation(standardised if self.propagation.gain is None else weights)
        features: Features = self.lift(vectors)
        if self.lift_outputs is not None:
            features |= self.lift_outputs({self.outputs: outputs})
        return features, outputs
