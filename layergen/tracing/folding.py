"""A trace whose repeated blocks are families: what it says of indices, in the names that the families have for them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from layergen.stacking import owners
from symmetry import WeightSpace
from symmetry.language.axes import Atom, atoms
from symmetry.space.families import without_families

__all__ = ["in_names_of"]

QUOTED = re.compile(r"'([^']+)'")


@dataclass(frozen=True, slots=True)
class Copy:
    """What an index or a tensor of one block is a copy of: its name in the families, and which block.

    The places are pairs of the name of an index that numbers blocks, and a value of it.
    """

    name: str
    places: tuple[tuple[str, int], ...]


def in_names_of(space: WeightSpace, apart: WeightSpace, texts: Sequence[str]) -> tuple[str, ...]:
    """Sentences about indices and tensors of a space without families, as sentences about those of a space with them.

    Parameters
    ----------
    space
        A weight space with families.
    apart
        The same tensors, each by itself.
    texts
        Sentences, in which names of `apart` stand in quotes. What is said of every block is said once.

    Returns
    -------
    tuple of str
        The sentences, with the blocks that they are true of.
    """
    if not texts or space == apart:
        return tuple(texts)
    copies = copies_in(space, apart)
    said: dict[str, list[tuple[tuple[str, int], ...]]] = {}
    for text in texts:
        plain, places = renamed(text, copies)
        said.setdefault(plain, []).append(places)
    return tuple(f"{plain}{where(places, space.sizes)}" for plain, places in said.items())


def copies_in(space: WeightSpace, apart: WeightSpace) -> dict[str, Copy]:
    """What the indices and tensors of a space without families are copies of, by name."""
    written, found = without_families(space), dict[str, Copy]()
    for member, tensor in owners(space).items():
        numbers = tensor.axes[: len(tensor.family.numbers)]
        values = np.unravel_index(tensor.members.index(member), tensor.shape[: len(numbers)])
        counted = zip(numbers, values, strict=True)
        found[member] = Copy(tensor.name, tuple((axis.name, int(at)) for axis, at in counted if isinstance(axis, Atom)))
        for ours, theirs in zip(atoms(*apart[member].axes), atoms(*written.space[member].axes), strict=True):
            if ours.name and theirs.name:
                copy = written.copies[theirs.name]
                found[ours.name] = Copy(copy.index, copy.places)
    return found


def renamed(text: str, copies: Mapping[str, Copy]) -> tuple[str, tuple[tuple[str, int], ...]]:
    """A sentence with the names in families, and the block that it is true of; of several blocks it names each."""
    places = {copies[name].places for name in QUOTED.findall(text) if name in copies and copies[name].places}
    one = len(places) == 1

    def name_of(match: re.Match[str]) -> str:
        copy = copies.get(match[1], Copy(match[1], ()))
        return f"{copy.name!r}{'' if one else where([copy.places], {})}"

    return QUOTED.sub(name_of, text), places.pop() if one else ()


def where(places: Sequence[tuple[tuple[str, int], ...]], sizes: Mapping[str, int]) -> str:
    """The words for some of the blocks; none for all of them."""
    names = [name for name, _ in places[0]]
    if not names or len({*places}) == math.prod(sizes.get(name, 0) for name in names):
        return ""
    return f" ({', '.join(said(places))})"


def said(places: Iterable[tuple[tuple[str, int], ...]]) -> Iterator[str]:
    """Each block in words."""
    return (" ".join(f"{name} {value}" for name, value in place) for place in dict.fromkeys(places))
