"""A whole metanetwork from one declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.linear import EquivariantLinear
from layergen.nn.companions import Companions
from layergen.nn.embedding import FourierFeatures, PerTensorLinear, PositionalEmbedding
from layergen.nn.heads import InvariantHead
from layergen.nn.normalisation import ChannelNorm, Standardise
from layergen.nn.pointwise import Dropout, Gated, Residual
from symmetry.maps.cores import core_sets, has_core
from symmetry.maps.equivariant_maps import LIMIT, Block, EquivariantMaps, Terms
from symmetry.space.weight_space import SCALAR, WeightSpace

__all__ = ["Metanet"]


class Metanet(nn.Module):
    """A network on the weights of networks: invariant with `out_features`, weights to weights with `out_channels`.

    Standardised input, Fourier features, a per-tensor linear map and positional embeddings; then `layers` residual
    blocks of channel norm, derived equivariant layer, activation and dropout; then channel norm and a head. Where a
    group turns the entries, gates take the place of the activation (`Gated`), and companions go beside them: over a
    finite group's regular representation, whose entries the activation may take, else of lengths alone (`Companions`).
    With lengths alone the network may be more symmetric than the group: one over SO(3) does not notice a reflection in
    the origin. Only positional indices are told apart: permuting them changes the output.

    Parameters
    ----------
    space
        The weight space of the networks that are read.
    out_features
        The number of invariants of a network that are given. Exactly one of `out_features` and `out_channels` is given.
    out_channels
        The number of channels that each weight is given.
    in_channels
        The number of channels of the features taken; `layergen.stack` makes one.
    hidden
        The number of channels between input and head; an invariant head is twice as wide.
    layers
        The number of residual blocks.
    fourier
        The number of random frequencies of the Fourier features; 0 for none.
    fourier_scale
        The standard deviation of the frequencies, in periods per standard deviation of the input.
    activation
        An elementwise function of tensors, of which each block has one.
    dropout
        The probability, from 0 to 1, with which an entry of a channel is set to nought at a block's end in training.
    norm
        Whether blocks and head begin with a norm over the channels (`ChannelNorm`).
    maximum
        Whether an invariant head has maxima (`SetMax`) beside means; of no effect with `out_channels`.
    update
        Whether outputs are `x + γ · output`, with a learned number γ that begins at 0.01; `out_channels` must be
        `in_channels`.
    terms
        Which blocks the derived layers have, as in `symmetry.EquivariantMaps`: "all"; "local", between tensors that
        share a set or a group; or a predicate on (target, source) tensors. Companions are tensors too, named after
        theirs, and so is the target of an invariant head's means, `symmetry.SCALAR`'s. "local" keeps all of the head's.
    rank
        The most that the rank of chosen cores' matrices may be, by core, as in `symmetry.EquivariantMaps`; an integer
        stands for the scalar core. Each layer takes the ranks of the cores that it has; an invariant head has the
        scalar core only.
    limit
        The most diagrams of a derived layer that are listed; more are refused.
    device
        The device of the parameters; torch's default if None.
    dtype
        The type of the parameters, which the features share; torch's default if None.

    Raises
    ------
    SpecificationError
        If `terms` or `rank` say nothing that can be read, or a layer has more diagrams than `limit`.
    TypeError
        If `space` is not a weight space.
    ValueError
        If options contradict each other or are out of range; and when called, if the features are of other tensors
        than those of `space` or have other than `in_channels` channels.

    References
    ----------
    Zhou et al. (2023), "Permutation Equivariant Neural Functionals", NeurIPS; Navon et al. (2023), "Equivariant
    Architectures for Learning in Deep Weight Spaces", ICML: metanetworks of equivariant layers and an invariant head.
    Zaheer et al. (2017), "Deep Sets", NeurIPS: pools over sets. Tancik et al. (2020), "Fourier Features Let Networks
    Learn High Frequency Functions in Low Dimensional Domains", NeurIPS. Weiler et al. (2018), "3D Steerable CNNs",
    NeurIPS: gates.

    Examples
    --------
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
        counts = {"in_channels": in_channels, "hidden": hidden, "layers": layers, "fourier": fourier}
        check_arguments(space, out_features, out_channels, in_channels if update else None, counts)
        self.space, self.in_channels = space, in_channels
        self.standardise = Standardise(space, in_channels)
        self.fourier = FourierFeatures(in_channels, fourier, fourier_scale, space)
        self.lift = PerTensorLinear(space, self.fourier.out_channels, hidden)
        self.positions = PositionalEmbedding(space, hidden)
        self.companions = Companions(space)
        wide, lengths = self.companions.space, self.companions.lengths.items()
        ranks = EquivariantMaps(wide, terms=terms, rank=rank).ranks
        last = "all" if out_channels is None and terms == "local" else terms
        maps = EquivariantMaps(wide, SCALAR if out_channels is None else space, terms=last)
        reached = {s.name for s in wide if any(maps.includes(t, s) and Block(t, s).dimension for t in maps.target)}
        reached |= set(wide.names if out_features and maximum else ())
        if reached.isdisjoint(wide.names if layers else space.names):
            raise ValueError(f"the head reads no tensor with terms={terms!r}, maximum={maximum} and layers={layers}")
        read = wide.only(reached)

        def block(kept: set[str]) -> Residual:
            """A residual block that gives the tensors of `kept`, and those that their gates and lengths come from."""
            pairs = [pair for pair in lengths if not kept.isdisjoint(pair)]
            given, hears = wide.only(kept.union(*pairs)), any(gate in kept for _, gate in pairs)
            options = fitting(EquivariantMaps(wide, given, terms=terms), ranks, limit)
            return Residual(
                nn.Sequential(
                    ChannelNorm(wide, hidden) if norm else nn.Identity(),
                    EquivariantLinear(wide, hidden, hidden, target=given, **options),
                    Gated(given, hidden, activation, dict(pairs), hears=hears),
                    Dropout(dropout, given),
                )
            )

        self.blocks = nn.Sequential(*map(block, [*[set(wide.names)] * (layers - 1), set(read.names)][:layers]))
        self.read = read.names
        self.norm = ChannelNorm(read, hidden) if norm else nn.Identity()
        options = fitting(maps, ranks, limit)
        self.head: nn.Module
        if out_channels is not None:
            self.head = EquivariantLinear(read, hidden, out_channels, maps.bias_dimension > 0, target=space, **options)
        elif out_features is not None:
            self.head = InvariantHead(read, hidden, out_features, hidden=2 * hidden, maximum=maximum, **options)
        self.gamma = nn.Parameter(torch.tensor(0.01)) if update else None
        self.to(device=device, dtype=dtype)

    def fit(self, x: Features) -> Metanet:
        """Fit the standardisation of the input to a training set.

        Parameters
        ----------
        x
            Features of the networks of the set, `{tensor: (batch, *axes, in_channels)}`.

        Returns
        -------
        Metanet
            The network itself.
        """
        self.standardise.fit(x)
        return self

    def forward(self, x: Features) -> Any:
        """Invariants or features of networks.

        Parameters
        ----------
        x
            Features of networks, `{tensor: (batch, *axes, in_channels)}`, as `layergen.stack` makes them.

        Returns
        -------
        Tensor or dict of Tensor
            Invariants `(batch, out_features)`, or features `{tensor: (batch, *axes, out_channels)}`.
        """
        expected = dict.fromkeys(self.space.names, self.in_channels)
        if (given := {name: value.shape[-1] for name, value in x.items()}) != expected:
            raise ValueError(f"features of tensors and channels {given} given, expected {expected}")
        features = self.blocks(self.companions(self.positions(self.lift(self.fourier(self.standardise(x))))))
        output = self.head(self.norm({name: features[name] for name in self.read}))
        if self.gamma is None:
            return output
        return {name: value + self.gamma * output[name] for name, value in x.items()}


