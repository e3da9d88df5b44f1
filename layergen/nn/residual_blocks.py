"""The middle part of a metanetwork: residual blocks of derived layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from layergen.linear import EquivariantLinear
from layergen.nn.aggregation import Aggregation
from layergen.nn.contraction import Bilinear, Contraction
from layergen.nn.entries import opaque
from layergen.nn.hybrid import WithMessages
from layergen.nn.normalisation import ChannelNorm
from layergen.nn.pointwise import Dropout, Gated, Residual
from layergen.nn.restrictions import Restrictions, leading
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.weight_space import WeightSpace

__all__ = ["ResidualBlocks"]


@dataclass(frozen=True, slots=True)
class ResidualBlocks:
    """What the residual blocks of a metanetwork are made of.

    Parameters
    ----------
    space
        The weight space of the features, companions included.
    lengths
        By tensor the companion for its lengths, as `layergen.nn.with_companions` names it.
    channels
        The number of channels of the features.
    restrictions
        The restrictions of the derived layers.
    norm
        Whether a block begins with a norm over the channels.
    aggregation
        The kind of pools that layers read beside the means (`Aggregation`), or None.
    messages
        The kind of graph network whose messages are added to a layer's features (`WithMessages`), or None.
    activation
        The function at the end of a block.
    dropout
        The probability with which training sets a number to nought.
    checkpoint
        Whether blocks are run again for the gradients, and layers compute their tensors a group at a time.
    """

    space: WeightSpace
    lengths: Mapping[str, str]
    channels: int
    restrictions: Restrictions
    norm: bool
    aggregation: str | None
    messages: str | None
    activation: Callable[[Tensor], Tensor]
    dropout: float
    checkpoint: bool

    def sequence(self, layers: int, read: set[str], *, sparing: bool) -> nn.Sequential:
        """Blocks one after the other, the last of which gives the tensors named in `read`.

        With `sparing`, a block gives only what the blocks after it make use of.
        """
        every, kept = set(self.space.names), [read]
        while len(kept) < layers:
            kept.insert(0, kept[0] | self.reaching(kept[0]) if sparing else every)
        taken = [self.space, *map(self.space.only, kept)]
        return nn.Sequential(*map(self.block, taken, kept[:layers]))

    def reaching(self, names: set[str]) -> set[str]:
        """Names of the tensors from which a layer leads to some tensors."""
        if self.aggregation is not None or self.lengths:  # not only maps lead from tensor to tensor
            return set(self.space.names)
        return leading(EquivariantMaps(self.space, self.space.only(names), terms=self.restrictions.terms))

    def block(self, taken: WeightSpace, kept: set[str]) -> Residual:
        """A block that takes the tensors of `taken`, and gives those named in `kept` and the ones their gates need."""
        mute = opaque(self.space)
        pairs = {name: gate for name, gate in self.lengths.items() if not kept.isdisjoint((name, gate))}
        gated = {name: gate for name, gate in pairs.items() if name in kept or name not in mute}
        given, hears = self.space.only(kept.union(*gated.items())), not kept.isdisjoint(pairs.values())
        parts = (
            ChannelNorm(taken, self.channels) if self.norm else nn.Identity(),
            self.layer(taken, given, pairs if hears else {}),
            Gated(given, self.channels, self.activation, gated, hears=hears),
            Dropout(self.dropout, given),
        )
        return Residual(nn.Sequential(*parts), self.checkpoint)

    def layer(self, taken: WeightSpace, given: WeightSpace, pairs: Mapping[str, str]) -> nn.Module:
        """A derived layer, with what is beside it; products of `pairs` go to their companions."""
        channels, restrictions = self.channels, self.restrictions
        layer: nn.Module
        if self.aggregation is None:
            options = {**restrictions.of(taken, given), "checkpoint": self.checkpoint}
            layer = EquivariantLinear(taken, channels, channels, target=given, **options)
        else:
            layer = Aggregation(taken, channels, self.aggregation, target=given, restrictions=restrictions)
        if self.messages is not None:
            layer = WithMessages(layer, taken, channels, self.messages)
        return Bilinear(layer, Contraction(taken, pairs, channels, restrictions)) if pairs else layer
