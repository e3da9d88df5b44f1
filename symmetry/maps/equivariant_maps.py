"""All equivariant linear maps of a weight space, or between two that share sets: their blocks and exact dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from symmetry.language.errors import SpecificationError
from symmetry.maps.cores import check_core, core_sets
from symmetry.maps.diagrams import Diagram, block_diagrams
from symmetry.maps.figures import block_figures
from symmetry.maps.isotypic import sources, targets
from symmetry.maps.relations import check_single
from symmetry.maps.totals import free_size, movers, one, total
from symmetry.space.layout import Piece
from symmetry.space.markup import maps_table
from symmetry.space.reading import orders
from symmetry.space.showing import drawing, explaining
from symmetry.space.weight_space import SCALAR, Tensor, WeightSpace

if TYPE_CHECKING:
    import sympy

__all__ = ["LIMIT", "Block", "EquivariantMaps", "Terms", "check_limit", "readable"]

Terms = str | Callable[[Tensor, Tensor], bool]
"""The option `terms`: "all", "local", or a predicate on a target tensor and a source tensor."""

LIMIT = 100_000
"""The largest number of diagrams that are listed by default."""


def check_limit(count: int, limit: int, what: str) -> None:
    """Raise `SpecificationError`, with the count, if more than `limit` diagrams would be listed."""
    if count > limit:
        raise SpecificationError(
            f"{what} has {readable(count)} diagrams, more than the limit of {limit:,}",
            remedy="the dimension is exact without listing them; to list them all the same, raise the limit",
        )


def readable(count: int) -> str:
    """A count in full, or its magnitude where it has very many digits."""
    return f"{count:,}" if count < 10**30 else f"about 10^{int(math.log10(count))}"


@dataclass(frozen=True, slots=True, repr=False)
class Block:
    """The equivariant maps from one tensor to one tensor. Iterating gives the diagrams, which are a basis.

    `EquivariantMaps.block` makes blocks. Iterating raises `SpecificationError` for more than 100,000 diagrams.

    Parameters
    ----------
    target, source
        The tensors that the maps write and read.

    Examples
    --------
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
        """The number of diagrams with free values open."""
        return total([self.target], [self.source], weight=one)

    @property
    def piece_pairs(self) -> list[tuple[Piece, Piece]]:
        """The pairs of pieces, of the target and of the source, that the block is the direct sum of."""
        return list(product(targets(self.target), sources(self.source)))

    def diagrams(self, *, limit: int = LIMIT, opened: bool = False) -> Iterator[Diagram]:
        """The diagrams of the block.

        Parameters
        ----------
        limit
            The largest number of diagrams to list.
        opened
            Whether one diagram, with open values, stands for all that differ in free values only.

        Returns
        -------
        Iterator[Diagram]
            As many diagrams as the dimension, or with `opened` as `diagram_count`.

        Raises
        ------
        SpecificationError
            At once, before a diagram is made, if there are more than `limit`.

        Examples
        --------
        >>> space = WeightSpace({"b": "h", "c": "y"}, sets={"h": 32}, free={"y": 10})
        >>> block = EquivariantMaps(space).block(target="c", source="b")
        >>> len(list(block.diagrams())), [str(diagram) for diagram in block.diagrams(opened=True)]
        (10, ['c[y] <- b[h]'])
        """
        check_limit(self.diagram_count if opened else self.dimension, limit, f"the block {self}")
        return block_diagrams(self.target, self.source, opened=opened)

    def draw(self) -> Any:
        """Draw the diagrams of the block, as `layergen.drawing.partition_diagrams` does.

        Returns
        -------
        matplotlib.figure.Figure
            The picture, for `layergen.drawing.picture` to make a file of.
        """
        return drawing().partition_diagrams(self)

    def __iter__(self) -> Iterator[Diagram]:
        return self.diagrams()

    def __str__(self) -> str:
        return f"{self.target} <- {self.source}"

    def __repr__(self) -> str:
        return f"Block({self}: dimension {readable(self.dimension)})"

    def _repr_html_(self) -> str:
        """The first diagrams of the block drawn, for notebooks."""
        few = self.diagram_count <= LIMIT
        return block_figures(str(self), self.diagram_count, self.diagrams(opened=True) if few else ())


