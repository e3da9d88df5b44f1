"""A whole metanetwork, made of one weight space and a few numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.linear import EquivariantLinear
from layergen.magnitudes import LARGE, warn_of_many
from layergen.nn.aggregation import Aggregation
from layergen.nn.companions import Companions, with_companions
from layergen.nn.contraction import Bilinear, Contraction
from layergen.nn.embedding import FourierFeatures, PerTensorLinear, PositionalEmbedding
from layergen.nn.entries import opaque
from layergen.nn.folding import FreeLinear
from layergen.nn.heads import HEADS, InvariantHead, OutputHead
from layergen.nn.hybrid import WithMessages
from layergen.nn.moments import batches_of
from layergen.nn.normalisation import ChannelNorm, Standardise, fit_all
from layergen.nn.pointwise import Dropout, Gated, Residual
from layergen.nn.pools import POOLS
from layergen.nn.probe_reading import ProbeReading
from layergen.nn.probes import Probes
from layergen.nn.restrictions import Restrictions, leading
from layergen.nn.saving import constructor_arguments, read_metanet, write_metanet
from layergen.nn.set_pools import outputs
from layergen.nn.settled import Settled, SettledReading
from layergen.widening import Summed, by_fan_in, places_summed
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, Terms
from symmetry.space.weight_space import SCALAR, WeightSpace

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["Metanet"]

FUSED = 128
"""The width of the perceptron of the outputs at probes."""


class Metanet(nn.Module):
    """A network that reads the weights of networks, and gives invariants or features of the weights.

    With `out_features` it gives invariants, with `out_channels` features of the same weight space. The input goes
    through `Standardise`, `FourierFeatures`, `PerTensorLinear` or `FreeLinear`, and `PositionalEmbedding`; then through
    `layers` residual blocks, each a channel norm, a derived equivariant layer, the activation and dropout; then through
    a channel norm and a head. Where the symmetry multiplies entries by matrices, signs or scales, gates (`Gated`)
    take the place of the activation. There are also companions (`Companions`), on which the activation is allowed:
    tensors over the regular representation of a finite group, or else tensors of invariants, lengths and products
    of entries that transform against each other (`Contraction`), and the weights with their scales taken out
    (`Settled`). With invariants alone the network may be more symmetric than the group: one over SO(3) does not
    notice a reflection in the origin. The network is not equivariant to permuting positional indices, whose values
    it tells apart.

    With `probes`, the networks are also run: what they compute along the way is standardised, goes through a linear map
    for each tensor, and becomes tensors beside the weights, and so do their outputs, as a tensor without axes.

    With `summed`, weights are multiplied by their fan-in (`layergen.by_fan_in`), and features of weights that the
    network gives are divided by it. A network of which every neuron is repeated and the weights out of it divided
    (`layergen.widen`) is then read as the network itself: invariants are the same, features are widened. This is exact
    unless a tensor has a set twice, as weights of recurrent layers do (some terms of a derived layer write to its
    diagonal only), unless sets are multiplied by positive numbers (the norm of a neuron's incoming weights depends on
    their number), and without probes, which run networks of one width.

    Parameters
    ----------
    space
        The weight space of the networks that are read.
    out_features
        The number of invariants that the network gives. Give either `out_features` or `out_channels`.
    out_channels
        The number of channels of the features that the network gives.
    in_channels
        The number of channels of the features taken; `layergen.stack` makes one.
    hidden
        The number of channels of all features between input and head; an invariant head is twice as wide.
    layers
        The number of residual blocks.
    fourier
        The number of random frequencies of the Fourier features; 0 for none.
    fourier_scale
        The standard deviation of the frequencies, in periods per standard deviation of the input.
    activation
        An elementwise function, applied at the end of each residual block.
    dropout
        The probability, from 0 to 1, with which training sets a number of a block's output to nought.
    norm
        Whether residual blocks and head begin with a norm over the channels (`ChannelNorm`).
    fold
        Whether free axes become channels at the beginning (`FreeLinear`), so that layers cost as much as without them;
        else layers tell all pairs of free values apart, and with `hidden` channels for each of them span every
        equivariant map. By default free axes are folded where probes are given.
    head
        How an invariant head reads the features: "invariants" takes means; "attention" takes means, and others by
        attention of learned queries (`SetAttention`); "outputs" takes the entries of the tensors without sets one by
        one, such as the output's bias (`FixedValues`), and nothing else. Without effect where `out_channels` is given.
    maximum
        Whether an invariant head takes maxima (`SetMax`) beside means; without effect where `out_channels` is given or
        `head` is "outputs".
    aggregation
        Whether the layers of the residual blocks read, beside the means, pools over one axis at a time
        (`Aggregation`): "max", the maxima; "attention", means by attention of learned queries; or None.
    probes
        Inputs on which the networks are run. Their weight space must be `space`, and `in_channels` 1.
    fuse
        Whether a perceptron of the outputs at the probes is added to the invariants; without effect where
        `out_channels` or no probes are given.
    update
        Whether the network gives `x + γ · output`, with a learned number γ for each tensor that begins at 0.01. Where
        `x` has more channels than the output, as weights with their gradients have, it is its first `out_channels`;
        or the numbers of the channels that outputs are added to, in order.
    summed
        By tensor what its entries are summed over when the networks run, as for `layergen.widen`: the name of an index,
        or the number of an axis; or several of them. Without it weights are taken as they are.
    terms
        Which blocks the derived layers have, as in `symmetry.EquivariantMaps`: "all"; "local", those between tensors
        that share a set or a group, and from each tensor to itself; or a predicate on (target, source) tensors. A
        predicate is also asked about companions, which are named after their tensors, about what probes record
        (`"probe.name"` and `"probe outputs"`), about the pools of an aggregation (`"name over index"`), and about the
        tensor of `symmetry.SCALAR`, the target of an invariant head's means. "local" leaves an invariant head all of
        its means.
    rank
        The most that the rank of chosen cores' matrices may be, by core, as in `symmetry.EquivariantMaps`; an integer
        stands for the scalar core. It holds for every layer that has such a core; an invariant head has the scalar core
        only.
    limit
        The most diagrams that the maps of a derived layer may have.
    messages
        The kind of graph network, "gmn", "ng-gnn" or "ng-t", of which each derived layer of a residual block has a
        round of messages beside it (`layergen.graph.Messages`), whatever `terms` says; None for none.
    device
        The device of the parameters; torch's default if None.
    dtype
        The type of the parameters, which the features share; torch's default if None.

    Raises
    ------
    SpecificationError
        If `terms` or `rank` cannot be read or name a core that no layer has, if the maps of a layer have more diagrams
        than `limit`, or if `summed` does not fit the space.
    TypeError
        If `space` is no weight space.
    ValueError
        If options contradict each other, are out of range, or leave the head nothing to read; and when called, if the
        features have other tensors than `space` or another number of channels than `in_channels`.

    References
    ----------
    Zhou et al. (2023), "Permutation Equivariant Neural Functionals", NeurIPS; Navon et al. (2023), "Equivariant
    Architectures for Learning in Deep Weight Spaces", ICML: metanetworks of equivariant layers and an invariant head.
    Zaheer et al. (2017), "Deep Sets", NeurIPS: pools over sets. Tancik et al. (2020), "Fourier Features Let Networks
    Learn High Frequency Functions in Low Dimensional Domains", NeurIPS. Weiler et al. (2018), "3D Steerable CNNs",
    NeurIPS: gates. Lee et al. (2019), "Set Transformer", ICML; Zhou et al. (2023), "Neural Functional Transformers",
    NeurIPS: attention. Kofinas et al. (2024), "Graph Neural Networks for Learning Equivariant Representations of Neural
    Networks", ICLR: heads of the output neurons. "Transferable Graph Metanetworks"
    (2026): fan-ins.

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
        fourier: int = 0,
        fourier_scale: float = 0.1,
        activation: Callable[[Tensor], Tensor] = nn.functional.gelu,
        dropout: float = 0.0,
        norm: bool = False,
        fold: bool | None = None,
        head: str = "invariants",
        maximum: bool = True,
        aggregation: str | None = None,
        probes: Probes | None = None,
        fuse: bool = True,
        update: bool | Sequence[int] = False,
        summed: Summed | None = None,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        messages: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        arguments = constructor_arguments(locals())
        super().__init__()
        self.arguments = arguments
        counts = {"in_channels": in_channels, "hidden": hidden, "layers": layers, "fourier": fourier}
        check_arguments(space, out_features, out_channels, counts)
        check_choices(head=(head, HEADS), aggregation=(aggregation, (None, *POOLS)))
        self.updated = updated_channels(update, in_channels, out_features, out_channels)
        self.space, self.in_channels, self.summed = space, in_channels, dict(summed or {})
        places_summed(space, self.summed)  # raises for what does not fit the space
        self.standardise = Standardise(space, in_channels)
        self.fourier = FourierFeatures(in_channels, fourier, fourier_scale, space)
        lift = FreeLinear if (probes is not None if fold is None else fold) else PerTensorLinear
        self.lift = lift(space, self.fourier.out_channels, hidden)
        own = self.lift.space
        if probes is not None and in_channels != 1:
            raise ValueError(f"in_channels={in_channels}: probes run networks, whose weights are one channel")
        heard = out_channels is None or terms != "local"  # outputs at probes share no set with any weight
        self.reading = None if probes is None else ProbeReading(probes, own, hidden, outputs=heard)
        own = own if self.reading is None else self.reading.space
        self.positions = PositionalEmbedding(own, hidden)
        self.companions = Companions(own)
        wide, lengths, mute = self.companions.space, self.companions.lengths.items(), opaque(self.companions.space)
        restrictions = Restrictions(terms, EquivariantMaps(wide, terms=terms, rank=rank).ranks, limit)
        last = "all" if out_channels is None and terms == "local" else terms
        maps = EquivariantMaps(wide, SCALAR if out_channels is None else space, terms=last)
        reached = tensors_read(maps, None if out_features is None else head, maximum)
        if reached.isdisjoint(wide.names if layers else own.names):
            raise ValueError(f"the head reads no tensor with terms={terms!r}, maximum={maximum} and layers={layers}")
        read = wide.only(reached)
        used = wide.names if layers else read.names
        settled = Settled(space, {name: beside for name, beside in lengths if name in space.names and beside in used})
        self.canonical = (
            None if not settled.companions else reading_of(settled, in_channels, hidden, self.fourier, lift)
        )

        def block(taken: WeightSpace, kept: set[str]) -> Residual:
            """A residual block that gives the tensors named in `kept`, and the ones on which their gates depend."""
            pairs = {name: gate for name, gate in lengths if not kept.isdisjoint((name, gate))}
            gated = {name: gate for name, gate in pairs.items() if name in kept or name not in mute}
            given, hears = wide.only(kept.union(*gated.items())), not kept.isdisjoint(pairs.values())
            mixed: nn.Module
            if aggregation is None:
                mixed = EquivariantLinear(taken, hidden, hidden, target=given, **restrictions.of(taken, given))
            else:
                mixed = Aggregation(taken, hidden, aggregation, target=given, restrictions=restrictions)
            if messages is not None:
                mixed = WithMessages(mixed, taken, hidden, messages)
            if hears:
                mixed = Bilinear(mixed, Contraction(taken, pairs, hidden, restrictions))
            return Residual(
                nn.Sequential(
                    ChannelNorm(taken, hidden) if norm else nn.Identity(),
                    mixed,
                    Gated(given, hidden, activation, gated, hears=hears),
                    Dropout(dropout, given),
                )
            )

        every, needed = set(wide.names), [set(read.names)]
        linear = aggregation is None and not lengths  # only maps lead from tensor to tensor
        while len(needed) < layers:
            led = leading(EquivariantMaps(wide, wide.only(needed[0]), terms=terms)) if linear else every
            needed.insert(0, needed[0] | led if head == "outputs" and out_features is not None else every)
        taken = [wide, *map(wide.only, needed)]
        self.blocks = nn.Sequential(*map(block, taken, needed[:layers]))
        self.read = read.names
        self.norm = ChannelNorm(read, hidden) if norm else nn.Identity()
        options = replace(restrictions, terms=last).of(read, maps.target)
        self.head: nn.Module
        if out_channels is not None:
            self.head = EquivariantLinear(read, hidden, out_channels, maps.bias_dimension > 0, target=space, **options)
        elif out_features is not None and head == "outputs":
            self.head = OutputHead(read, hidden, out_features, hidden=2 * hidden)
        elif out_features is not None:
            options |= {"maximum": maximum, "attention": head == "attention"}
            self.head = InvariantHead(read, hidden, out_features, hidden=2 * hidden, **options)
        self.fused: nn.Module | None = None
        if probes is not None and fuse and out_features is not None:
            self.fused = perceptron(probes.out_features, FUSED, out_features)
        self.gamma = None if self.updated is None else nn.Parameter(torch.full((len(space),), 0.01))
        self.to(device=device, dtype=dtype)
        layers_made = [module for module in self.modules() if isinstance(module, EquivariantLinear)]
        if layers_made and (largest := max(map(parameter_count, layers_made))) <= LARGE:  # else that layer has warned
            worst = next(layer for layer in layers_made if parameter_count(layer) == largest)
            warn_of_many(parameter_count(self), worst.maps, "this Metanet")

    @torch.no_grad()
    def fit(self, x: Features | Iterable[Any], *, group: ProcessGroup | None = None) -> Metanet:
        """Set the statistics by which inputs are standardised to those of a training set.

        Parameters
        ----------
        x
            Features of the networks of the set, `{tensor: (batch, *axes, in_channels)}`, or batches of them, at any
            widths, such as a `DataLoader` of a `layergen.data.Zoo` gives. Probes are run as they are.
        group
            Processes, each of which has a part of the set; every one of them gets the statistics of the whole.

        Returns
        -------
        Metanet
            The network itself.

        Raises
        ------
        ValueError
            If there are no batches.

        Examples
        --------
        >>> metanet = Metanet(WeightSpace({"b": "h"}, sets={"h": 2}), out_features=1)
        >>> metanet.fit({"b": torch.tensor([[[1.0], [3.0]]])}).standardise.mean.item()
        2.0
        """
        fit_all(map(self._seen, batches_of(x)), group)
        return self

    def _seen(self, x: Features) -> list[tuple[Standardise, Features]]:
        """The modules that are fitted, and the features that each of them takes of some networks."""
        scaled = by_fan_in(x, self.space, self.summed)
        reading = [] if self.reading is None else self.reading.seen(x)
        return [(self.standardise, scaled), *reading, *([] if self.canonical is None else self.canonical.seen(x))]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write configuration, specification, statistics and weights to one file, whole or not at all.

        Probes, a predicate for `terms` and an activation that is none of torch's are code, which the file does not
        hold: `load` takes them again. Weights of learned probes are in the file.

        Parameters
        ----------
        path
            The file, in the format of safetensors.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> metanet = Metanet(WeightSpace({"b": "h"}, sets={"h": 2}), out_features=1)
        >>> x = {"b": torch.randn(3, 2, 1)}
        >>> with TemporaryDirectory() as folder:
        ...     metanet.save(f"{folder}/metanet.safetensors")
        ...     torch.equal(Metanet.load(f"{folder}/metanet.safetensors")(x), metanet(x))
        True
        """
        write_metanet(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: torch.device | str | None = None, **given: Any) -> Metanet:
        """The network in a file that `save` has written. Nothing in the file is run.

        Parameters
        ----------
        path
            The file.
        device
            The device of the parameters; the processor if None.
        **given
            The constructor's arguments that are code, made as they were for the network that was saved: `probes`,
            `terms` or `activation`.

        Returns
        -------
        Metanet
            The network, in training mode as a new one is.

        Raises
        ------
        SpecificationError
            If the file cannot be read, or holds something else.
        ValueError
            If other arguments are given than the file asks for.
        """
        return read_metanet(cls, Path(path), given, device)

    def forward(self, x: Features) -> Any:
        """Apply the network.

        Parameters
        ----------
        x
            Features of `space`, `{tensor: (batch, *axes, in_channels)}`, as `layergen.stack` makes them.

        Returns
        -------
        Tensor or dict of Tensor
            Invariants `(batch, out_features)`, or features `{tensor: (batch, *axes, out_channels)}`.

        Raises
        ------
        ValueError
            If the features have other tensors than `space` or another number of channels than `in_channels`.
        """
        expected = dict.fromkeys(self.space.names, self.in_channels)
        if (given := {name: value.shape[-1] for name, value in x.items()}) != expected:
            raise ValueError(f"features of tensors and channels {given} given, expected {expected}")
        lifted = self.lift(self.fourier(self.standardise(by_fan_in(x, self.space, self.summed))))
        values, outputs = ({}, None) if self.reading is None else self.reading(x)
        wide = self.companions(self.positions(lifted | values))
        if self.canonical is not None:
            wide |= {name: wide[name] + value for name, value in self.canonical(x).items()}
        features = self.blocks(wide)
        output = self.head(self.norm({name: features[name] for name in self.read}))
        if isinstance(output, dict):
            output = by_fan_in(output, self.space, self.summed, power=-1)
        if self.fused is not None:
            output = output + self.fused(outputs)
        if self.gamma is None:
            return output
        gammas = zip(self.space.names, self.gamma, strict=True)
        return {name: x[name][..., self.updated] + gamma * output[name] for name, gamma in gammas}

    def outputs_alone(self, x: Features) -> Tensor:
        """What the perceptron of the outputs at probes answers by itself, which is fast to train before the rest.

        Parameters
        ----------
        x
            Features of `space`, `{tensor: (batch, *axes, 1)}`.

        Returns
        -------
        Tensor
            What it adds to the invariants, `(batch, out_features)`.

        Raises
        ------
        ValueError
            If the network has no probes, or none whose outputs are fused.
        """
        if self.reading is None or self.fused is None:
            raise ValueError("the network has no perceptron of outputs: give probes, out_features and fuse=True")
        return self.fused(self.reading.standard_outputs(x))


def parameter_count(module: nn.Module) -> int:
    """The number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def updated_channels(
    update: bool | Sequence[int], in_channels: int, out_features: int | None, out_channels: int | None
) -> list[int] | None:
    """The input channels that outputs are added to. Raises `ValueError` unless there is one for each output channel."""
    if update is False:
        return None
    updated = list(range(out_channels or 0)) if update is True else list(update)
    if out_channels is None:
        raise ValueError(f"update adds the output to the input: give out_channels, not out_features={out_features}")
    if len(updated) != out_channels or not all(0 <= channel < in_channels for channel in updated):
        raise ValueError(
            f"update={update!r} with out_channels={out_channels}: give the numbers of {out_channels} of the "
            f"{in_channels} input channels, from 0, or True for the first"
        )
    return updated


