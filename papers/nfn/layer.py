"""The layer `HNPLinear` of nfn, put together from two derived layers."""

from __future__ import annotations

from torch import nn

from layergen import EquivariantLinear, Features
from papers.chains import Chain, hidden_only
from symmetry import WeightSpace
from symmetry.space.weight_space import Tensor

__all__ = ["HNPLayer"]


class HNPLayer(nn.Module):
    """`HNPLinear` with as many maps as it has, and no parameter too many.

    From the last hidden bias to the last weight the published layer has the mean of the bias, written to the row of
    each output, and not the bias of each neuron. Here that is a derived layer to a tensor of outputs alone, repeated
    over the neurons; all other blocks are the derived ones.

    Parameters
    ----------
    chain
        The perceptron, weights as `(out, in)`.
    in_channels, out_channels
        The numbers of channels of the features taken and given.

    Examples
    --------
    >>> layer = HNPLayer(Chain((2, 3, 4, 2)), 1, 1)
    >>> layer.own.DIMENSION + layer.mean.DIMENSION
    112
    """

    def __init__(self, chain: Chain, in_channels: int, out_channels: int) -> None:
        super().__init__()
        space = hidden_only(chain)
        *_, bias, self.last, _ = space.names
        outputs = WeightSpace({self.last: "y"}, free={"y": chain.widths[-1]})

        def own(target: Tensor, source: Tensor) -> bool:
            return (target.name, source.name) != (self.last, bias)

        def mean(target: Tensor, source: Tensor) -> bool:
            return source.name == bias

        self.own = EquivariantLinear(space, in_channels, out_channels, terms=own)
        self.mean = EquivariantLinear(space, in_channels, out_channels, bias=False, target=outputs, terms=mean)

    def forward(self, x: Features) -> Features:
        """Features `{tensor: (batch, *axes, out_channels)}`."""
        found: Features = self.own(x)
        return {**found, self.last: found[self.last] + self.mean(x)[self.last].unsqueeze(2)}
