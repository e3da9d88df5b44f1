"""Layers made in memory: every equivariant, or every invariant, linear map of a weight space as an `nn.Module`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from layergen.compiled import compiled
from layergen.features import Features
from layergen.magnitudes import warn_of_many
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, Terms
from symmetry.space.weight_space import SCALAR, WeightSpace

__all__ = ["EquivariantLinear", "InvariantLinear"]


class EquivariantLinear(nn.Module):
    """Every linear map of a weight space that commutes with its symmetry, as one layer.

    The layer runs the module that `layergen.generate` writes (`code` is its text) and has the parameters of that
    module's class under the same names, so that either loads the other's `state_dict`. They hold exactly
    `DIMENSION · in_channels · out_channels + BIAS_DIMENSION · out_channels` numbers, or fewer where a `rank` is given.
    Layers of the same maps share one module in memory.

    Parameters
    ----------
    space
        The weight space whose features the layer takes, `{tensor: (batch, *axes, in_channels)}`.
    in_channels, out_channels
        The numbers of channels of the features taken and given.
    bias
        Whether the layer adds equivariant biases. A layer of more than 50 million parameters warns, and names the index
        that costs most.
    target
        The weight space whose features the layer gives, `{tensor: (batch, *axes, out_channels)}`; it may share sets
        with `space`, and is `space` by default. With `symmetry.SCALAR` the layer gives a tensor
        `(batch, out_channels)`.
    terms
        Which blocks the layer has, as in `symmetry.EquivariantMaps`: "all"; "local", those between tensors that share a
        set or a group, and from each tensor to itself; or a predicate on (target, source) tensors.
    rank
        The most that the rank of chosen cores' matrices may be, by core, as in `symmetry.EquivariantMaps`; an integer
        stands for the scalar core.
    limit
        The most diagrams that the maps may have; diagrams that differ in free values alone count once.
    checkpoint
        Whether target tensors are computed a group at a time, a group being those that share what is largest, and once
        more for the gradients, so that less memory is taken for more time. Outputs, gradients and parameters are the
        same. Gradients by `torch.func` cannot be taken then.
    device
        The device of the parameters; torch's default if None.
    dtype
        The type of the parameters; torch's default if None.

    Raises
    ------
    TypeError
        If `space` is no weight space.
    SpecificationError
        If the two spaces declare an index differently, if `terms` or `rank` cannot be read or name a core that the
        maps do not have, or if the maps have more diagrams than `limit`.
    ValueError
        When called with features of other names or shapes; the message says which, and what is right.

    References
    ----------
    Maron, Ben-Hamu, Shamir and Lipman (2019), "Invariant and Equivariant Graph Networks", ICLR: partitions of indices
    as a basis. Navon et al. (2023), "Equivariant Architectures for Learning in Deep Weight Spaces", ICML; Zhou et al.
    (2023), "Permutation Equivariant Neural Functionals", NeurIPS: the layers of perceptrons.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> layer = EquivariantLinear(space, in_channels=1, out_channels=4)
    >>> features = layer({"w": torch.randn(5, 8, 2, 1), "b": torch.randn(5, 8, 1)})
    >>> features["w"].shape
    torch.Size([5, 8, 2, 4])
    >>> layer.DIMENSION, sum(p.numel() for p in layer.parameters())
    (18, 84)
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        target: WeightSpace | None = None,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        checkpoint: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not isinstance(space, WeightSpace):
            raise TypeError(f"{type(self).__name__} takes a WeightSpace first, not {type(space).__name__}")
        super().__init__()
        maps = EquivariantMaps(space, target, terms=terms, rank=rank)
        count = maps.dimension * in_channels * out_channels + maps.bias_dimension * out_channels
        warn_of_many(count, maps, f"this {type(self).__name__}")
        self.emitted = compiled(maps, limit, checkpoint)
        # The parameters belong to this layer, and the emitted functions are called with it: a parametrisation, a hook
        # or another tensor in a parameter's place is seen by them.
        made = self.emitted.layer(in_channels, out_channels, bias, device=device, dtype=dtype)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.AXES, self.DIMENSION, self.BIAS_DIMENSION = made.AXES, made.DIMENSION, made.BIAS_DIMENSION
        for name, parameter in made.named_parameters():
            self.register_parameter(name, parameter)
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x: Features) -> Any:
        """Apply the layer.

        Parameters
        ----------
        x
            Features of `space`, `{tensor: (batch, *axes, in_channels)}`.

        Returns
        -------
        dict of Tensor, or Tensor
            Features of `target`, `{tensor: (batch, *axes, out_channels)}`; where that is `symmetry.SCALAR`, a tensor
            `(batch, out_channels)`.
        """
        return self.emitted.layer.forward(self, x)

    def reset_parameters(self) -> None:
        """Draw the weights anew, so that independent inputs of unit variance give such outputs; set biases to zero."""
        self.emitted.layer.reset_parameters(self)

    @property
    def maps(self) -> EquivariantMaps:
        """The maps that the layer is made of."""
        return self.emitted.maps

    @property
    def space(self) -> WeightSpace:
        """The weight space whose features the layer takes."""
        return self.maps.source

    @property
    def target(self) -> WeightSpace:
        """The weight space whose features the layer gives."""
        return self.maps.target

    @property
    def code(self) -> str:
        """The text of the module that the layer runs, which `layergen.generate` writes to a file."""
        return self.emitted.code

    def extra_repr(self) -> str:
        restriction = f", {self.maps.restriction}" if self.maps.restriction else ""
        size = f"{self.in_channels}, {self.out_channels}, dimension={self.DIMENSION}"
        checkpoint = ", checkpoint=True" if self.emitted.checkpoint else ""
        return f"{size}, bias={self.bias is not None}{restriction}{checkpoint}"