def check_arguments(
    space: Any, out_features: int | None, out_channels: int | None, updated: int | None, counts: Mapping[str, Any]
) -> None:
    """Raise unless outputs are of one sort, fit the `updated` channels of the input, and counts are large enough."""
    if not isinstance(space, WeightSpace):
        raise TypeError(f"Metanet takes a WeightSpace first, not {type(space).__name__}")
    if (out_features is None) == (out_channels is None):
        raise ValueError("give either out_features (invariant) or out_channels (weights to weights)")
    if updated not in (None, out_channels):
        given = f"out_features={out_features}" if out_channels is None else f"out_channels={out_channels}"
        raise ValueError(f"update adds the output to the input: give out_channels={updated}, not {given}")
    for name, count in {"out_features": out_features, "out_channels": out_channels, **counts}.items():
        least = 0 if name in ("layers", "fourier") else 1
        if count is not None and (not isinstance(count, Integral) or count < least):
            raise ValueError(f"{name}={count!r}: give an integer, at least {least}")


def fitting(maps: EquivariantMaps, ranks: Iterable[tuple[str, int]], limit: int) -> dict[str, Any]:
    """The options of a layer of some maps: a rank of a core that only other layers have says nothing about it."""
    fit = {core: bound for core, bound in ranks if has_core(maps, core_sets(core))}
    return {"terms": maps.terms, "rank": fit, "limit": limit}
