"""Perceptrons whose neurons may be permuted and scaled, and the dimensions of their maps by formula."""

from __future__ import annotations

from itertools import pairwise

from papers.chains import Chain
from symmetry import WeightSpace

__all__ = ["dimension_by_formula", "scaled"]


def scaled(chain: Chain, kind: str | None, *, inputs_first: bool = False) -> WeightSpace:
    """The weight space of a perceptron.

    Parameters
    ----------
    chain
        The perceptron.
    kind
        What a hidden neuron may be multiplied by: "sign", "positive", or None for nothing.
    inputs_first
        Whether weights are `(in, out)`, else `(out, in)`.

    Returns
    -------
    WeightSpace
        A weight has a neuron's factor where it writes it, and the inverse where it reads it.

    Examples
    --------
    >>> print(scaled(Chain((2, 4, 1)), "sign")["1.weight"])
    1.weight[y h1^-1]
    """
    tensors = {}
    for number, (before, after) in enumerate(pairwise(chain.layers)):
        read = f"{before}^-1" if kind and number else before
        tensors[f"{number}.weight"] = f"{read} {after}" if inputs_first else f"{after} {read}"
        tensors[f"{number}.bias"] = after
    sizes = dict(zip(chain.layers, chain.widths, strict=True))
    free = {name: sizes.pop(name) for name in ("x", "y")}
    sets = {name: {"size": size, "scaled": kind} if kind else size for name, size in sizes.items()}
    return WeightSpace(tensors, sets=sets, free=free)


def dimension_by_formula(chain: Chain, kind: str) -> int:
    """How many equivariant linear maps there are, for one channel, three matrices or more and hidden sizes ≥ 2.

    With M matrices, d0 inputs and dM outputs: (d0 + 1)² + (M − 2) + (M − 3) + (dM + 1)² + dM² with signs,
    (d0 + 1)² + 2(M − 2) + 2dM² with positive scales.
    """
    count, first, last = len(chain.widths) - 1, chain.widths[0], chain.widths[-1]
    if kind == "positive":
        return (first + 1) ** 2 + 2 * (count - 2) + 2 * last**2
    return (first + 1) ** 2 + (count - 2) + (count - 3) + (last + 1) ** 2 + last**2
