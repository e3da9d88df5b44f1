"""What a linear layer reaches of the equivariant maps, as numbers, diagrams and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from layergen.testing.linearity import EXACT
from symmetry import SCALAR
from symmetry.maps.diagrams import Diagram
from symmetry.space.markup import table

__all__ = ["Coverage", "Reach", "diagram_text"]

LISTED = 12
"""The most diagrams of a kind that the text of a coverage lists."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a space of maps a layer reaches: its linear part, or its biases. Numbers count pairs of channels.

    Parameters
    ----------
    dimension
        The dimension of the space of maps; for biases times the output channels, else times both channels.
    rank
        The dimension of the span of the layer's own maps.
    parameters
        How many of the layer's parameters act on these maps; None where gradients cannot tell.
    missing
        The diagrams that none of the layer's maps has.
    tied
        The diagrams that come only in fixed combinations with others.
    """

    dimension: int
    rank: int
    parameters: int | None
    missing: tuple[Diagram, ...]
    tied: tuple[Diagram, ...]

    @property
    def redundancy(self) -> int | None:
        """How many parameters there are beyond the rank; None for maps that come from elsewhere than parameters."""
        if self.parameters is None or (self.rank and not self.parameters):
            return None
        return self.parameters - self.rank

    def to_json(self) -> dict[str, Any]:
        """The numbers, and the diagrams in index notation."""
        return {
            "dimension": self.dimension,
            "rank": self.rank,
            "parameters": self.parameters,
            "redundancy": self.redundancy,
            "missing": [diagram_text(diagram) for diagram in self.missing],
            "tied": [diagram_text(diagram) for diagram in self.tied],
        }


@dataclass(frozen=True, slots=True, repr=False)
class Coverage:
    """What a linear layer reaches of the equivariant linear maps and biases, and what it does besides.

    Parameters
    ----------
    linear, bias
        What it reaches of the linear maps, and of the biases.
    rank
        The dimension of the span of both together: where it is less than the sum of theirs, a bias is a function of
        the weights.
    fits
        Where channels are so many that maps are contracted: whether the layer can be made equal to a random
        equivariant one, with all channels in sight. None where that was not tried, or least squares did not tell.
    parameters
        How many parameters it has.
    stray
        By block `(target, source)` the largest norm of the part of a map that is not equivariant, over the norm of the
        map; the source of a bias is the empty name. Blocks in which every map is equivariant are left out.
    nonlinearity
        The error of the layer on a sum of two inputs, over its largest output. Where it is not zero, all else is about
        the layer's differences from its output on zero.
    linear_in_parameters
        Whether the layer of the sum of two sets of parameters is the sum of their layers. Where it is not, ranks are
        those of the space that the layer's maps span: it may reach less.
    channels
        The channels of its input and output.
    contracted
        Whether the channels are so many that maps are seen from one random direction of the input channels to one
        output channel at a time: numbers are then for a single pair of channels.
    sizes
        The sizes of the sets that were made smaller.

    Examples
    --------
    >>> from layergen import EquivariantLinear
    >>> from layergen.testing import coverage
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> found = coverage(EquivariantLinear(space, 1, 1), space)
    >>> found.passed, found.linear.rank, found.bias.rank
    (True, 2, 1)
    """

    linear: Reach
    bias: Reach
    rank: int
    fits: bool | None
    parameters: int
    stray: Mapping[tuple[str, str], float]
    nonlinearity: float
    linear_in_parameters: bool
    channels: tuple[int, int]
    contracted: bool
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_linear(self) -> bool:
        """Whether the layer is linear in its input, up to a constant."""
        return self.nonlinearity <= EXACT

    @property
    def is_equivariant(self) -> bool:
        """Whether all its maps and biases are equivariant."""
        return not self.stray

    @property
    def is_complete(self) -> bool:
        """Whether it reaches every equivariant linear map and bias: full rank, by enough parameters.

        Of a layer that is not linear in its parameters a full rank does not tell, and this is False.
        """
        if not self.linear_in_parameters:
            return False
        full = self.rank == self.linear.dimension + self.bias.dimension
        if not self.contracted or self.fits is not None:
            return full and self.fits is not False
        channels, out = self.channels
        needed = self.linear.dimension * channels * out, self.bias.dimension * out
        have = tuple(self.parameters if one.parameters is None else one.parameters for one in (self.linear, self.bias))
        return full and all(count >= least for count, least in zip(have, needed, strict=True))

    @property
    def passed(self) -> bool:
        """Linear, equivariant and complete."""
        return self.is_linear and self.is_equivariant and self.is_complete

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values.

        Returns
        -------
        dict
            What `layergen coverage --json` prints.
        """
        return {
            "passed": self.passed,
            "linear": self.linear.to_json(),
            "bias": self.bias.to_json(),
            "rank": self.rank,
            "fits": self.fits,
            "parameters": self.parameters,
            "linear_in_parameters": self.linear_in_parameters,
            "not_equivariant": [
                {"target": target, "source": source or None, "norm": norm}
                for (target, source), norm in self.stray.items()
            ],
            "nonlinearity": self.nonlinearity,
            "channels": list(self.channels),
            "contracted": self.contracted,
            "sizes": dict(self.sizes),
        }

    def __repr__(self) -> str:
        linear, bias = (f"{one.rank} of {one.dimension}" for one in (self.linear, self.bias))
        return f"Coverage(linear {linear}, biases {bias}: {'passed' if self.passed else 'not passed'})"

    def _repr_html_(self) -> str:
        """The numbers as a table for notebooks, the first diagrams that are missing or tied, drawn, and the text."""
        parts = {"linear maps": self.linear, "biases": self.bias}
        head = ("", "dimension", "rank", "parameters", "missing", "only in combination")
        rows = [
            (
                name,
                f"{part.dimension:,}",
                f"{part.rank:,}",
                "" if part.parameters is None else f"{part.parameters:,}",
                f"{len(part.missing):,}",
                f"{len(part.tied):,}",
            )
            for name, part in parts.items()
        ]
        lacking = [one for part in parts.values() for one in (*part.missing, *part.tied)]
        drawn = "".join(one._repr_html_() for one in lacking[:LISTED])
        return table(head, rows, "passed" if self.passed else "not passed") + drawn + f"<pre>{escape(str(self))}</pre>"

    def __str__(self) -> str:
        """A few lines: the numbers, what is missing, what is not equivariant."""
        lines = [f"{reach_text('linear maps', self.linear)}", f"{reach_text('biases', self.bias)}"]
        missing, tied = (*self.linear.missing, *self.bias.missing), (*self.linear.tied, *self.bias.tied)
        for kind, diagrams in (("missing", missing), ("only in combination", tied)):
            lines += [f"  {kind}: {diagram_text(one)}" for one in diagrams[:LISTED]]
            lines += [f"  {kind}: {len(diagrams) - LISTED} more"] if len(diagrams) > LISTED else []
        if self.contracted:
            lines.append("  seen from one direction of {} input channels to some of {}".format(*self.channels))
        if self.rank < self.linear.rank + self.bias.rank:
            lines.append(f"  maps and biases share parameters: {self.rank} dimensions together")
        if self.fits is False:
            lines.append("  incomplete: some equivariant maps of these channels are out of its reach")
        for (target, source), norm in self.stray.items():
            lines.append(f"  not equivariant: {target} <- {source or '(bias)'}, {norm:.3g} of its norm")
        if self.stray:
            lines.append("  the ranks are those of the equivariant parts of its maps")
        if self.parameters and not self.linear_in_parameters:
            lines.append(f"  not linear in its {self.parameters} parameters: the ranks are those of what they span")
        if not self.is_linear:
            lines.append(f"  not linear: off by {self.nonlinearity:.3g} on a sum of two inputs")
        return "\n".join(lines)


def diagram_text(diagram: Diagram) -> str:
    """A diagram in index notation, a bias as such."""
    text = str(diagram)
    return text.rpartition(" <- ")[0] + " <- (bias)" if diagram.source.name == SCALAR.names[0] else text


def reach_text(what: str, reach: Reach) -> str:
    """A line of numbers."""
    count = f" by {reach.parameters} parameters" if reach.parameters else ""
    return f"{what}: {reach.rank} of {reach.dimension} dimensions reached{count}"
