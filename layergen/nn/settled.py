"""Weights in canonical form as input: the invariants of scales, complete and continuous."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn

from layergen.features import Features, joined, observed
from layergen.nn.normalisation import Standardise
from symmetry.kinds.index import Invariant
from symmetry.space.layout import take_apart
from symmetry.space.moving import along, chain
from symmetry.space.representatives import gathered, places_of, settling_order
from symmetry.space.weight_space import Tensor as Declared
from symmetry.space.weight_space import WeightSpace

__all__ = ["Settled", "SettledReading"]


class Settled(nn.Module):
    """Multiply the entries of neurons by what makes their incoming entries canonical, for companions of weights.

    Positive scales come to neurons whose incoming weights and bias have norm 1 (`layergen.canonicalise`); where these
    are nought the neuron has noughts. Signs, and bases of vectors, have no continuous canonical form and are left out.
    Takes features of a space, `{tensor: (batch, *axes, channels)}`, whose first channel holds the weights, and gives
    features of those companions whose tensors are invariant then.

    Parameters
    ----------
    space
        The weight space of the features.
    companions
        The names of companions by tensor, as `layergen.nn.companions.with_companions` gives them for lengths.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "h", "v": "h^-1"}, sets={"h": {"size": 2, "scaled": "positive"}})
    >>> settled = Settled(space, {"w": "w length", "v": "v length"})
    >>> x = {"w": torch.tensor([[[4.0], [-0.5]]]), "v": torch.tensor([[[1.0], [1.0]]])}
    >>> {name: value.flatten().tolist() for name, value in settled(x).items()}
    {'w length': [1.0, -1.0], 'v length': [4.0, 0.5]}
    """

    def __init__(self, space: WeightSpace, companions: Mapping[str, str]) -> None:
        super().__init__()
        order = settling_order(space, smooth=True)
        names = {index.name for index, _ in order}
        self.space = space
        self.order = [(index, deciding, places_of(index, space.pieces)) for index, deciding in order]
        self.companions = {name: beside for name, beside in companions.items() if settles(space[name], names)}

    def forward(self, x: Features) -> Features:
        space = observed(self.space, x)
        values = [part for tensor in space for _, part in take_apart(tensor.layout, x[tensor.name], 1)]
        parts = dict(zip(self.space.pieces, values, strict=True))
        for index, deciding, places in self.order:
            factors = index.settling(gathered({piece: part[..., :1] for piece, part in parts.items()}, deciding, torch))
            for piece, place in places:
                dims = [0, *(1 + above for above in chain(piece, place))]
                by = along(factors, dims, parts[piece].ndim, torch)
                powers = torch.where(by > 0, by, 1.0) ** piece.positions[place].charge
                parts[piece] = torch.where(by > 0, parts[piece] * powers, 0.0)
        return {
            beside: joined(space[name].layout, iter([parts[piece] for piece in self.space[name].pieces]))
            for name, beside in self.companions.items()
        }


class SettledReading(nn.Module):
    """Settle weights, standardise what comes out, and put a module on it.

    Parameters
    ----------
    settled, standardise, module
        Modules on features, `{tensor: (batch, *axes, channels)}`, applied one after the other.
    """

    def __init__(self, settled: Settled, standardise: Standardise, module: nn.Module) -> None:
        super().__init__()
        self.settled, self.standardise, self.module = settled, standardise, module

    def seen(self, x: Features) -> list[tuple[Standardise, Features]]:
        """The module that is fitted, and the features that it takes of some networks.

        Parameters
        ----------
        x
            The weights of the networks, `{tensor: (batch, *axes, channels)}`.

        Returns
        -------
        list of tuple
            The module and the features.
        """
        return [(self.standardise, self.settled(x))]

    def forward(self, x: Features) -> Features:
        found: Features = self.module(self.standardise(self.settled(x)))
        return found


def settles(tensor: Declared, names: Collection[str]) -> bool:
    """Whether nothing but the indices with these names is multiplied in a tensor."""
    positions = (position for piece in tensor.pieces for position in piece.positions)
    return all(p.index.name in names or p.index.invariant(p.charge) is Invariant.ENTRY for p in positions)
