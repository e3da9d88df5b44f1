"""A whole metanetwork, made of one weight space and a few numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.linear import EquivariantLinear
from layergen.magnitudes import LARGE, warn_of_many
from layergen.nn.entries import opaque
from layergen.nn.heads import HEADS, InvariantHead, OutputHead, perceptron
from layergen.nn.moments import batches_of
from layergen.nn.normalisation import ChannelNorm, fit_all
from layergen.nn.options import check_arguments, check_choices, updated_channels
from layergen.nn.pools import POOLS
from layergen.nn.probes import Probes
from layergen.nn.propagation import Propagation
from layergen.nn.residual_blocks import ResidualBlocks
from layergen.nn.restrictions import Restrictions, leading
from layergen.nn.saving import constructor_arguments, read_metanet, write_metanet
from layergen.nn.set_pools import outputs
from layergen.nn.weight_reading import WeightReading
from layergen.widening import Summed, by_fan_in
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps, Terms
from symmetry.space.weight_space import SCALAR, WeightSpace

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["Metanet"]

FUSED = 128
"""The width of the perceptron of the summary."""


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

    With `propagation`, vectors of neurons are carried along by products with the weights (`Propagation`), and become
    tensors beside the weights; what they are at the outputs becomes a tensor without axes. Derived layers, which are
    linear, do not multiply one weight by another: where the answer is in what the networks compute, and they cannot be
    run on probes, propagation is worth more than all other options.

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
    propagation
        Vectors of neurons that the weights carry along; their weight space must be `space`.
    fuse
        Whether a perceptron of the outputs at the probes is added to the invariants, and one of the outputs of the
        propagation; without effect where `out_channels` is given, or neither of them.
    statistics
        Whether a perceptron of statistics is added to the invariants: mean, deviation and quantiles of each tensor's
        weights, and with probes of what they record, and of how sure the outputs are from probe to probe. It reads the
        outputs too where they are fused. Give `out_features` with it.
    update
        Whether the network gives `x + γ σ · output`, with a learned number γ for each tensor that begins at 0.01, and
        with the deviation σ of its weights that `fit` has found (1 before), so that networks are changed by a hundredth
        at first, however small their weights. Where `x` has more channels than the output, as weights with their
        gradients have, it is its first `out_channels`; or the numbers of the channels that outputs are added to, in
        order.
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
    checkpoint
        Whether to save memory where gradients are taken: residual blocks are run again for them, and their derived
        layers compute their tensors a group at a time (`EquivariantLinear`). Outputs and gradients are the same.
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
        propagation: Propagation | None = None,
        fuse: bool = True,
        statistics: bool = False,
        update: bool | Sequence[int] = False,
        summed: Summed | None = None,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        messages: str | None = None,
        checkpoint: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        arguments = constructor_arguments(locals())
        super().__init__()
        self.arguments = arguments
        counts = {"in_channels": in_channels, "hidden": hidden, "layers": layers, "fourier": fourier}
        check_arguments(space, out_features, out_channels, counts, statistics=statistics)
        check_choices(head=(head, HEADS), aggregation=(aggregation, (None, *POOLS)))
        self.updated = updated_channels(update, in_channels, out_features, out_channels)
        self.space, self.in_channels = space, in_channels
        self.reading = WeightReading(
            space,
            in_channels,
            hidden,
            fourier=fourier,
            fourier_scale=fourier_scale,
            fold=probes is not None if fold is None else fold,
            probes=probes,
            propagation=propagation,
            outputs=out_channels is None or terms != "local",  # outputs at probes share no set with any weight
            summed=summed,
            fuse=fuse and out_features is not None,
            statistics=statistics,
        )
        wide, invariant = self.reading.space, out_features is not None
        restrictions = Restrictions(terms, EquivariantMaps(wide, terms=terms, rank=rank).ranks, limit)
        last = "all" if invariant and terms == "local" else terms
        maps = EquivariantMaps(wide, SCALAR if invariant else space, terms=last)
        reached = tensors_read(maps, head if invariant else None, maximum)
        if reached.isdisjoint(wide.names if layers else self.reading.own.names):
            raise ValueError(f"the head reads no tensor with terms={terms!r}, maximum={maximum} and layers={layers}")
        read = wide.only(reached)
        self.reading.settle(wide.names if layers else read.names)
        lengths = self.reading.companions.lengths
        middle = (norm, aggregation, messages, activation, dropout, checkpoint)
        made = ResidualBlocks(wide, lengths, hidden, restrictions, *middle)
        self.blocks = made.sequence(layers, set(read.names), sparing=invariant and head == "outputs")
        self.read = read.names
        self.norm = ChannelNorm(read, hidden) if norm else nn.Identity()
        options = replace(restrictions, terms=last).of(read, maps.target)
        self.head: nn.Module
        if out_features is None:
            bias = maps.bias_dimension > 0
            self.head = EquivariantLinear(read, hidden, out_channels or 1, bias, target=space, **options)
        else:
            self.head = head_of(head, read, hidden, out_features, maximum, options)
        carried = propagation.out_features if fuse and propagation is not None else 0
        rows = (self.reading.summary.out_features, carried)
        self.fused, self.carried = (row_head(numbers, out_features, dropout) for numbers in rows)
        self.gamma = None if self.updated is None else nn.Parameter(torch.full((len(space),), 0.01))
        self.to(device=device, dtype=dtype)
        warn_of_large(self)

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
        >>> metanet.fit({"b": torch.tensor([[[1.0], [3.0]]])}).reading.standardise.mean.item()
        2.0
        """
        fit_all(map(self.reading.seen, batches_of(x)), group)
        return self

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
        features, row, carried = self.reading(x)
        for block in self.blocks:  # one by one, so that features are released as soon as the next are there
            features = block(features)
        output = self.head(self.norm({name: features[name] for name in self.read}))
        if isinstance(output, dict):
            output = by_fan_in(output, self.space, self.reading.summed, power=-1)
        if self.fused is not None:
            output = output + self.fused(row)
        if self.carried is not None:
            output = output + self.carried(carried)
        if self.gamma is None:
            return output
        gammas = self.gamma[:, None] * self.reading.standardise.deviation[:, self.updated]
        steps = {name: gamma * output[name] for name, gamma in zip(self.space.names, gammas, strict=True)}
        return {name: x[name][..., self.updated] + step for name, step in steps.items()}

    def summary(self, x: Features) -> Tensor:
        """What is known of networks before anything is learned: outputs at probes, and statistics.

        As long as probes stay where they are, the rows of a training set are the same at every step, so that
        `from_summary` can be trained first, and fast, on rows that were made once.

        Parameters
        ----------
        x
            Features of `space`, `{tensor: (batch, *axes, in_channels)}`.

        Returns
        -------
        Tensor
            A row for each network, `(batch, numbers)`.

        Raises
        ------
        ValueError
            If the network has neither probes whose outputs are fused, nor statistics.

        Examples
        --------
        >>> metanet = Metanet(WeightSpace({"b": "h"}, sets={"h": 3}), out_features=2, statistics=True)
        >>> rows = metanet.summary({"b": torch.randn(5, 3, 1)})
        >>> rows.shape, metanet.from_summary(rows).shape
        (torch.Size([5, 9]), torch.Size([5, 2]))
        """
        self._fused()
        return self.reading.summarised(x)

    def from_summary(self, rows: Tensor) -> Tensor:
        """What the perceptron of the summary adds to the invariants.

        Parameters
        ----------
        rows
            What `summary` gives of some networks, `(batch, numbers)`.

        Returns
        -------
        Tensor
            Numbers that are added to the invariants, `(batch, out_features)`.

        Raises
        ------
        ValueError
            If the network has neither probes whose outputs are fused, nor statistics.
        """
        found: Tensor = self._fused()(rows)
        return found

    def _fused(self) -> nn.Module:
        """The perceptron of the summary."""
        if self.fused is None:
            raise ValueError(
                "the network has no summary: give out_features, and probes or statistics=True (of tensors with an "
                "axis of vectors there are none)"
            )
        return self.fused


