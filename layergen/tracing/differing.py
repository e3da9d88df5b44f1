"""Along which axes no two entries of a value are alike, so that they have one order: what top-k routing chooses by.

Where entries are equal, the first is chosen: then places count. A ReLU makes equal entries, a product with weights that
differ does not, where what they are multiplied with is not all 0. All else is taken to make equal entries.
"""

from __future__ import annotations

from layergen.tracing.unknowns import Axis, atoms
from layergen.tracing.values import Context, Value, leaves_of

__all__ = ["differ", "note_differences"]

VIEWS = "alias clone contiguous detach view reshape flatten unflatten squeeze unsqueeze transpose permute movedim t mT"
STRICT = {*VIEWS.split(), "softmax", "log_softmax", "sigmoid", "log_sigmoid", "tanh", "exp", "neg"}
"""Operators that leave entries that differ different."""
PRODUCTS = {"linear", "addmm", "matmul", "mm", "bmm", "einsum"}


def differ(context: Context, x: Value, dim: int) -> bool:
    """Whether no two entries of a value along a dimension are alike, but by chance."""
    own = {atom for axis in context.distinct.get(x, ()) for atom in atoms(axis)}
    return bool(x.axes) and own.issuperset(atoms(x.axes[dim]))


def note_differences(context: Context, name: str, found: Value) -> None:
    """Record what is known of the entries that an operator gives, from what it was given."""
    read = leaves_of(list(context.named.values()))
    if name in VIEWS.split() and read and read[0] in context.weights:
        context.weights.add(found)
    if name in STRICT and len(read) == 1 and read[0] in context.distinct:
        context.distinct[found] = context.distinct[read[0]]
    if name in PRODUCTS and (axes := weighed(context, name, read)):
        context.distinct[found] = axes
    normed = name == "layer_norm" and len(read) == 3  # with a bias
    if normed or found in context.distinct:
        context.alive.add(found)


def weighed(context: Context, name: str, read: list[Value]) -> tuple[Axis, ...]:
    """The axes of the weight in a product of one with a value that is not all 0, or to which a bias is added."""
    if name == "addmm":
        read = [*read[1:], read[0]]
    factors = read[:2] if name in ("linear", "addmm") else read
    weights = [value for value in factors if value in context.weights]
    others = [value for value in factors if value not in context.weights]
    biased = len(read) > len(factors) and read[-1] in context.weights
    if len(weights) == 1 and len(others) == 1 and (biased or others[0] in context.alive):
        return weights[0].axes
    return ()
