"""Networks that are a chain of layers, the two symmetries that Zhou et al. give them, and dimensions by formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from symmetry import WeightSpace

__all__ = ["SYMMETRIES", "Chain", "dimension_by_formula", "every_axis", "hidden_only", "inputs_first"]


@dataclass(frozen=True, slots=True)
class Chain:
    """Widths from the inputs to the outputs; with a kernel, every weight but the last is a convolution's."""

    widths: tuple[int, ...]
    kernel: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The widths, and the kernel where there is one: `2-3-4-2, 2×2`."""
        return ", ".join(("-".join(map(str, self.widths)), *(["×".join(map(str, self.kernel))] if self.kernel else [])))

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers of neurons: x, h1, h2, …, y."""
        return ("x", *(f"h{number}" for number in range(1, len(self.widths) - 1)), "y")

    @property
    def tensors(self) -> dict[str, str]:
        """The axes of each weight and bias; kernel positions are not permuted, so their axes are plain numbers."""
        found: dict[str, str] = {}
        last = len(self.widths) - 2
        for number, (fan_in, fan_out) in enumerate(pairwise(self.layers)):
            kernel = self.kernel if number < last else ()
            found[f"{number}.weight"] = " ".join((fan_out, fan_in, *map(str, kernel)))
            found[f"{number}.bias"] = fan_out
        return found


def hidden_only(chain: Chain) -> WeightSpace:
    """HNP: hidden neurons are permuted, inputs and outputs are not."""
    sizes = dict(zip(chain.layers, chain.widths, strict=True))
    free = {name: sizes.pop(name) for name in ("x", "y")}
    return WeightSpace(chain.tensors, sets=sizes, free=free)


def inputs_first(chain: Chain) -> WeightSpace:
    """The weight space with hidden neurons permuted, weights as `(in, out)`: as DWSNets and Neural Graphs have them."""
    sizes = dict(zip(chain.layers, chain.widths, strict=True))
    free = {name: sizes.pop(name) for name in ("x", "y")}
    return WeightSpace({n: " ".join(reversed(a.split())) for n, a in chain.tensors.items()}, sets=sizes, free=free)


def every_axis(chain: Chain) -> WeightSpace:
    """NP: inputs and outputs are permuted too."""
    return WeightSpace(chain.tensors, sets=dict(zip(chain.layers, chain.widths, strict=True)))


SYMMETRIES: dict[str, Callable[[Chain], WeightSpace]] = {"HNP": hidden_only, "NP": every_axis}


def dimension_by_formula(chain: Chain, symmetry: str) -> int | None:
    """How many equivariant linear maps there are, for one channel; None where the formulas below do not hold.

    They are for matrices (no kernel) and permuted axes of at least 2. With M matrices, d0 inputs and dM outputs:
    NP: 4M² + 10M − 4. HNP: t² + (d0 + 2)² + (dM + 2)² + 9(M − 3) + (M − 2), t = 2M − 3 + d0 + 2dM, for M ≥ 3;
    t² + (d0 + d2 + 1)², t = 1 + d0 + 2d2, for M = 2.
    """
    count, first, last = len(chain.widths) - 1, chain.widths[0], chain.widths[-1]
    permuted = chain.widths if symmetry == "NP" else chain.widths[1:-1]
    if chain.kernel or not permuted or min(permuted) < 2:
        return None
    if symmetry == "NP":
        return 4 * count**2 + 10 * count - 4
    if count == 2:
        return (1 + first + 2 * last) ** 2 + (first + last + 1) ** 2
    shared = 2 * count - 3 + first + 2 * last
    return shared**2 + (first + 2) ** 2 + (last + 2) ** 2 + 9 * (count - 3) + (count - 2)
