"""Probes as a part of a metanetwork: what they record becomes tensors beside the weights."""

from __future__ import annotations

from torch import Tensor, nn

from layergen.features import Features
from layergen.nn.embedding import PerTensorLinear
from layergen.nn.folding import folded
from layergen.nn.normalisation import Standardise
from layergen.nn.probes import Probes, beside
from symmetry.language.axes import print_axes
from symmetry.language.names import fresh_name
from symmetry.space.weight_space import WeightSpace

__all__ = ["ProbeReading"]


class ProbeReading(nn.Module):
    """Make features of what probes record, the probes being their channels, and of what the networks give.

    Values and outputs are standardised and go through a linear map for each tensor. The outputs are the channels of a
    tensor without axes. Takes standardised values `{tensor: (batch, *axes, probes)}` and outputs `(batch,
    probes.out_features)`, gives features `{tensor: (batch, *axes, channels)}` of the recorded tensors and the outputs.

    Parameters
    ----------
    probes
        The probes.
    space
        The weight space of the networks. The module's attribute `space` has the recorded tensors and the outputs too.
    channels
        The number of channels of the features given.
    outputs
        Whether there is a tensor of the outputs.

    Raises
    ------
    ValueError
        If the probes run networks of another space.

    Examples
    --------
    >>> import torch
    >>> module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    >>> probes = Probes(module, [torch.randn(4, 2)], count=4)
    >>> ProbeReading(probes, probes.weights, channels=8).space.names[-3:]
    ('probe.0', 'probe.1', 'probe outputs')
    """

    def __init__(self, probes: Probes, space: WeightSpace, channels: int, *, outputs: bool = True) -> None:
        super().__init__()
        if probes.weights != space and folded(probes.weights) != space:
            other = sorted({*map(str, space)} ^ {*map(str, probes.weights)}) or ["sizes or kinds of indices"]
            remedy = "make them with space=, or take probes.weights for the weight space"
            raise ValueError(f"the probes run networks of another weight space ({', '.join(other[:4])}): {remedy}")
        recorded = {tensor.name: print_axes(tensor.own_axes) for tensor in probes.space}
        self.outputs = fresh_name("probe outputs", {*space.names, *recorded})
        self.probes, self.space = probes, beside(space, recorded | ({self.outputs: ""} if outputs else {}))
        alone = WeightSpace({self.outputs: ""})
        self.values_standard = Standardise(probes.space, probes.count, together=True)
        self.outputs_standard = Standardise(alone, probes.out_features, together=True)
        self.values_lift = PerTensorLinear(probes.space, probes.count, channels)
        self.outputs_lift = PerTensorLinear(alone, probes.out_features, channels) if outputs else None

    def seen(self, values: Features, outputs: Tensor) -> list[tuple[Standardise, Features]]:
        """The modules that are fitted, and the features that each of them takes of what probes show.

        Parameters
        ----------
        values, outputs
            Recorded values and outputs, as the probes give them.

        Returns
        -------
        list of tuple
            Modules and features.
        """
        return [(self.values_standard, values), (self.outputs_standard, {self.outputs: outputs})]

    def standard(self, values: Features, outputs: Tensor) -> tuple[Features, Tensor]:
        """Recorded values and outputs, standardised."""
        return self.values_standard(values), self.outputs_standard({self.outputs: outputs})[self.outputs]

    def forward(self, values: Features, outputs: Tensor) -> Features:
        lifted: Features = self.values_lift(values)
        if self.outputs_lift is not None:
            lifted |= self.outputs_lift({self.outputs: outputs})
        return lifted
