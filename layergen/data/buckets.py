"""Networks looked into: their faults, and buckets of those of one architecture and width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from layergen.data.faults import Fault
from layergen.data.fitting import Signature, Unfit, fitting_space, signature
from layergen.data.listing import Files, Listing
from layergen.data.matrix import Matrix
from layergen.data.reading import Unreadable, read_state
from layergen.stacking import owners
from symmetry.space.weight_space import WeightSpace

__all__ = ["Bucket", "sorted_into_buckets"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Networks of one architecture and width.

    Parameters
    ----------
    number
        The number of their weight space among those of the zoo; -1 where the zoo has none.
    space
        The weight space at their sizes, or None.
    shapes
        The shapes of the tensors that are read, by name.
    dtypes
        Their dtypes, in the same order.
    """

    number: int
    space: WeightSpace | None
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    dtypes: tuple[torch.dtype, ...]


@dataclass(slots=True)
class Kinds:
    """The kind of each network, a number for each signature, and -1 for a network with a fault."""

    listing: Listing
    finite: bool
    of: NDArray[np.int64]
    signatures: dict[Signature, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def number(self, found: Signature) -> int:
        """The number of a signature."""
        return self.signatures.setdefault(found, len(self.signatures))

    def blame(self, networks: Iterable[int], reason: str) -> None:
        """Put down a fault of some networks."""
        for network in networks:
            self.faults.append(Fault(self.listing.names[network], reason))
            self.of[network] = -1

    def look_into_file(self, network: int, source: Files) -> None:
        """Read a network in a file of its own."""
        name = self.listing.names[network]
        try:
            state = read_state(source.folder / name)
        except Unreadable as error:
            self.blame([network], str(error))
            return
        kind = signature(state)
        self.of[network] = self.number(kind)
        for tensor in kind.names if self.finite else ():
            if not state[tensor].isfinite().all():
                self.blame([network], f"{tensor!r} has entries that are not finite")

    def look_into_matrix(self, networks: NDArray[np.int64], source: Matrix) -> None:
        """Put down the kind of a matrix's networks; their numbers are read unless that was done when it was packed."""
        self.of[networks] = self.number(source.signature)
        if self.finite and not source.checked:
            bad = ~source.finite()[self.listing.places[networks, 1]]
            self.blame(networks[bad], "it has entries that are not finite")


def sorted_into_buckets(
    listing: Listing,
    spaces: Sequence[WeightSpace],
    *,
    finite: bool,
    dtype: torch.dtype | None,
    step: Callable[[], object] = lambda: None,
) -> tuple[list[Bucket], NDArray[np.int64], list[Fault]]:
    """The buckets of networks, and their faults.

    Parameters
    ----------
    listing
        The networks.
    spaces
        The weight spaces that they may belong to; without any, networks are of one bucket where their shapes are equal.
    finite
        Whether all weights are read, and must be finite.
    dtype
        The type that weights will be converted to. Where it is None, networks of another type than most are faulty.
    step
        Called after each file that is read.

    Returns
    -------
    tuple of list, ndarray and list
        The buckets, for each network the number of its bucket (-1 for a faulty one), and the faults.
    """
    kinds = Kinds(listing, finite, np.full(len(listing.names), -1, np.int64))
    for number, source in enumerate(listing.sources):
        networks = np.flatnonzero(listing.places[:, 0] == number)
        if isinstance(source, Matrix):
            kinds.look_into_matrix(networks, source)
            continue
        for network in networks:
            kinds.look_into_file(int(network), source)
            step()
    buckets: dict[Bucket, int] = {}
    found = np.full(len(listing.names), -1, np.int64)
    for kind, number in kinds.signatures.items():
        own = np.flatnonzero(kinds.of == number)
        try:
            bucket = bucket_of(kind, spaces)
        except Unfit as error:
            kinds.blame(own, str(error))
        else:
            found[own] = buckets.setdefault(bucket, len(buckets))
    if dtype is None:
        blame_unusual_dtypes(kinds, list(buckets), found)
    return list(buckets), np.where(kinds.of >= 0, found, -1), kinds.faults


def blame_unusual_dtypes(kinds: Kinds, buckets: Sequence[Bucket], found: NDArray[np.int64]) -> None:
    """Put down a fault of networks whose weights are of other types than those of most networks."""
    counts = Counter[frozenset[torch.dtype]]()
    for number, bucket in enumerate(buckets):
        counts[frozenset(bucket.dtypes)] += int((found == number).sum())
    for number, bucket in enumerate(buckets):
        usual = counts.most_common(1)[0][0]
        if (own := frozenset(bucket.dtypes)) != usual:
            kinds.blame(np.flatnonzero(found == number), f"it is {words(own)}, most networks are {words(usual)}")


def bucket_of(kind: Signature, spaces: Sequence[WeightSpace]) -> Bucket:
    """The bucket of networks of a kind. Raises `Unfit` where they belong to none of the spaces."""
    if not spaces:
        return Bucket(-1, None, tuple(zip(kind.names, kind.shapes, strict=True)), kind.dtypes)
    number, seen = fitting_space(kind, spaces)
    dtypes = dict(zip(kind.names, kind.dtypes, strict=True))
    declared = owners(seen)
    shapes = tuple((name, tensor.stored) for name, tensor in declared.items())
    return Bucket(number, seen, shapes, tuple(dtypes[name] for name in declared))


def words(dtypes: Iterable[torch.dtype]) -> str:
    """Some dtypes in words."""
    return " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
