"""What the printers share: the plan, the names they have given, the lines so far."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from layergen.emission.expressions import WIDTH, bracketed, statement
from layergen.emission.names import Namer, identifier
from layergen.plan.steps import Plan
from symmetry.language.axes import Atom, print_axes
from symmetry.maps.isotypic import Change, Decomposition, sources
from symmetry.maps.sides import Side, primed
from symmetry.space.layout import Piece
from symmetry.space.weight_space import Tensor, WeightSpace

__all__ = [
    "INDENT",
    "Basis",
    "Draft",
    "axis_names",
    "comment_lines",
    "core_names",
    "shape_text",
    "side_name",
    "side_text",
    "tensor_identifier",
    "whole_side",
]

INDENT = " " * 8


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis of a decomposition as a constant: that in which parts are written, or in which they are read."""

    decomposition: Decomposition
    reading: bool


@dataclass(slots=True)
class Draft:
    """The body of one `forward` in the making: names are given once, lines only ever added."""

    plan: Plan
    sizes: Mapping[str, str]
    namer: Namer
    called: set[str] = field(default_factory=set)
    constants: dict[str, Basis] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        """Add lines of the body, indented."""
        self.lines += [INDENT + line if line else "" for line in lines]

    def assign(self, name: str, summands: Sequence[str], comment: str = "") -> None:
        """Add the statement `name = sum of summands`, with a comment."""
        self.lines += statement(name, summands, comment, INDENT)

    def concatenate(self, name: str, items: Sequence[str], comment: str) -> None:
        """Add the statement `name = torch.cat(items)`, with the comment above it."""
        self.add(*comment_lines(comment))
        if len(items) == 1:
            self.assign(name, items)
        else:
            self.lines += bracketed(f"{name} = torch.cat([", items, "], dim=-1)", INDENT)

    def basis(self, change: Change, *, reading: bool) -> str:
        """The name of the constant that holds the basis of a change, noted down so that the module carries it."""
        reading = reading and any(len(irrep.commuting) > 1 for irrep in change.decomposition.irreps)
        basis = Basis(change.decomposition, reading)
        for name, other in self.constants.items():
            if other == basis:
                return name
        name = self.namer.fresh(f"_BASIS_{'OF_SOURCE_' if reading else ''}{change.name.upper()}")
        self.constants[name] = basis
        return name

    def call(self, function: str, *arguments: str) -> str:
        """A call of a function of the prelude, noted down so that the module carries it."""
        self.called.add(function)
        return f"{function}({', '.join(arguments)})"


def tensor_identifier(space: WeightSpace, piece: Piece) -> str:
    """The identifier of a piece: its tensor's, with a number where the tensor has several pieces."""
    several = len(sources(space[piece.tensor])) > 1
    return identifier(piece.tensor) + (f"_p{piece.number}" if several else "")


def side_name(space: WeightSpace, side: Side) -> str:
    """A name for the value of a side: its piece, `diagonal` if it identifies positions, what it keeps."""
    names = primed(side.piece.positions[block[0]].index.name for block in side.blocks)
    kept = [names[number].replace("'", "_prime").replace(".", "_") for number in side.kept] or ["all"]
    merged = ["diagonal"] if any(len(block) > 1 for block in side.blocks) else []
    return "_".join([tensor_identifier(space, side.piece), *merged, *kept])


def whole_side(piece: Piece) -> Side:
    """The side of a piece that identifies nothing and keeps everything."""
    return Side(piece, tuple((place,) for place in piece.permuted), tuple(range(len(piece.permuted))))


def core_names(sets: Sequence[str]) -> list[str]:
    """A name for each index of a core: that of its set, with primes where a set occurs again.

    >>> core_names(("h", "k", "h"))
    ['h', 'k', "h'"]
    """
    return [name + "'" * sets[:place].count(name) for place, name in enumerate(sets)]


def text_names(side: Side) -> list[str]:
    """A name for each block of a side: those that the core keeps as the core has them, then the others."""
    order = [*side.kept, *side.dropped]
    names = core_names([side.piece.positions[side.blocks[number][0]].index.name for number in order])
    return [name for _, name in sorted(zip(order, names, strict=True))]


def side_text(tensor: Tensor, side: Side) -> tuple[str, str]:
    """A side in index notation: what it keeps, and the piece with its blocks named, as in `h1`, `2.weight[h2 h1]`."""
    piece, names = side.piece, text_names(side)
    at = {place: name for block, name in zip(side.blocks, names, strict=True) for place in block}
    words = [
        at[place] if place in at else position.index.name or str(position.index.size)
        for place, position in enumerate(piece.positions)
    ]
    part = f"#{piece.number}" if len(sources(tensor)) > 1 else ""
    kept = " ".join(names[number] for number in side.kept)
    return kept or "1", f"{printable(tensor.name)}{part}[{' '.join(words)}]"


def shape_text(side: Side, channels: str) -> str:
    """The shape of a side's value in axis names."""
    names, free = text_names(side), side.piece.free_size
    last = channels if free == 1 else f"{free}·{channels}"
    return f"({', '.join(['batch', *(names[number] for number in side.kept), last])})"


def comment_lines(text: str) -> list[str]:
    """A comment over as many lines as it takes, never broken within brackets."""
    whole = re.sub(r"\[[^]]*\]|\([^)]*\)", lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, WIDTH - len(INDENT) - 2, break_long_words=False, break_on_hyphens=False)
    return ["# " + line.replace("\0", " ") for line in lines]


def printable(text: str) -> str:
    """A name for a comment: as it is where it is plain, else as a literal."""
    plain = text.isascii() and all(letter.isalnum() or letter in "._-" for letter in text)
    return text if plain else ascii(text)


def axis_names(tensor: Tensor) -> Iterable[str]:
    """Each axis as it is written, for messages about shapes."""
    return (axis.name or str(axis.size) if isinstance(axis, Atom) else print_axes((axis,)) for axis in tensor.axes)