class InvariantLinear(EquivariantLinear):
    """Every invariant linear map of a weight space as one layer, from features to a tensor `(batch, out_features)`.

    It is an `EquivariantLinear` whose target is `symmetry.SCALAR`.

    Parameters
    ----------
    space
        The weight space whose features the layer takes, `{tensor: (batch, *axes, in_channels)}`.
    in_channels
        The number of channels of the features taken.
    out_features
        The number of invariants given; the attribute `out_channels` has the same value.
    bias
        Whether the layer adds a bias to each invariant.
    terms
        Which tensors the invariants are made of, as in `symmetry.EquivariantMaps`: "all", or a predicate on (target,
        source) tensors, the target being the one of `symmetry.SCALAR`. That tensor shares no set with another, so
        "local" leaves nothing but the biases.
    rank
        The most that the rank of the matrix of the scalar core may be; there is no other core.
    limit
        The most diagrams that the maps may have; diagrams that differ in free values alone count once.
    device
        The device of the parameters; torch's default if None.
    dtype
        The type of the parameters; torch's default if None.

    Raises
    ------
    TypeError
        If `space` is no weight space.
    SpecificationError
        If `terms` or `rank` cannot be read, or if the maps have more diagrams than `limit`.
    ValueError
        When called with features of other names or shapes; the message says which, and what is right.

    References
    ----------
    Zhou et al. (2023), "Permutation Equivariant Neural Functionals", NeurIPS: invariant layers of perceptrons.

    Examples
    --------
    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> head = InvariantLinear(space, in_channels=1, out_features=10)
    >>> head({"w": torch.randn(5, 8, 2, 1), "b": torch.randn(5, 8, 1)}).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_features: int,
        bias: bool = True,
        *,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        restriction: dict[str, Any] = {"terms": terms, "rank": rank, "limit": limit}
        super().__init__(
            space, in_channels, out_features, bias, target=SCALAR, **restriction, device=device, dtype=dtype
        )
        self.out_features = out_features

    def forward(self, x: Features) -> Tensor:
        """Apply the layer.

        Parameters
        ----------
        x
            Features of `space`, `{tensor: (batch, *axes, in_channels)}`.

        Returns
        -------
        Tensor
            The invariants, `(batch, out_features)`.
        """
        return super().forward(x)