@dataclass(frozen=True, slots=True, init=False, repr=False)
class EquivariantMaps:
    """All linear maps from `source` to `target` that commute with the group of both spaces.

    Sets of one name in both spaces are the same set. The maps are the direct sum of blocks, one for each pair of a
    target tensor and a source tensor; the diagrams of a block are its basis, and a layer has one parameter for each
    diagram and each pair of channels. Two options bound what grows with the square of the number of tensors: `terms`
    leaves out blocks, `rank` bounds the rank of the matrices that the layer multiplies with. Neither changes the
    biases.

    Parameters
    ----------
    source
        The space of the features that the maps read.
    target
        The space of the features that the maps write: by default `source`; `SCALAR` for invariants.
    terms
        The blocks that the maps have. `"all"`; `"local"`: the blocks between tensors that share a set, a positional
        index or a group (a nested set counts as its outermost parent), and from each tensor to the one of its name; or
        a predicate on a target tensor and a source tensor, true for the blocks to keep.
    rank
        Bounds on ranks by core: `{"": 8}` for the scalar core, `{"h2 h1": 4}` for a core with these sets, in any order;
        an integer is a bound for the scalar core. The bounded matrix takes all features pooled over the core, `(free
        values of the pools · in_channels)`, to all features spread from it, `(free values of the spreads ·
        out_channels)`; where not every spread can use every pool (for small sets, or by `terms`) there is a matrix for
        each group of pools. A layer stores it as a product of two; a bound above the full rank counts as the full rank.
        Maps of bounded rank are no linear space: `dimension` stays that of the space that contains them.

    Raises
    ------
    SpecificationError
        If an index of one name is declared differently in the two spaces; if a tensor has an ordered index twice; if
        `terms` is none of the options; if a rank is no positive integer, or bounds a core that no diagram has (the
        message lists the cores).

    References
    ----------
    Maron, Ben-Hamu, Shamir and Lipman, "Invariant and equivariant graph networks", ICLR 2019, theorem 1 (dimensions for
    one set); Zhou et al., "Permutation equivariant neural functionals", NeurIPS 2023, and Navon et al., "Equivariant
    architectures for learning in deep weight spaces", ICML 2023 (the maps of perceptrons, block by block).

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
        check_orders(source, target)
        check_single((*source, *target))
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

    def __str__(self) -> str:
        """The layer that the maps are, one line a core (`layergen.explain`); of very many diagrams the sizes."""
        return str(explaining().explain(self)) if self.diagram_count <= LIMIT else repr(self)

    def _repr_html_(self) -> str:
        """The dimensions of all blocks as a table, for notebooks; of more than 30 tensors the total alone."""
        shown = len(self.source) <= 30 and len(self.target) <= 30
        dimensions = [
            [Block(target, source).dimension if self.includes(target, source) else None for source in self.source]
            for target in (self.target if shown else ())
        ]
        targets = self.target.names if shown else ()
        return maps_table(targets, self.source.names if shown else (), dimensions, repr(self))

    def draw(self) -> Any:
        """Draw the block matrix, as `layergen.drawing.block_matrix` does.

        Returns
        -------
        matplotlib.figure.Figure
            The picture, for `layergen.drawing.picture` to make a file of.
        """
        return drawing().block_matrix(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each index of either space by name."""
        return self.source.sizes | self.target.sizes

    @property
    def restriction(self) -> str:
        """The options `terms` and `rank` in words; empty where the maps are all there are."""
        parts = []
        if self.terms != "all":
            parts.append(f"terms {self.terms if isinstance(self.terms, str) else predicate_name(self.terms)}")
        parts += [f"rank of core ({core}) at most {rank}" for core, rank in self.ranks]
        return ", ".join(parts)

    def includes(self, target: Tensor, source: Tensor) -> bool:
        """Whether the maps have the block from `source` to `target`.

        Parameters
        ----------
        target, source
            A tensor of the target space and one of the source space.

        Returns
        -------
        bool
            True if the option `terms` keeps the block.
        """
        if callable(self.terms):
            return bool(self.terms(target, source))
        return self.terms == "all" or target.name == source.name or bool(movers(target) & movers(source))

    @property
    def dimension(self) -> int:
        """The exact dimension of the blocks that `terms` keeps: the number of parameters for a pair of channels.

        The option `rank` does not change it; a layer stores a matrix of bounded rank as a product of two matrices.
        """
        return self.total(free_size)

    @property
    def bias_dimension(self) -> int:
        """The exact dimension of the equivariant biases: the number of bias parameters for an output channel."""
        return total(self.target, SCALAR, weight=free_size)

    @property
    def blocks(self) -> Iterator[Block]:
        """The blocks that `terms` keeps, by target tensor, then by source tensor."""
        near: dict[str, dict[int, Tensor]] = {}
        for number, source in enumerate(self.source if self.terms == "local" else ()):
            for name in (source.name, *movers(source)):
                near.setdefault(name, {})[number] = source
        for target in self.target:
            sources: Iterable[Tensor] = self.source
            if self.terms == "local":  # only the sources that share a mover with the target
                found = {n: t for name in (target.name, *movers(target)) for n, t in near.get(name, {}).items()}
                sources = (found[number] for number in sorted(found))
            yield from (Block(target, source) for source in sources if self.includes(target, source))

    @property
    def bias_blocks(self) -> Iterator[Block]:
        """For each target tensor the block from a scalar: its equivariant biases."""
        return (Block(target, SCALAR.tensors[0]) for target in self.target)

    @property
    def diagram_count(self) -> int:
        """The number of diagrams of all blocks and biases, with free values open."""
        return self.total(one) + total(self.target, SCALAR, weight=one)

    def total(self, weight: Callable[[Piece], Any], *, bounded: bool = True) -> Any:
        """The number of diagrams of all blocks, weighted by the two pieces of each diagram.

        Parameters
        ----------
        weight
            The weight of a piece, as in `symmetry.maps.totals.total`: a number or a polynomial.
        bounded
            Whether sets have their declared sizes; else every set is large.

        Returns
        -------
        Any
            Σ over pairs of pieces of diagrams × weight of the target piece × weight of the source piece.
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
            Names of a tensor of the target space and of a tensor of the source space; pass them by keyword.

        Returns
        -------
        Block
            The block, whether or not the option `terms` keeps it.

        Raises
        ------
        SpecificationError
            If there is no tensor of that name; the message lists the tensors.

        Examples
        --------
        >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 32}, free={"y": 10})
        >>> EquivariantMaps(space).block(target="b", source="w").dimension
        100
        """
        return Block(self.target[target], self.source[source])

    def symbolic_dimension(self) -> sympy.Expr:
        """The dimension as a polynomial in the free sizes, where every set is large.

        Returns
        -------
        sympy.Expr
            A polynomial; named free sizes are symbols, anonymous ones numbers.

        Raises
        ------
        SpecificationError
            If the polynomial would have too many monomials to write out.

        Examples
        --------
        >>> space = WeightSpace({"w": "y h", "b": "y"}, sets={"h": 32}, free={"y": 10})
        >>> EquivariantMaps(space).symbolic_dimension()
        5*y**2
        """
        from symmetry.maps.symbolic import symbolic_dimension

        return symbolic_dimension(self)


