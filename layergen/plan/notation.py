"""Diagrams in index notation, as comments give them: `h1 h2 <- 2.weight[h2 h1]`, and shapes, `(batch, h1, 2·in)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layergen.plan.names import identifier
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.maps.isotypic import sources
from symmetry.maps.sides import Core, Side, primed
from symmetry.space.layout import Piece
from symmetry.space.weight_space import WeightSpace

__all__ = ["core_text", "kept_text", "piece_text", "printable", "shape_of", "shape_text", "side_name", "tensor_name"]


def tensor_name(space: WeightSpace, piece: Piece) -> str:
    """The identifier of a piece: its tensor's, with a number where the tensor has several pieces."""
    several = len(sources(space[piece.tensor])) > 1
    return identifier(piece.tensor) + (f"_p{piece.number}" if several else "")


def side_name(space: WeightSpace, side: Side) -> str:
    """An identifier for the value of a side: its piece, `diagonal` if it identifies positions, what it keeps."""
    names = primed(side.piece.positions[block[0]].index.name for block in side.blocks)
    kept = [names[number].replace("'", "_prime").replace(".", "_") for number in side.kept] or ["all"]
    merged = ["diagonal"] if any(len(block) > 1 for block in side.blocks) else []
    return "_".join([tensor_name(space, side.piece), *merged, *kept])


def range_name(space: WeightSpace, sides: Sequence[Side]) -> str:
    """An identifier for neighbouring columns of a mix: their one side, or from the first side's piece to the last's."""
    first, last = sides[0], sides[-1]
    if first == last:
        return side_name(space, first)
    return f"{tensor_name(space, first.piece)}_to_{tensor_name(space, last.piece)}"


def text_names(side: Side) -> list[str]:
    """A name for each block of a side: those that the core keeps as the core has them, then the others."""
    order = [*side.kept, *side.dropped]
    names = primed(side.piece.positions[side.blocks[number][0]].index.name for number in order)
    return [name for _, name in sorted(zip(order, names, strict=True))]


def kept_text(side: Side) -> str:
    """What a side keeps, as in `h1 h2`; 1 where that is nothing."""
    names = text_names(side)
    return " ".join(names[number] for number in side.kept) or "1"


def core_text(maps: EquivariantMaps, core: Core) -> str:
    """The indices of a core, with charges other than 1 where an index has charges, as in `h1 h2^-1`."""
    indices = {index.name: index for space in (maps.source, maps.target) for index in space.indices}
    charged = [name in indices and indices[name].charged for name in core.sets]
    names = zip(primed(core.sets), core.charges, charged, strict=True)
    return " ".join(f"{name}^{charge}" if marked and charge != 1 else name for name, charge, marked in names)


def piece_text(space: WeightSpace, side: Side) -> str:
    """The piece of a side with its blocks named, as in `2.weight[h2 h1]`."""
    piece, tensor = side.piece, space[side.piece.tensor]
    at = {place: name for block, name in zip(side.blocks, text_names(side), strict=True) for place in block}
    words = [
        at[place] if place in at else position.index.name or str(position.index.size)
        for place, position in enumerate(piece.positions)
    ]
    part = f"#{piece.number}" if len(sources(tensor)) > 1 else ""
    return f"{printable(tensor.name)}{part}[{' '.join(words)}]"


def shape_text(names: Iterable[str], count: int, channels: str) -> str:
    """The shape of a value in axis names, its columns `count` times the channels."""
    return f"({', '.join(('batch', *names, channels if count == 1 else f'{count}·{channels}'))})"


def shape_of(side: Side, channels: str) -> str:
    """The shape of a side's value."""
    names = text_names(side)
    return shape_text((names[number] for number in side.kept), side.piece.free_size, channels)


def printable(text: str) -> str:
    """A name for a comment: as it is where it is plain, else as a literal."""
    plain = text.isascii() and all(letter.isalnum() or letter in "._-" for letter in text)
    return text if plain else ascii(text)