def tensors_read(maps: EquivariantMaps, head: str | None, maximum: bool) -> set[str]:
    """Names of the tensors that a head reads: those from which maps lead to its target, and those that it pools.

    `head` is None for a head that gives features. Raises `ValueError` if a head of outputs has none to read.
    """
    if head == "outputs":
        return outputs(maps.source)
    pooled = head is not None and (maximum or head == "attention")
    return leading(maps) | ({*maps.source.names} - opaque(maps.source) if pooled else set())


def row_head(numbers: int, out_features: int | None, dropout: float) -> nn.Module | None:
    """A perceptron from so many numbers of a network to invariants, if there are both."""
    return perceptron(numbers, FUSED, out_features, dropout=dropout) if numbers and out_features else None


def head_of(
    kind: str, read: WeightSpace, hidden: int, out_features: int, maximum: bool, options: Mapping[str, Any]
) -> nn.Module:
    """An invariant head of a kind; `options` are the restrictions of its means."""
    if kind == "outputs":
        return OutputHead(read, hidden, out_features, hidden=2 * hidden)
    options = {**options, "maximum": maximum, "attention": kind == "attention"}
    return InvariantHead(read, hidden, out_features, hidden=2 * hidden, **options)


def parameter_count(module: nn.Module) -> int:
    """The number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def warn_of_large(network: nn.Module) -> None:
    """Warn of a network whose layers are many parameters together; of a layer with many, the layer has warned."""
    layers = [module for module in network.modules() if isinstance(module, EquivariantLinear)]
    worst = max(layers, key=parameter_count, default=None)
    if worst is not None and parameter_count(worst) <= LARGE:
        warn_of_many(parameter_count(network), worst.maps, "this Metanet")