def check_orders(source: WeightSpace, target: WeightSpace) -> None:
    """Raise `SpecificationError` for an index that is too small for its diagrams to be a basis."""
    sizes = source.sizes | target.sizes
    for index in (*source.indices, *target.indices):
        if index.joined and not index.exact_below and sizes[index.name] < orders(source, target)[index.name]:
            least = orders(source, target)[index.name]
            raise SpecificationError(
                f"{index.noun} {index.name!r} has the size {index.size}, at which its diagrams are not independent",
                remedy=f"tensors have so many positions of it that they are from the size {least} on",
            )


def check_terms(terms: Terms) -> Terms:
    """Return `terms` if it is a valid option, else raise `SpecificationError`."""
    if not isinstance(terms, str) and callable(terms):
        return terms
    if terms in ("all", "local"):
        return terms
    raise SpecificationError(
        f"terms are {terms!r}", remedy="give 'all', 'local', or a predicate on (target, source) tensors"
    )


def check_ranks(rank: int | Mapping[Any, Any] | None) -> tuple[tuple[str, int], ...]:
    """The ranks by core, sets in the given order. Raises `SpecificationError` unless all are positive integers."""
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
    """A predicate in words, for `restriction`."""
    return f"by {getattr(predicate, '__name__', type(predicate).__name__)}"


def check_shared(source: WeightSpace, target: WeightSpace) -> None:
    """Raise `SpecificationError` if an index of both spaces is not declared alike in both."""
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
