"""A whole metanetwork from one declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from layergen.linear import EquivariantLinear
from layergen.nn.embedding import FourierFeatures, PerTensorLinear, PositionalEmbedding
from layergen.nn.fields import Companions, Gated
from layergen.nn.heads import InvariantHead
from layergen.nn.normalisation import ChannelNorm, Standardise
from layergen.nn.pointwise import Dropout, Residual
from symmetry.maps.equivariant_maps import LIMIT, Terms
from symmetry.space.weight_space import WeightSpace

__all__ = ["Metanet"]

Features = dict[str, Tensor]


class Metanet(nn.Module):
    """A network on the weights of networks: invariant with `out_features`, weights to weights with `out_channels`.

    Standardised input, Fourier features, a per-tensor lift and positional embeddings; then `layers` residual blocks
    of channel norm, derived equivariant layer, activation and dropout; then an invariant head (mean and max pools)
    or an equivariant layer. `terms`, `rank` and `limit` go to the derived layers. With `update`, weight-to-weight
    outputs are `x + γ · output`, γ learned from 0.01 up. Where a group turns the entries, gates take the place of
    the activation (`Gated`), and companions go beside them: over a finite group's regular representation, whose
    entries the activation may take, else of lengths alone. With lengths alone the network may be more symmetric than
    the group: one over SO(3) does not notice a reflection in the origin.

    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> x = {"w": torch.randn(5, 8, 2, 1), "b": torch.randn(5, 8, 1)}
    >>> Metanet(space, out_features=10, hidden=16).fit(x)(x).shape
    torch.Size([5, 10])
    >>> Metanet(space, out_channels=1, hidden=16)(x)["w"].shape
    torch.Size([5, 8, 2, 1])
    """

    def __init__(
        self,
        space: WeightSpace,
        *,
        out_features: int | None = None,
        out_channels: int | None = None,
        in_channels: int = 1,
        hidden: int = 32,
        layers: int = 2,
        fourier: int = 8,
        fourier_scale: float = 0.5,
        activation: Callable[[Tensor], Tensor] = nn.functional.gelu,
        dropout: float = 0.0,
        norm: bool = True,
        maximum: bool = True,
        update: bool = False,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if (out_features is None) == (out_channels is None):
            raise ValueError("give either out_features (invariant) or out_channels (weights to weights)")
        if update and out_channels != in_channels:
            raise ValueError(f"update adds the output to the input: out_channels must be {in_channels}")
        linear: dict[str, Any] = {"terms": terms, "rank": rank, "limit": limit}
        self.space, self.in_channels = space, in_channels
        self.standardise = Standardise(space, in_channels)
        self.fourier = FourierFeatures(in_channels, fourier, fourier_scale, space)
        self.lift = PerTensorLinear(space, self.fourier.out_channels, hidden)
        self.positions = PositionalEmbedding(space, hidden)
        self.companions = Companions(space)
        wide = self.companions.space
        self.blocks = nn.Sequential(
            *(
                Residual(
                    nn.Sequential(
                        ChannelNorm(wide, hidden) if norm else nn.Identity(),
                        EquivariantLinear(wide, hidden, hidden, **linear),
                        Gated(wide, hidden, activation, self.companions.lengths),
                        Dropout(dropout, wide),
                    )
                )
                for _ in range(layers)
            )
        )
        self.norm = ChannelNorm(wide, hidden) if norm else nn.Identity()
        self.head: nn.Module
        if out_channels is not None:
            self.head = EquivariantLinear(wide, hidden, out_channels, target=space, **linear)
        elif out_features is not None:
            self.head = InvariantHead(wide, hidden, out_features, hidden=2 * hidden, maximum=maximum, limit=limit)
        self.gamma = nn.Parameter(torch.tensor(0.01)) if update else None
        self.to(device=device, dtype=dtype)

    def fit(self, x: Features) -> Metanet:
        """Fit the input standardisation to the features of a training set; returns the module."""
        self.standardise.fit(x)
        return self

    def forward(self, x: Features) -> Any:
        if set(x) != set(self.space.names):
            raise ValueError(f"features of {sorted(x)} given, expected {sorted(self.space.names)}")
        features = self.companions(self.positions(self.lift(self.fourier(self.standardise(x)))))
        output = self.head(self.norm(self.blocks(features)))
        if self.gamma is None:
            return output
        return {name: value + self.gamma * output[name] for name, value in x.items()}
