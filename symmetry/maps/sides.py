"""Halves of diagrams: what a source is pooled to, what a target is spread from, and the core between them.

The blocks of a diagram are of three sorts: those with source positions only are summed over, those with target
positions only are repeated over, and those with both are its *core*. A `Side` is one half of that: a partition of
one piece's positions with the blocks it keeps, in the core's order. Read on the source it is a pool, on the target
a spread.
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
    """The indices that survive from source to target, with the place of each nested one's parent, and its charge."""

    sets: tuple[str, ...]
    parents: tuple[int | None, ...]
    charges: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join(self.sets)


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a diagram: `blocks` partition the piece's joined positions, `kept` are those of the core."""

    piece: Piece
    blocks: Partition
    kept: tuple[int, ...]

    @property
    def core(self) -> Core:
        """The core that this side has, in the order of `kept`."""
        positions = self.piece.positions
        parents = []
        for number in self.kept:
            above = positions[self.blocks[number][0]].parent
            parents.append(None if above is None else self.kept.index(self.block_of(above)))
        names = tuple(positions[self.blocks[number][0]].index.name for number in self.kept)
        return Core(names, tuple(parents), tuple(self.charge(number) for number in self.kept))

    def charge(self, number: int) -> int:
        """The charge that a core keeps of a block."""
        block = self.blocks[number]
        kept = self.piece.positions[block[0]].index.keeps([self.piece.positions[place].charge for place in block])
        if kept is None:
            raise ValueError(f"the block {block} of {self.piece} cannot be part of a core")
        return kept

    @property
    def dropped(self) -> tuple[int, ...]:
        """The blocks outside the core."""
        return tuple(number for number in range(len(self.blocks)) if number not in self.kept)

    def block_of(self, place: int) -> int:
        """The number of the block that holds a position."""
        return next(number for number, block in enumerate(self.blocks) if place in block)

    def room(self) -> dict[tuple[str, int | None], int]:
        """How many blocks outside the core each set has, by the core place of the parent (None for a root set).

        Blocks nested in a block outside the core are left out: they never meet the other side.
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
    """Every side of a piece: a partition of its positions and the blocks that a core may keep.

    `most` bounds how many blocks of each set a core can hold (what the other side has positions for). A nested
    block is kept only with its parents' block. With `ordered`, the kept blocks come in every order that gives the
    canonical core (the sources' sides); without, in the first such order (the targets'): together each diagram is
    one pair of sides.
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
    """Whether the parent of every kept block is kept."""
    above = (side.piece.positions[side.blocks[number][0]].parent for number in side.kept)
    return all(place is None or side.block_of(place) in side.kept for place in above)


def canonical_orders(side: Side) -> list[Side]:
    """The orders of a side's kept blocks that give the canonical form of its core.

    That form has parents before children, indices by name and charge; among what is left, the least tuple of parents.
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
    """Names told apart: each with a prime more than the one before it that is alike.

    >>> primed(["h", "k", "h", "h"])
    ['h', 'k', "h'", "h''"]
    """
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(name + "'" * seen[name])
        seen[name] += 1
    return found
