"""Derived layers with messages along the parameter graph beside them."""

from __future__ import annotations

from torch import nn

from layergen.features import Features
from symmetry.space.weight_space import WeightSpace

__all__ = ["WithMessages"]


class WithMessages(nn.Module):
    """Add what rounds of messages give (`layergen.graph.Messages`) to the features that a module gives.

    Parameters
    ----------
    inner
        A module from features of `space` to features of some of its tensors, of `channels` channels both.
    space
        The weight space of the features taken.
    channels
        The number of channels.
    kind
        "gmn", "ng-gnn" or "ng-t".

    Raises
    ------
    SpecificationError
        If a group of the space multiplies entries: graphs are of permutations.
    """

    def __init__(self, inner: nn.Module, space: WeightSpace, channels: int, kind: str) -> None:
        super().__init__()
        from layergen.graph import Messages  # needs torch_geometric, which only this module does

        self.inner = inner
        self.messages = Messages(space, channels, channels, kind=kind, heads=4)

    def forward(self, x: Features) -> Features:
        sent = self.messages(x)
        return {name: value + sent[name] for name, value in self.inner(x).items()}
