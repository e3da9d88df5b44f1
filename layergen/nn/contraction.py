"""The derived bilinear layer: products of features that transform against each other, which are invariants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from layergen.features import Features, joined, observed
from layergen.linear import EquivariantLinear
from layergen.nn.entries import summed
from layergen.nn.restrictions import UNRESTRICTED, Restrictions
from symmetry.language.axes import Atom, print_axes, substitute
from symmetry.space.layout import Piece, take_apart
from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = ["Bilinear", "Contraction"]


class Contraction(nn.Module):
    """Multiply two derived linear maps of the features, one that transforms like a tensor and one against it.

    Signs and scales cancel in the products, and sums over a vector index of products do not change under its group. So
    the pair of a LoRA, `A[r i]` and `B[o r^-1]`, gives entries of BA without forming it. Takes features of a space that
    has the tensors and their companions, gives features of the companions, `{tensor: (batch, *axes, channels)}`.

    Parameters
    ----------
    space
        The weight space of the features, companions included.
    companions
        The names of companions by tensor, as `layergen.nn.companions.with_companions` gives them for lengths.
    channels
        The number of channels of the features taken and given.
    restrictions
        What the derived layers are made with; by default they have no restrictions.

    References
    ----------
    Kalogeropoulos, Bouritsas and Panagakis, "Scale equivariant graph metanetworks", NeurIPS 2024 (products of scale
    equivariant features); Putterman et al., "GL equivariant metanetworks for learning on low rank weight spaces",
    arXiv:2410.04207, 2024 (invariants of the general linear group).

    Examples
    --------
    >>> import torch
    >>> from layergen.nn.companions import with_companions
    >>> space = WeightSpace(
    ...     {"A": "r i", "B": "o r^-1"}, vectors={"r": {"size": 4, "group": "GL"}}, free={"i": 3, "o": 2}
    ... )
    >>> wide, _, companions = with_companions(space)
    >>> contraction = Contraction(wide, companions, channels=8)
    >>> x = {name: torch.randn(5, *shape, 8) for name, shape in wide.shapes.items()}
    >>> {name: tuple(value.shape) for name, value in contraction(x).items()}
    {'A length': (5, 1, 3, 8), 'B length': (5, 2, 1, 8)}
    """

    def __init__(
        self,
        space: WeightSpace,
        companions: Mapping[str, str],
        channels: int,
        restrictions: Restrictions = UNRESTRICTED,
    ) -> None:
        super().__init__()
        self.space, self.beside = space, dict(companions)
        like, against = (transforming(space, self.beside, opposite=opposite) for opposite in (False, True))
        self.like = EquivariantLinear(space, channels, channels, target=like, **restrictions.of(space, like))
        self.against = EquivariantLinear(space, channels, channels, target=against, **restrictions.of(space, against))

    def forward(self, x: Features) -> Features:
        space, like, against = observed(self.space, x), self.like(x), self.against(x)
        return {
            companion: contracted(space[name], space[companion], like[companion] * against[companion])
            for name, companion in self.beside.items()
        }


class Bilinear(nn.Module):
    """Add contractions to what a layer gives for their companions.

    Parameters
    ----------
    linear
        A module on features, `{tensor: (batch, *axes, channels)}`, that gives the companions too.
    contraction
        A module on the same features that gives the companions.
    """

    def __init__(self, linear: nn.Module, contraction: Contraction) -> None:
        super().__init__()
        self.linear, self.contraction = linear, contraction

    def forward(self, x: Features) -> Features:
        found = self.linear(x)
        return found | {name: found[name] + value for name, value in self.contraction(x).items()}


def transforming(space: WeightSpace, companions: Mapping[str, str], *, opposite: bool) -> WeightSpace:
    """The space of tensors named after companions that transform like their tensors, or against them."""

    def of(atom: Atom) -> Atom:
        return replace(atom, charge=space.index(atom.name).opposite(atom.charge)) if atom.name and opposite else atom

    tensors, sections = space.only(set(companions)).declarations({})
    axes = {
        beside: print_axes(substitute(axis, of) for axis in space[name].axes) for name, beside in companions.items()
    }
    return WeightSpace({companions[name]: axes[companions[name]] for name in tensors}, **sections)


def contracted(tensor: Declared, companion: Declared, products: Tensor) -> Tensor:
    """Products over the entries of a tensor, summed to entries of its companion."""
    made = (total(piece, values) for piece, values in take_apart(tensor.layout, products, lead=1))
    return joined(companion.layout, made)


def total(piece: Piece, values: Tensor) -> Tensor:
    """The sum of a piece's products along its vectors, divided so that it keeps the variance of independent terms."""
    dims = summed(piece)
    count = math.prod([values.shape[dim] for dim in dims])
    return values.sum(dims, keepdim=True) / math.sqrt(count) if dims else values
