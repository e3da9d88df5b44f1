"""The equivariant linear maps of a weight space, or between two that share sets: blocks and exact dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from symmetry.language.errors import SpecificationError
from symmetry.maps.cores import check_core, core_sets
from symmetry.maps.diagrams import Diagram, block_diagrams
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.totals import free_size, movers, one, total
from symmetry.space.layout import Piece
from symmetry.space.weight_space import SCALAR, Tensor, WeightSpace

if TYPE_CHECKING:
    import sympy

__all__ = ["LIMIT", "Block", "EquivariantMaps", "Terms", "check_limit", "readable"]

Terms = str | Callable[[Tensor, Tensor], bool]
"""Which blocks are kept: "all", "local", or a predicate on (target, source) tensors."""

LIMIT = 100_000
"""How many diagrams are listed by default; more are refused before a start is made."""


def check_limit(count: int, limit: int, what: str) -> None:
    """Raise `SpecificationError` with the count if more than `limit` diagrams would be listed."""
    if count > limit:
        raise SpecificationError(
            f"{what} has {readable(count)} diagrams, more than the limit of {limit:,}",
            remedy="the dimension is exact without listing them; to list them all the same, raise the limit",
        )


def readable(count: int) -> str:
    """A count in full, or its magnitude where it has very many digits."""
    return f"{count:,}" if count < 10**30 else f"about 10^{int(math.log10(count))}"


@dataclass(frozen=True, slots=True)
class Block:
    """The equivariant maps from one tensor to one tensor. Iterating it gives its diagrams, a basis.

    >>> space = WeightSpace({"w": "h h"}, sets={"h": 3})
    >>> block = EquivariantMaps(space).block(target="w", source="w")
    >>> block.dimension, len(list(block))
    (14, 14)
    """

    target: Tensor
    source: Tensor

    @property
    def dimension(self) -> int:
        """The exact dimension, for sets of every size."""
        return total([self.target], [self.source], weight=free_size)

    @property
    def diagram_count(self) -> int:
        """The number of diagrams with free values left open."""
        return total([self.target], [self.source], weight=one)

    @property
    def piece_pairs(self) -> list[tuple[Piece, Piece]]:
        """The pairs of pieces that the block is the direct sum of."""
        return list(product(targets(self.target), sources(self.source)))

    def diagrams(self, *, limit: int = LIMIT, opened: bool = False) -> Iterator[Diagram]:
        """The diagrams, as many as the dimension; with `opened` one for all that differ in free values alone.

        Raises `SpecificationError` at once, before any is made, if there are more than `limit`.
        """
        check_limit(self.diagram_count if opened else self.dimension, limit, f"the block {self}")
        return block_diagrams(self.target, self.source, opened=opened)

    def __iter__(self) -> Iterator[Diagram]:
        return self.diagrams()

    def __str__(self) -> str:
        return f"{self.target} <- {self.source}"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class EquivariantMaps:
    """All linear maps from `source` to `target` that commute with the symmetries of the neurons.

    Sets of one name in both are the same set. The maps are the direct sum of blocks, one for each pair of a target and
    a source tensor; a block's basis is its diagrams, and a layer has one parameter for each of them and each pair of
    channels. Two restrictions bound what grows with the square of the number of tensors: `terms` leaves out blocks,
    `rank` bounds the rank of the matrices that the layer multiplies with.

    Parameters
    ----------
    source
        The space of the features that the maps read.
    target
        The space of the features that they write: by default `source`; `SCALAR` for the invariants.
    terms
        Which blocks are kept. `"all"`; `"local"`: those between tensors that share a set or a group, and from each
        tensor to itself; a predicate: those of which `terms(target tensor, source tensor)` is true.
    rank
        For some cores, a bound on the rank of the matrix, `(free values of the pools · in_channels)` by `(free values
        of the spreads · out_channels)`, that takes all pooled features over the core to all that are spread from it.
        `{"": 8}` bounds that of the scalar core, `{"h2 h1": 4}` that of a core by its sets in any order; an integer
        stands for the scalar core. A bound that the matrix does not reach changes nothing. Maps of bounded rank are no
        linear space: `dimension` is then that of the space they lie in.

    Raises
    ------
    SpecificationError
        If an index of one name is declared differently in the two spaces, or if `rank` names a core that no diagram
        has; the message lists the cores.

    References
    ----------
    Maron, Ben-Hamu, Shamir and Lipman, "Invariant and equivariant graph networks", ICLR 2019 (diagrams as a basis);
    Zhou et al., "Permutation equivariant neural functionals", NeurIPS 2023, and Navon et al., "Equivariant
    architectures for learning in deep weight spaces", ICML 2023 (the maps of perceptrons).

    Examples
    --------
    >>> space = WeightSpace({"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"},
    ...                     sets={"h": 32}, free={"x": 2, "y": 1})
    >>> maps = EquivariantMaps(space)
    >>> maps.dimension, maps.bias_dimension
    (41, 5)
    >>> EquivariantMaps(space, SCALAR).dimension      # invariants
    5
    >>> maps = EquivariantMaps(space, terms="local", rank=8)
    >>> maps.dimension, maps.restriction
    (33, 'terms local, rank of core () at most 8')
    """

    source: WeightSpace
    target: WeightSpace
    terms: Terms
    ranks: tuple[tuple[str, int], ...]

    def __init__(
        self,
        source: WeightSpace,
        target: WeightSpace | None = None,
        *,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
    ) -> None:
        target = source if target is None else target
        check_shared(source, target)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "terms", check_terms(terms))
        object.__setattr__(self, "ranks", check_ranks(rank))
        for core, _ in self.ranks:
            check_core(self, core)

    def __repr__(self) -> str:
        restriction = f", {self.restriction}" if self.restriction else ""
        sizes = f"{len(self.source)} tensors to {len(self.target)}, dimension {readable(self.dimension)}"
        return f"EquivariantMaps({sizes}{restriction})"

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each index of either side by name."""
        return self.source.sizes | self.target.sizes

    @property
    def restriction(self) -> str:
        """What is left out of the whole space, in words; empty for the whole space."""
        parts = []
        if self.terms != "all":
            parts.append(f"terms {self.terms if isinstance(self.terms, str) else predicate_name(self.terms)}")
        parts += [f"rank of core ({core}) at most {rank}" for core, rank in self.ranks]
        return ", ".join(parts)

    def includes(self, target: Tensor, source: Tensor) -> bool:
        """Whether the block from `source` to `target` is among the maps."""
        if callable(self.terms):
            return bool(self.terms(target, source))
        return self.terms == "all" or target == source or bool(movers(target) & movers(source))

    @property
    def dimension(self) -> int:
        """The exact dimension: parameters a channel pair."""
        return self.total(free_size)

    @property
    def bias_dimension(self) -> int:
        """The exact dimension of the equivariant biases: parameters an output channel."""
        return total(self.target, SCALAR, weight=free_size)

    @property
    def blocks(self) -> Iterator[Block]:
        """Every block that is included, targets in order and sources in order within them."""
        near: dict[str, dict[int, Tensor]] = {}
        for number, source in enumerate(self.source if self.terms == "local" else ()):
            for name in (source.name, *movers(source)):
                near.setdefault(name, {})[number] = source
        for target in self.target:
            sources: Iterable[Tensor] = self.source
            if self.terms == "local":  # of many tensors only those that may share something are looked at
                found = {n: t for name in (target.name, *movers(target)) for n, t in near.get(name, {}).items()}
                sources = (found[number] for number in sorted(found))
            yield from (Block(target, source) for source in sources if self.includes(target, source))

    @property
    def bias_blocks(self) -> Iterator[Block]:
        """For each target tensor the block from a scalar: its equivariant biases."""
        return (Block(target, SCALAR.tensors[0]) for target in self.target)

    @property
    def diagram_count(self) -> int:
        """The number of diagrams of all blocks and biases, free values left open."""
        return self.total(one) + total(self.target, SCALAR, weight=one)

    def total(self, weight: Callable[[Piece], Any], *, bounded: bool = True) -> Any:
        """The number of diagrams of all blocks, each counted so often as its two pieces weigh: `symmetry.maps.totals`.

        A number, or a polynomial where weights are.
        """
        if callable(self.terms):
            blocks = ((block.target, block.source) for block in self.blocks)
            return sum(total([target], [source], weight=weight, bounded=bounded) for target, source in blocks)
        local = self.terms == "local"
        return total(self.target, self.source, local=local, weight=weight, bounded=bounded)

    def block(self, target: str, source: str) -> Block:
        """The block from tensor `source` to tensor `target`.

        Parameters
        ----------
        target, source
            Names of a tensor of the target space and of one of the source space; say which by keyword.

        Raises
        ------
        SpecificationError
            If there is no such tensor; the message lists those that there are.

        Examples
        --------
        >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 32}, free={"y": 10})
        >>> EquivariantMaps(space).block(target="b", source="w").dimension
        100
        """
        return Block(self.target[target], self.source[source])

    def symbolic_dimension(self) -> sympy.Expr:
        """The dimension in the free sizes, every set large enough; a `sympy` expression.

        >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 32}, free={"y": 10})
        >>> EquivariantMaps(space).symbolic_dimension()
        5*y**2
        """
        from symmetry.maps.symbolic import symbolic_dimension

        return symbolic_dimension(self)


