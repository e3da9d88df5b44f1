"""The layer of DWSNets, put together from two derived layers."""

from __future__ import annotations

from torch import nn

from layergen import EquivariantLinear, Features
from papers.chains import Chain, inputs_first
from symmetry import WeightSpace
from symmetry.space.weight_space import Tensor

__all__ = ["DWSLayer"]


class DWSLayer(nn.Module):
    """The linear layer of DWSNets with as many maps as the published code has.

    The published layer writes the same to the last weight's entries of all outputs, where it reads what is not joined
    to that weight's neurons: the hidden biases but the last, and the weight before. Here these blocks are a derived
    layer to a tensor without outputs, repeated over them; all other blocks are the derived ones.

    Parameters
    ----------
    chain
        The perceptron, of three weights or more. Weights are `(in, out)`, as in `inputs_first`.
    in_channels, out_channels
        The numbers of channels of the features taken and given.

    References
    ----------
    Navon, Shamsian, Achituve, Fetaya, Chechik and Maron, "Equivariant architectures for learning in deep weight
    spaces", ICML 2023. What its public code has was found by `layergen.testing.coverage`.

    Examples
    --------
    >>> layer = DWSLayer(Chain((2, 3, 4, 2)), 1, 1)
    >>> layer.own.DIMENSION + layer.shared.DIMENSION
    111
    """

    def __init__(self, chain: Chain, in_channels: int, out_channels: int) -> None:
        super().__init__()
        space = inputs_first(chain)
        *_, before, _, self.last, _ = names = space.names
        read_by_all = {before, *names[1:-3:2]}
        neurons = chain.layers[-2]
        without_outputs = WeightSpace({self.last: neurons}, sets={neurons: chain.widths[-2]})

        def own(target: Tensor, source: Tensor) -> bool:
            return target.name != self.last or source.name not in read_by_all

        def shared(target: Tensor, source: Tensor) -> bool:
            return not own(target, source)

        self.own = EquivariantLinear(space, in_channels, out_channels, terms=own)
        self.shared = EquivariantLinear(
            space, in_channels, out_channels, bias=False, target=without_outputs, terms=shared
        )

    def forward(self, x: Features) -> Features:
        """Features `{tensor: (batch, *axes, out_channels)}`."""
        found: Features = self.own(x)
        shared = self.shared(x)[self.last].unsqueeze(2)  # (batch, neurons, outputs, channels)
        return {**found, self.last: found[self.last] + shared}
