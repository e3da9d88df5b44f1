"""Graphs with what probes show: what networks compute along the way, beside their weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from layergen.graph.data import Network, space_of
from layergen.stacking import stack
from symmetry.language.axes import print_axes
from symmetry.space.weight_space import WeightSpace

__all__ = ["ProbedNetworks", "Probing"]


class Probing(Protocol):
    """What runs networks of one weight space, as `layergen.nn.Probes` does."""

    weights: WeightSpace
    space: WeightSpace
    count: int

    def __call__(self, x: Mapping[str, Tensor]) -> tuple[Mapping[str, Tensor], Tensor]:
        """The recorded values, features of `space` with `count` channels, and the outputs."""


class ProbedNetworks(nn.Module):
    """Run networks on probes, and put what is recorded on their sets beside their weights.

    What is recorded is a tensor like any other, with the probes as its last axis: in a graph the nodes of a set hold
    what is recorded on the set, and edges what is recorded on two. Values on no set are left out, and so are the
    outputs.

    Parameters
    ----------
    probes
        Modules as `layergen.nn.Probes`, one for each architecture and width.

    Examples
    --------
    >>> import torch
    >>> from layergen.nn import Probes
    >>> module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    >>> probes = Probes(module, [torch.randn(4, 2)], count=4)
    >>> ((space, state),) = ProbedNetworks([probes])([(probes.weights, module.state_dict())])
    >>> [str(tensor) for tensor in space if tensor.name not in probes.weights.names]
    ['probe.0[h_0 1 4]', 'probe.1[h_0 1 4]']
    """

    def __init__(self, probes: Sequence[Probing]) -> None:
        super().__init__()
        self.probes = nn.ModuleList(probes)  # type: ignore[arg-type]  # each is a module
        self.own = {one.weights: number for number, one in enumerate(probes)}
        self.wide: dict[WeightSpace, WeightSpace] = {}
        self.names = {name for one in probes for name in shown(one)}

    def forward(self, networks: Iterable[Network]) -> list[Network]:
        """The networks with what is recorded of them.

        Parameters
        ----------
        networks
            For each network its weight space, or its trace, and its `state_dict`.

        Returns
        -------
        list of tuple
            For each network a weight space with the recorded tensors, and the tensors.

        Raises
        ------
        ValueError
            If no probes run networks of a network's weight space.
        """
        pairs = list(networks)
        chosen = [self._number(space) for space, _ in pairs]
        found: list[Network] = list(pairs)
        for number in set(chosen):
            probes: Any = self.probes[number]
            places = [place for place, other in enumerate(chosen) if other == number]
            states = [{name: pairs[place][1][name] for name in probes.weights.names} for place in places]
            values, _ = probes(stack(states, probes.weights))
            for row, place in enumerate(places):
                own = {name: values[name][row].unsqueeze(-2) for name in shown(probes)}
                found[place] = self._wide(pairs[place][0], probes), {**pairs[place][1], **own}
        return found

    def _number(self, space: Any) -> int:
        """The number of the probes that run networks of a space or trace."""
        for one in (space_of(space), getattr(space, "space", space)):
            if one in self.own:
                return self.own[one]
        known = "; ".join(", ".join(map(str, one)) for one in self.own)
        raise ValueError(f"no probes run networks of the space {', '.join(map(str, space_of(space)))}; given: {known}")

    def _wide(self, space: Any, probes: Probing) -> WeightSpace:
        """The weight space of a network with the recorded tensors."""
        space = space_of(space)
        if space not in self.wide:
            declared, sections = space.declarations({})
            self.wide[space] = WeightSpace({**declared, **shown(probes)}, **sections)
        return self.wide[space]


def shown(probes: Probing) -> dict[str, str]:
    """By name the axes of the recorded tensors over one set or more, with the probes behind them.

    An axis of length 1 tells the probes from an axis of inputs, each of which would be a node.
    """
    alone = {piece.tensor for piece in probes.space.pieces if not piece.joined}
    return {t.name: f"{print_axes(t.axes)} 1 {probes.count}" for t in probes.space if t.name not in alone}
