"""Networks in a row of numbers each, before anything is learned: what they give at probes, and statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.entries import SMALLEST
from layergen.nn.normalisation import Standardise
from layergen.nn.pools import Distribution
from layergen.nn.set_pools import SetStatistics
from symmetry.space.weight_space import WeightSpace

__all__ = ["Summary"]

FAINT = 1e-2
"""Added to the length of the outputs, so that outputs near nought have no direction."""


class Summary(nn.Module):
    """Outputs at probes in three scales, and distributions of weights, of recorded values, and over the probes.

    The outputs are given as they are, divided by their length, and as the logarithm of that length. Over the probes the
    distribution is taken of what each network's outputs at one of them show: how far apart they are, and, the outputs
    being read as logits, the logarithm of the largest probability and the entropy. All of it is invariant and has no
    parameters; as long as probes are not learned it is the same at every step. The statistics are standardised.

    Parameters
    ----------
    weights
        The weight space of the weights; None for no statistics of weights, recorded values and probes.
    channels
        The number of channels of the weights.
    values
        The weight space of the values that probes record, whose channels are the probes; None for none.
    probes, outputs
        The number of probes, and of numbers that a network gives for each.
    fuse
        Whether the outputs themselves are read, beside statistics of them.

    Examples
    --------
    >>> space = WeightSpace({"b": "h"}, sets={"h": 3})
    >>> summary = Summary(space, 1, None, probes=4, outputs=2)
    >>> outputs = torch.randn(5, 8)
    >>> summary({"b": torch.randn(5, 3, 1)}, {}, outputs, outputs).shape, summary.out_features
    (torch.Size([5, 53]), 53)
    """

    def __init__(
        self,
        weights: WeightSpace | None,
        channels: int,
        values: WeightSpace | None,
        *,
        probes: int = 0,
        outputs: int = 0,
        fuse: bool = True,
    ) -> None:
        super().__init__()
        self.probes, self.outputs = probes, probes * outputs if fuse else 0
        self.of_weights = None if weights is None else SetStatistics(weights, channels)
        self.of_values = None if weights is None or values is None else SetStatistics(values, probes, together=True)
        self.over_probes = None if weights is None or not probes else Distribution()
        counts = [pool.out_features for pool in (self.of_weights, self.of_values) if pool is not None]
        self.statistics = sum(counts) + (3 * Distribution.numbers if self.over_probes is not None else 0)
        alone = WeightSpace({"statistics": ""})
        self.standardise = Standardise(alone, self.statistics) if self.statistics else None
        self.out_features = self.statistics + (2 * self.outputs + 1 if self.outputs else 0)

    def seen(self, weights: Features, values: Features, outputs: Tensor | None) -> list[tuple[Standardise, Features]]:
        """The module that is fitted, and the statistics of some networks that it takes."""
        if self.standardise is None:
            return []
        return [(self.standardise, {"statistics": self._statistics(weights, values, outputs)})]

    def forward(self, weights: Features, values: Features, outputs: Tensor | None, standard: Tensor | None) -> Tensor:
        """A row of numbers for each network, `(batch, out_features)`.

        Parameters
        ----------
        weights
            The weights, `{tensor: (batch, *axes, channels)}`.
        values
            What probes record, `{tensor: (batch, *axes, probes)}`.
        outputs, standard
            Outputs at the probes, `(batch, probes * outputs)`, and the same standardised; None without probes.
        """
        rows: list[Tensor] = []
        if self.outputs and standard is not None:
            length = (standard.square().mean(1, keepdim=True) + SMALLEST).sqrt() + FAINT
            rows += [standard, standard / length, length.log()]
        if self.standardise is not None:
            rows.append(self.standardise({"statistics": self._statistics(weights, values, outputs)})["statistics"])
        return torch.cat(rows, dim=1)

    def _statistics(self, weights: Features, values: Features, outputs: Tensor | None) -> Tensor:
        """The distributions, `(batch, statistics)`."""
        rows = []
        if self.of_weights is not None:
            rows.append(self.of_weights(weights))
        if self.of_values is not None:
            rows.append(self.of_values(values))
        if self.over_probes is not None and outputs is not None:
            rows.append(self.over_probes(shown_by(outputs.unflatten(1, (self.probes, -1)))).flatten(1))
        return torch.cat(rows, dim=1)


def shown_by(outputs: Tensor) -> Tensor:
    """The deviation of outputs `(batch, probe, output)`, log of the largest probability, entropy: three channels."""
    logarithms = outputs.log_softmax(-1)
    deviation = outputs.std(-1, correction=0) if outputs.shape[-1] > 1 else outputs[..., 0]
    return torch.stack([deviation, logarithms.amax(-1), -(logarithms.exp() * logarithms).sum(-1)], dim=-1)
