"""Passages: the products of a weight with vectors of neurons that make vectors of other neurons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from symmetry.kinds.index import Invariant
from symmetry.space.layout import Piece, Position
from symmetry.space.weight_space import WeightSpace

__all__ = ["Line", "Passage", "passages"]

Line: TypeAlias = tuple[tuple[str, int], ...]
"""Where vectors live: an index, after those that it is nested within, each by its name and charge."""
LETTERS = "acdefghijlmnopqrstuvwxyz"
"""Names of positions in a product; `b` and `k` are the batch and the channels of weights, `v` those of vectors."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One way through a piece of a tensor: from vectors along one of its positions to vectors along another.

    Parameters
    ----------
    number
        The number of the piece among those of the space.
    source, target
        Where the vectors are that it takes, None where it takes the entries as they are; where those are that it
        makes, of which `()` are outputs of the network.
    taken, made
        The positions of `source` and `target` in the piece.
    free
        The free positions, whose values become channels.
    onward
        Whether it leads from columns to rows, as weights lead in torch's layers.
    """

    number: int
    source: Line | None
    target: Line
    taken: tuple[int, ...]
    made: tuple[int, ...]
    free: tuple[int, ...]
    onward: bool

    def carry(self, entries: Tensor, vectors: Mapping[Line, Tensor], *, even: bool) -> Tensor:
        """Sums over all positions but those of the target and free ones.

        Parameters
        ----------
        entries
            The piece, `(batch, *positions, channels)`.
        vectors
            Vectors by where they live, `(batch, *line, vectors)`.
        even
            Whether sums are divided by the square root of the number of their terms.

        Returns
        -------
        Tensor
            What is made, `(batch, *target, free values · channels · vectors)`.
        """
        letters = [LETTERS[place] for place in range(entries.ndim - 2)]
        made, free, taken = ("".join(letters[place] for place in some) for some in (self.made, self.free, self.taken))
        left, right = "b" + "".join(letters) + "k", f"b{made}{free}k"
        if self.source is None:
            carried = torch.einsum(f"{left}->{right}", entries)
        else:
            carried = torch.einsum(f"{left},b{taken}v->{right}v", entries, vectors[self.source])
        if even:
            terms = math.prod(entries.shape[1:-1]) / math.prod(carried.shape[1 : 1 + len(made + free)])
            carried = carried / math.sqrt(terms)
        return carried.flatten(1 + len(made))


def passages(space: WeightSpace) -> Iterator[Passage]:
    """All passages through the tensors of a weight space, in the order of the tensors.

    A passage sums over one position, and what it takes there transforms against it. Positions that are neither in the
    target nor free are summed over as well; they have to be such that the group does nothing to the entries but move
    them. A tensor whose positions are all in the target, or free, is a passage that takes nothing, such as a bias.

    Parameters
    ----------
    space
        A weight space.

    Yields
    ------
    Passage
        A passage.

    Examples
    --------
    >>> space = WeightSpace({"0.weight": "h x", "2.weight": "g h^-1"}, free={"x": 2}, sets={
    ...     "h": {"size": 8, "scaled": "positive"}, "g": {"size": 8, "scaled": "positive"}})
    >>> for passage in passages(space):
    ...     print(passage.source, "to", passage.target)
    None to (('h', 1),)
    (('h', -1),) to ()
    (('g', -1),) to (('h', -1),)
    (('h', 1),) to (('g', 1),)
    """
    for number, piece in enumerate(space.pieces):
        if any(position.index.acting is not None for position in piece.positions):
            continue
        bound = [place for place in range(len(piece.positions)) if place not in piece.free]
        for target in ends(piece, bound):
            if set(target) == set(bound):
                onward = not (piece.free and target) or target[-1] < piece.free[-1]
                yield Passage(number, None, line(piece, target), (), target, piece.free, onward=onward)
        for last in (end[-1] for end in ends(piece, bound) if end):
            rest = [place for place in bound if place != last]
            for target in ends(piece, rest):
                if all(moved(piece.positions[place]) for place in rest if place not in target):
                    source = lineage(piece, last)
                    ahead = target[-1:] or piece.free  # an output's values stand before what they are summed over
                    onward = bool(ahead) and ahead[-1] < last
                    made = line(piece, target)
                    yield Passage(
                        number, line(piece, source, against=last), made, source, target, piece.free, onward=onward
                    )


def ends(piece: Piece, places: list[int]) -> list[tuple[int, ...]]:
    """The lineages of those of some positions within which none of the others is nested; `()` where there are none."""
    parents = {piece.positions[place].parent for place in places}
    return [lineage(piece, place) for place in places if place not in parents] or [()]


def lineage(piece: Piece, place: int) -> tuple[int, ...]:
    """A position, after those that it is nested within."""
    parent = piece.positions[place].parent
    return (place,) if parent is None else (*lineage(piece, parent), place)


def line(piece: Piece, places: tuple[int, ...], against: int | None = None) -> Line:
    """Where vectors live that transform like some positions of a piece, and against one of them."""
    positions = [(piece.positions[place], place == against) for place in places]
    return tuple((p.index.name, charge_of(p, opposite=opposite)) for p, opposite in positions)


def charge_of(position: Position, *, opposite: bool) -> int:
    """A charge of a position, or one against it; the positive one where both act alike."""
    index, charge = position.index, position.charge
    charge = index.opposite(charge) if opposite else charge
    alike = index.label(abs(charge), read=False) == index.label(charge, read=False)
    return abs(charge) if alike else charge


def moved(position: Position) -> bool:
    """Whether the group only moves entries along a position."""
    return position.index.invariant(position.charge) is Invariant.ENTRY
