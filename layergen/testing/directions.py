"""Between which directions of its channels the maps of a layer are seen, and how they are read off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from layergen.testing.sanity import check_finite
from layergen.testing.subject import Subject
from layergen.verification.probing import probe
from symmetry import SCALAR, WeightSpace

__all__ = ["OUTPUTS", "Directions", "named_output"]

OUTPUTS = 48
"""From how many directions of the output channels a map is seen where channels are many."""
AT_ONCE = 2**21
"""The most numbers that one call of the layer is given or gives."""


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The directions of input and output channels between which maps are seen, rows of two matrices.

    Contracted, one direction of input channels and some of output channels, each of which gives a map of its own.
    """

    incoming: Tensor
    outgoing: Tensor
    contracted: bool

    @classmethod
    def of(cls, channels: int, out: int) -> Directions:
        """Every input channel, and every output channel."""
        return cls(torch.eye(channels, dtype=torch.float64), torch.eye(out, dtype=torch.float64), False)

    @classmethod
    def drawn(cls, channels: int, out: int, generator: torch.Generator) -> Directions:
        """One random direction of the input's channels, some of the output's."""
        incoming = torch.randn(1, channels, generator=generator, dtype=torch.float64)
        return cls(incoming, torch.randn(min(OUTPUTS, out), out, generator=generator, dtype=torch.float64), True)

    @property
    def pairs(self) -> int:
        """How many maps of one draw of the parameters belong together."""
        return 1 if self.contracted else len(self.incoming) * len(self.outgoing)

    @property
    def out_pairs(self) -> int:
        """How many biases of one draw of the parameters belong together."""
        return 1 if self.contracted else len(self.outgoing)

    def seen(self, subject: Subject, space: WeightSpace, name: str) -> dict[str, Tensor]:
        """The outputs on a basis of one tensor, `(entries · input directions, *axes, directions)`; on zero if no name.

        A few of the basis at a time, so that what is made on the way stays in a cache.
        """
        size = math.prod(space[name].shape) if name else 1
        entries = sum(math.prod(shape) for shape in (subject.target or space).shapes.values())
        entries = max(entries, sum(math.prod(shape) for shape in space.shapes.values()))
        step = max(1, AT_ONCE // (entries * self.incoming.numel() if name else entries))
        found: dict[str, Tensor] = {}
        for start in range(0, size, step):
            some = range(size)[start : start + step]
            for key, value in self.contract(subject, probe(space, name, self.incoming, some)).items():
                each = len(value) // len(some)
                if not start:
                    found[key] = value.new_empty(size * each, *value.shape[1:])
                found[key][start * each : (start + len(some)) * each] = value
        return found

    def contract(self, subject: Subject, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """The output on some features, in the output directions."""
        found = named_output(subject, subject.output(x))
        check_finite(found, " on an input of zeros" if not any(value.any() for value in x.values()) else "")
        return {name: value.double() @ self.outgoing.T for name, value in found.items()}


def named_output(subject: Subject, output: dict[str, Tensor]) -> dict[str, Tensor]:
    """An output as features of the target: that of an invariant function, `(batch, channels)`, under its name."""
    if subject.target is not None:
        return output
    if len(output) != 1:
        raise AssertionError(f"an invariant layer gives one tensor; this one gave {sorted(output)}")
    (value,) = output.values()
    return {SCALAR.names[0]: value.reshape(len(value), -1)}
