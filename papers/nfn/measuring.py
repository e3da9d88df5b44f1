"""What the kit says of each layer of nfn: one judgement a layer, symmetry and network."""

from __future__ import annotations

from dataclasses import dataclass

from layergen.testing import Coverage, Verdict, check, coverage, sensitivity
from papers.chains import SYMMETRIES, Chain
from papers.nfn.layers import CHANNELS, LINEAR, NONLINEAR, Readout, pool

__all__ = ["Judged", "Pooled", "Watched", "judge", "judge_pool", "watch"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A linear layer: is it equivariant, which further symmetry was found, what of the equivariant maps it reaches."""

    layer: str
    symmetry: str
    chain: Chain
    equivariance: Verdict
    further: Verdict
    coverage: Coverage


def judge(layer: str, symmetry: str, chain: Chain, *, shrink: bool = False) -> Judged:
    """Check a linear layer; with `shrink` its maps are counted at the smallest widths that show all of them."""
    make, space = LINEAR[layer], SYMMETRIES[symmetry](chain)
    made = make(space)
    return Judged(
        layer,
        symmetry,
        chain,
        check(made, space, form="nfn", channels=1),
        sensitivity(made, space, form="nfn", channels=1),
        coverage(make if shrink else made, space, form="nfn", channels=1, shrink=shrink),
    )


@dataclass(frozen=True, slots=True)
class Pooled:
    """A pool: is it invariant, which further symmetry was found, what it reaches alone and with a linear readout."""

    layer: str
    symmetry: str
    chain: Chain
    invariance: Verdict
    further: Verdict
    alone: Coverage
    readout: Coverage

    @property
    def features(self) -> int:
        """How many numbers the pool gives for each channel."""
        return self.alone.channels[1]


def judge_pool(layer: str, symmetry: str, chain: Chain) -> Pooled:
    """Check a pool."""
    space = SYMMETRIES[symmetry](chain)
    made = pool(layer, space)
    return Pooled(
        layer,
        symmetry,
        chain,
        check(made, space, invariant=True, form="nfn", channels=1),
        sensitivity(made, space, invariant=True, form="nfn", channels=1),
        coverage(made, space, invariant=True, form="nfn", channels=1),
        coverage(Readout(layer, space), space, invariant=True, form="nfn", channels=1),
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """What is not linear: is it equivariant, and which further symmetry was found."""

    layer: str
    symmetry: str
    chain: Chain
    parameters: int
    equivariance: Verdict
    further: Verdict


def watch(layer: str, symmetry: str, chain: Chain) -> Watched:
    """Check what is not linear."""
    space = SYMMETRIES[symmetry](chain)
    made = NONLINEAR[layer](space)
    return Watched(
        layer,
        symmetry,
        chain,
        sum(parameter.numel() for parameter in made.parameters()),
        check(made, space, form="nfn", channels=CHANNELS),
        sensitivity(made, space, form="nfn", channels=CHANNELS),
    )
