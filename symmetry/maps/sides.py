"""Halves of diagrams: a pool of the source, a spread into the target, and the core that joins the two.

The blocks of a diagram are of three sorts: indices of blocks with source positions only are summed, those of blocks
with target positions only are repeated, and blocks with both make the *core*. A `Side` is one half of a diagram: a
partition of one piece's positions, and the blocks that belong to the core, in the core's order. Every pool and every
spread of one core make a diagram (for small sets without the pairs that have too many blocks), so a layer needs one
matrix product for each core.

References
----------
Godfrey, Rawson, Brown and Kvinge, "Fast computation of permutation equivariant layers with the partition algebra",
arXiv:2303.06208, 2023 (a diagram's matrix as a product of small factors); Pearce-Crump, "An algorithm for computing
with Brauer's group equivariant neural network layers", arXiv:2304.14165, 2023 (the same for other groups).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, groupby, permutations, product

from symmetry.maps.partitions import Partition, forest_partitions, half_rule
from symmetry.space.layout import Piece

__all__ = ["Core", "Side", "primed", "sides"]


@dataclass(frozen=True, slots=True)
class Core:
    """The indices that a diagram carries from source to target.

    Parameters
    ----------
    sets
        The name of each index.
    parents
        For each index the number, in the core, of the index that it is nested in; else None.
    charges
        The charge that each block keeps.
    """

    sets: tuple[str, ...]
    parents: tuple[int | None, ...]
    charges: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join(self.sets)


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a diagram.

    Parameters
    ----------
    piece
        A piece of the source, or of the target.
    blocks
        A partition of its joined positions.
    kept
        The numbers of the blocks that belong to the core, in the core's order.
    """

    piece: Piece
    blocks: Partition
    kept: tuple[int, ...]

    @property
    def core(self) -> Core:
        """The core of this side, in the order of `kept`."""
        positions = self.piece.positions
        parents = []
        for number in self.kept:
            above = positions[self.blocks[number][0]].parent
            parents.append(None if above is None else self.kept.index(self.block_of(above)))
        names = tuple(positions[self.blocks[number][0]].index.name for number in self.kept)
        return Core(names, tuple(parents), tuple(self.charge(number) for number in self.kept))

    def charge(self, number: int) -> int:
        """The charge that a block keeps in a core. Raises `ValueError` for a block that cannot belong to a core."""
        block = self.blocks[number]
        kept = self.piece.positions[block[0]].index.keeps([self.piece.positions[place].charge for place in block])
        if kept is None:
            raise ValueError(f"the block {block} of {self.piece} cannot be part of a core")
        return kept

    @property
    def dropped(self) -> tuple[int, ...]:
        """The numbers of the blocks that do not belong to the core."""
        return tuple(number for number in range(len(self.blocks)) if number not in self.kept)

    def block_of(self, place: int) -> int:
        """The number of the block that holds a position."""
        return next(number for number, block in enumerate(self.blocks) if place in block)

    def room(self) -> dict[tuple[str, int | None], int]:
        """The number of blocks outside the core, by set and by the core index that the set is nested in, or None.

        Blocks nested in a block outside the core do not count: they never meet the other side.
        """
        positions = self.piece.positions
        found: dict[tuple[str, int | None], int] = {}
        for number in self.dropped:
            position = positions[self.blocks[number][0]]
            above = None if position.parent is None else self.block_of(position.parent)
            if above is None or above in self.kept:
                key = position.index.name, None if above is None else self.kept.index(above)
                found[key] = found.get(key, 0) + 1
        return found


def sides(piece: Piece, most: Mapping[str, int], *, ordered: bool) -> Iterator[Side]:
    """Every side of a piece.

    Parameters
    ----------
    piece
        A piece of the source, or of the target.
    most
        For each set the largest number of blocks of it in a core: the number of positions that the other side has.
    ordered
        Whether each side comes with its core in every order that gives the canonical form (for sources), or in the
        first such order only (for targets). Each diagram is then exactly one pair of sides.

    Yields
    ------
    Side
        A side; a nested block belongs to the core only with the block of its parents.
    """
    for blocks in forest_partitions(piece.positions, half_rule(piece.positions)):
        indices = [piece.positions[block[0]].index for block in blocks]
        charges = [[piece.positions[place].charge for place in block] for block in blocks]
        options = []
        for name in sorted({index.name for index in indices}):
            own = [number for number, index in enumerate(indices) if index.name == name]
            must = [number for number in own if not indices[number].closes(charges[number])]
            may = [n for n in own if n not in must and indices[n].keeps(charges[n]) is not None]
            sizes = range(min(len(may), most.get(name, 0) - len(must)) + 1)
            options.append([tuple(sorted((*must, *kept))) for size in sizes for kept in combinations(may, size)])
        for chosen in product(*options):
            side = Side(piece, blocks, tuple(number for kept in chosen for number in kept))
            if is_closed(side):
                orders = canonical_orders(side)
                yield from orders if ordered else orders[:1]


def is_closed(side: Side) -> bool:
    """Whether the parents of every block of the core belong to the core."""
    above = (side.piece.positions[side.blocks[number][0]].parent for number in side.kept)
    return all(place is None or side.block_of(place) in side.kept for place in above)


def canonical_orders(side: Side) -> list[Side]:
    """The side with its core in each order that gives the canonical form of the core.

    In canonical form parents come before children, indices are sorted by name and charge, and the tuple of parents is
    the smallest possible.
    """

    def rank(number: int) -> tuple[int, str, int]:
        position, depth = side.piece.positions[side.blocks[number][0]], 0
        name = position.index.name
        while position.parent is not None:
            position, depth = side.piece.positions[position.parent], depth + 1
        return depth, name, side.charge(number)

    groups = [tuple(group) for _, group in groupby(sorted(side.kept, key=rank), key=rank)]
    orders = [
        Side(side.piece, side.blocks, tuple(number for group in order for number in group))
        for order in product(*(permutations(group) for group in groups))
    ]
    keys = [tuple(-1 if parent is None else parent for parent in order.core.parents) for order in orders]
    return [order for order, key in zip(orders, keys, strict=True) if key == min(keys)]


def primed(names: Iterable[str]) -> list[str]:
    """Names told apart by primes: each occurrence of a name has one prime more than the occurrence before.

    >>> primed(["h", "k", "h", "h"])
    ['h', 'k', "h'", "h''"]
    """
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(name + "'" * seen[name])
        seen[name] += 1
    return found