def check_arguments(space: Any, out_features: int | None, out_channels: int | None, counts: Mapping[str, Any]) -> None:
    """Raise unless the output is of one sort and counts are in range."""
    if not isinstance(space, WeightSpace):
        raise TypeError(f"Metanet takes a WeightSpace first, not {type(space).__name__}")
    if (out_features is None) == (out_channels is None):
        raise ValueError("give either out_features (invariant) or out_channels (weights to weights)")
    for name, count in {"out_features": out_features, "out_channels": out_channels, **counts}.items():
        least = 0 if name in ("layers", "fourier") else 1
        if count is not None and (not isinstance(count, Integral) or count < least):
            raise ValueError(f"{name}={count!r}: give an integer, at least {least}")


def check_choices(**options: tuple[Any, tuple[Any, ...]]) -> None:
    """Raise `ValueError` unless each option, given with its choices, is one of them."""
    for name, (given, choices) in options.items():
        if given not in choices:
            raise ValueError(f"{name}={given!r}: give {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}")


def tensors_read(maps: EquivariantMaps, head: str | None, maximum: bool) -> set[str]:
    """Names of the tensors that a head reads: those from which maps lead to its target, and those that it pools.

    `head` is None for a head that gives features. Raises `ValueError` if a head of outputs has none to read.
    """
    if head == "outputs":
        return outputs(maps.source)
    pooled = head is not None and (maximum or head == "attention")
    return leading(maps) | ({*maps.source.names} - opaque(maps.source) if pooled else set())


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A perceptron with two hidden layers."""
    inner = [nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()]
    return nn.Sequential(*inner, nn.Linear(hidden, outputs))


def reading_of(
    settled: Settled,
    in_channels: int,
    hidden: int,
    fourier: FourierFeatures,
    lift: type[FreeLinear | PerTensorLinear],
) -> SettledReading:
    """Settled weights as features of their companions, standardised, expanded and lifted as the weights are."""
    canonical = with_companions(settled.space)[0].only(settled.companions.values())
    expand = FourierFeatures(in_channels, len(fourier.frequencies), fourier.scale, canonical)
    module = nn.Sequential(expand, lift(canonical, expand.out_channels, hidden))
    return SettledReading(settled, Standardise(canonical, in_channels), module)
