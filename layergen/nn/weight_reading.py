"""The first part of a metanetwork: what comes in becomes features of as many channels, and gets company."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.companions import Companions, with_companions
from layergen.nn.embedding import FourierFeatures, PerTensorLinear, PositionalEmbedding
from layergen.nn.folding import FreeLinear
from layergen.nn.normalisation import Standardise
from layergen.nn.probe_reading import ProbeReading
from layergen.nn.probes import Probes
from layergen.nn.propagation import Propagation, PropagationReading
from layergen.nn.settled import Settled, SettledReading
from layergen.nn.summary import Summary
from layergen.widening import Summed, by_fan_in, places_summed
from symmetry.space.weight_space import WeightSpace

__all__ = ["WeightReading"]


class WeightReading(nn.Module):
    """Standardise weights, expand them in waves, mix their channels, and put beside them what stands with them.

    Beside the weights stand what probes show (`ProbeReading`), the vectors of a propagation (`PropagationReading`) and
    companions (`Companions`). Takes features `{tensor: (batch, *axes, in_channels)}` of a space; gives features
    `{tensor: (batch, *axes, channels)}` of the module's attribute `space`; a row of numbers for each network
    (`Summary`), `(batch, summary.out_features)`, or None where there is nothing to summarise; and the outputs of the
    propagation, or None.

    Parameters
    ----------
    space
        The weight space of the features taken.
    in_channels
        The number of channels of the features taken.
    channels
        The number of channels of the features given.
    fourier, fourier_scale
        The number of frequencies of the Fourier features and their standard deviation, as in `FourierFeatures`.
    fold
        Whether free axes become channels (`FreeLinear`).
    probes
        Inputs on which the networks are run.
    propagation
        Vectors of neurons that weights carry along.
    outputs
        Whether outputs, at the probes and of the propagation, are tensors of the features given.
    summed
        By tensor what its entries are summed over, as for `layergen.by_fan_in`.
    fuse
        Whether outputs at the probes are part of the summary.
    statistics
        Whether statistics are part of the summary.

    Raises
    ------
    SpecificationError
        If `summed` does not fit the space.
    ValueError
        If the probes run networks of another space, or `in_channels` is not 1 with probes.

    Examples
    --------
    >>> import torch
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 9})
    >>> x = {"w": torch.randn(5, 4, 9, 1), "b": torch.randn(5, 4, 1)}
    >>> features, row, outputs = WeightReading(space, 1, 8, fold=True)(x)
    >>> features["w"].shape, row, outputs
    (torch.Size([5, 4, 1, 8]), None, None)
    """

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        channels: int,
        *,
        fourier: int = 0,
        fourier_scale: float = 0.1,
        fold: bool = False,
        probes: Probes | None = None,
        propagation: Propagation | None = None,
        outputs: bool = True,
        summed: Summed | None = None,
        fuse: bool = False,
        statistics: bool = False,
    ) -> None:
        super().__init__()
        if probes is not None and in_channels != 1:
            raise ValueError(f"in_channels={in_channels}: probes run networks, whose weights are one channel")
        self.weights, self.summed, self.channels = space, dict(summed or {}), channels
        places_summed(space, self.summed)  # raises for what does not fit the space
        self.standardise = Standardise(space, in_channels)
        self.fourier = FourierFeatures(in_channels, fourier, fourier_scale, space)
        self.lift = (FreeLinear if fold else PerTensorLinear)(space, self.fourier.out_channels, channels)
        own = self.lift.space
        self.probed = None if probes is None else ProbeReading(probes, own, channels, outputs=outputs)
        own = own if self.probed is None else self.probed.space
        self.carried: PropagationReading | None = None
        if propagation is not None:
            self.carried = PropagationReading(propagation, space, own, channels, outputs=outputs)
        self.own = own if self.carried is None else self.carried.space
        self.positions = PositionalEmbedding(self.own, channels)
        self.companions = Companions(self.own)
        self.canonical: SettledReading | None = None
        count, numbers = (0, 0) if probes is None else (probes.count, probes.out_features // probes.count)
        self.summary = Summary(
            space if statistics else None,
            in_channels,
            None if probes is None else probes.space,
            probes=count,
            outputs=numbers,
            fuse=fuse,
        )
        self.space = self.companions.space

    def settle(self, used: Collection[str]) -> None:
        """Give weights with their scales taken out (`Settled`) to the companions named in `used`, which are read."""
        lengths = {name: beside for name, beside in self.companions.lengths.items() if beside in used}
        settled = Settled(self.weights, {name: lengths[name] for name in self.weights.names if name in lengths})
        if settled.companions:
            canonical = with_companions(self.weights)[0].only(settled.companions.values())
            channels, fourier = self.standardise.mean.shape[1], self.fourier
            waves = FourierFeatures(channels, len(fourier.frequencies), fourier.scale, canonical)
            lift = type(self.lift)(canonical, waves.out_channels, self.channels)
            self.canonical = SettledReading(settled, Standardise(canonical, channels), nn.Sequential(waves, lift))

    def seen(self, x: Features) -> list[tuple[Standardise, Features]]:
        """The modules that are fitted, and the features that each of them takes of some networks."""
        weights, values, outputs = self._read(x)
        found = [(self.standardise, weights), *self.summary.seen(weights, values, outputs)]
        if self.probed is not None and outputs is not None:
            found += self.probed.seen(values, outputs)
        return found if self.canonical is None else [*found, *self.canonical.seen(x)]

    def summarised(self, x: Features) -> Tensor:
        """A row of numbers for each network (`Summary`), `(batch, summary.out_features)`; nothing is learned in it."""
        weights, values, outputs = self._read(x)
        return self.summary(weights, values, outputs, self._standard(values, outputs)[1])

    def forward(self, x: Features) -> tuple[Features, Tensor | None, Tensor | None]:
        weights, values, outputs = self._read(x)
        shown, standard = self._standard(values, outputs)
        standardised, carried = self.standardise(weights), None
        features = self.lift(self.fourier(standardised))
        if self.probed is not None and standard is not None:
            features |= self.probed(shown, standard)
        if self.carried is not None:
            more, carried = self.carried(weights, standardised)
            features |= more
        wide: Features = self.companions(self.positions(features))
        if self.canonical is not None:
            wide |= {name: wide[name] + value for name, value in self.canonical(x).items()}
        row = self.summary(weights, values, outputs, standard) if self.summary.out_features else None
        return wide, row, carried

    def _read(self, x: Features) -> tuple[Features, Features, Tensor | None]:
        """Weights by their fan-in, what probes record, and outputs at them."""
        values, outputs = ({}, None) if self.probed is None else self.probed.probes(x)
        return by_fan_in(x, self.weights, self.summed), values, outputs

    def _standard(self, values: Features, outputs: Tensor | None) -> tuple[Features, Tensor | None]:
        """What probes record, and outputs at them, standardised."""
        return ({}, None) if self.probed is None or outputs is None else self.probed.standard(values, outputs)