def check_terms(terms: Terms) -> Terms:
    """Return `terms` if it says which blocks to keep, else raise `SpecificationError`."""
    if not isinstance(terms, str) and callable(terms):
        return terms
    if terms in ("all", "local"):
        return terms
    raise SpecificationError(
        f"terms are {terms!r}", remedy="give 'all', 'local', or a predicate on (target, source) tensors"
    )


def check_ranks(rank: int | Mapping[Any, Any] | None) -> tuple[tuple[str, int], ...]:
    """The ranks by core, each core's sets in the order given; raises `SpecificationError` unless they are positive."""
    ranks = {} if rank is None else rank if isinstance(rank, Mapping) else {"": rank}
    seen: set[tuple[str, ...]] = set()
    for core, bound in ranks.items():
        if not isinstance(core, str) or isinstance(bound, bool) or not isinstance(bound, int) or bound < 1:
            raise SpecificationError(f"rank {bound!r} of core {core!r}", remedy='ranks are integers, as in {"": 8}')
        if core_sets(core) in seen:
            raise SpecificationError(f"core {core!r} has two ranks", remedy="the order of its sets plays no part")
        seen.add(core_sets(core))
    return tuple((" ".join(core.split()), bound) for core, bound in ranks.items())


def predicate_name(predicate: Callable[[Tensor, Tensor], bool]) -> str:
    return f"by {getattr(predicate, '__name__', type(predicate).__name__)}"


def check_shared(source: WeightSpace, target: WeightSpace) -> None:
    """Raise `SpecificationError` if an index is declared in both spaces but not alike."""
    declared = {index.name: index for index in source.indices}
    for index in target.indices:
        other = declared.get(index.name, index)
        if other != index:
            raise SpecificationError(
                f"{index.name!r} is {index.declaration()} in [{index.section}] of the target, but "
                f"{other.declaration()} in [{other.section}] of the source",
                remedy="an index that two weight spaces share is declared alike in both",
            )
    names = {index.name for space in (source, target) for index in space.indices}
    for group in (*source.groups, *target.groups):
        if group in names:
            raise SpecificationError(f"{group!r} is the name of a group and of an index", remedy="rename the index")
