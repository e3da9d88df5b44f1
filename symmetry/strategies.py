"""Hypothesis strategies for property tests: weight spaces over every kind of index, and elements of their groups."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symmetry.kinds.registry import KINDS
from symmetry.kinds.scalars import SCALARS
from symmetry.language.axes import Atom, atoms, parse_axes
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.elements import GroupElement, element
from symmetry.space.group import acted_on, movers
from symmetry.space.weight_space import WeightSpace

__all__ = ["group_elements", "transpositions", "weight_spaces"]

SET_NAMES = ("h", "k", "u", "v")
MOST_EXAMPLES = 2
"""The largest number of positions, in one tensor, of indices drawn from examples: their products grow fast."""


@st.composite
def weight_spaces(
    draw: st.DrawFn,
    *,
    kinds: Collection[str] | None = None,
    max_sets: int = 4,
    max_tensors: int = 5,
    max_order: int = 4,
    max_size: int = 5,
    max_entries: int = 400,
    max_diagrams: int = 3_000,
) -> WeightSpace:
    """Weight spaces with shared and nested sets, other kinds of index, products, concatenations and families.

    Spaces that exceed a bound are made smaller, sizes first, then tensors, so that no draw is thrown away.

    Parameters
    ----------
    kinds
        Sections of the kinds that are drawn beside sets; by default every kind (of representations only with escnn).
    max_sets
        The largest number of sets.
    max_tensors
        The largest number of tensors.
    max_order
        The largest number of index positions drawn for a tensor, before parents and concatenations are added.
    max_size
        The largest size of an index.
    max_entries
        The largest number of entries of a tensor.
    max_diagrams
        The largest number of diagrams of all maps from the space to itself.

    Returns
    -------
    SearchStrategy[WeightSpace]
        The strategy.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(weight_spaces(kinds=()), lambda space: len(space) == 2).names
    ('t0.weight', 't1.weight')
    """
    kinds = tuple(KINDS) if kinds is None else kinds
    parents = draw_sets(draw, max_sets, ["p"] * ("positional" in kinds))
    scaled = draw_scaled(draw, parents) if "sets" in kinds else {}
    declared = draw_declarations(draw, kinds)
    charges = dict.fromkeys(scaled, (1, 1, -1, 2, 0)) | draw_charges(declared)
    loose = ["x"] * ("free" in kinds) + ["p"] * ("positional" in kinds) + ["2"]
    pool = [*parents, *draw(st.lists(st.sampled_from([*loose, *declared]), unique=True, max_size=3))]
    several = range(draw(st.integers(1, max_tensors)))
    single = ("p",) if draw(st.booleans()) else ()
    tensors = [draw_axes(draw, pool, parents, charges, max_order, single) for _ in several]
    sizes = {name: draw(st.integers(1, max_size)) for name in (*parents, "x", "p")}
    while True:
        space = make_space(tensors, parents, scaled, sizes, declared, single)
        if any(math.prod(tensor.shape) > max_entries for tensor in space):
            largest = max(sizes, key=lambda name: sizes[name])
            if sizes[largest] == 1:
                tensors = [
                    axes for axes, one in zip(tensors, space, strict=True) if math.prod(one.shape) <= max_entries
                ]
            sizes[largest] = max(1, sizes[largest] - 1)
        elif EquivariantMaps(space).diagram_count > max_diagrams:
            tensors.remove(max(tensors, key=len))
        else:
            return space
        tensors = tensors or ["h"]


def draw_sets(draw: st.DrawFn, max_sets: int, others: Sequence[str]) -> dict[str, str | None]:
    """Names of sets, each with its parent or None; the first has none, and `others` may be parents too."""
    parents: dict[str, str | None] = {}
    for name in SET_NAMES[: draw(st.integers(1, max_sets))]:
        parents[name] = draw(st.sampled_from([None, None, *parents, *others])) if parents else None
    return parents


def draw_scaled(draw: st.DrawFn, parents: Iterable[str]) -> dict[str, str]:
    """The sets whose elements may be multiplied: few, as other sets have more diagrams."""
    drawn = {name: draw(st.sampled_from([None, None, None, *SCALARS])) for name in parents}
    return {name: scaled for name, scaled in drawn.items() if scaled is not None}


def draw_charges(declared: Mapping[str, tuple[str, Any]]) -> dict[str, tuple[int, ...]]:
    """The charges that occurrences of indices drawn from examples may have, by the index."""
    return {name: (1, -1) for name, (section, _) in declared.items() if KINDS[section].charged}


def draw_declarations(draw: st.DrawFn, kinds: Collection[str]) -> dict[str, tuple[str, Any]]:
    """Two indices of a kind that gives examples: by name, the section and the declaration."""
    rows = {section: found for section in kinds if (found := KINDS[section].examples())}
    if not rows:
        return {}
    section = draw(st.sampled_from(list(rows)))
    row = draw(st.sampled_from(rows[section]))
    other = draw(st.sampled_from([row, row, *rows[section]]))
    return {"r": (section, draw(st.sampled_from(row))), "s": (section, draw(st.sampled_from(other)))}


def draw_axes(
    draw: st.DrawFn,
    pool: Sequence[str],
    parents: dict[str, str | None],
    charges: Mapping[str, tuple[int, ...]],
    max_order: int,
    single: Collection[str],
) -> str:
    """An axis string over the indices of `pool`, with the parents of every nested set, and with charges.

    The first axis of a family, which its name has, stands in braces. Indices of `single` come once at most.
    """
    words = draw(st.lists(st.sampled_from(pool), max_size=max_order))
    words = [word for place, word in enumerate(words) if word not in single or word not in words[:place]]
    for word in list(words):
        if word in ("r", "s") and words.count("r") + words.count("s") > MOST_EXAMPLES:
            words.remove(word)
        while (parent := parents.get(word)) is not None:
            if parent not in words:
                words.insert(draw(st.integers(0, len(words))), parent)
            word = parent
    axes = " ".join(str(Atom(word, charge=draw(st.sampled_from(charges.get(word, (1,)))))) for word in words)
    match draw(st.sampled_from(["plain", "plain", "family", "product", "sum", "inner sum"])):
        case "product":
            return f"({axes})"
        case "sum":
            return f"({axes or '()'} + {draw(st.sampled_from(['2', 'h', '(h 2)', 'h h']))})"
        case "inner sum":
            return f"(h ({axes or '()'} + 2)) h"
        case "family" if words:
            return f"{{{axes.replace(' ', '} ', 1)}" if len(words) > 1 else f"{{{axes}}}"
        case _:
            return axes


def make_space(
    tensors: Sequence[str],
    parents: dict[str, str | None],
    scaled: Mapping[str, str],
    sizes: dict[str, int],
    declared: dict[str, tuple[str, Any]],
    ordered: Collection[str],
) -> WeightSpace:
    """The space with the given tensors, in which the indices that they use are declared."""
    named = {}
    for number, axes in enumerate(tensors):
        stacked, _, own = axes.rpartition("}")
        named[f"t{number}{stacked and f'.{stacked}}}'}.weight"] = own
    words = {atom.name for axes in tensors for atom in atoms(*parse_axes(re.sub("[{}]", "", axes)))}
    sections: dict[str, dict[str, Any]] = {"sets": {}, "free": {}, "positional": {}}
    for name, parent in {"h": None, **parents}.items():
        if name in words:
            optional = {"within": parent, "scaled": scaled.get(name)}
            sections["sets"][name] = {"size": sizes[name]} | {key: one for key, one in optional.items() if one}
    for name, section in (("x", "free"), ("p", "positional")):
        if name in words:
            sections[section][name] = {"size": sizes[name], "ordered": True} if name in ordered else sizes[name]
    for name, (section, declaration) in declared.items():
        if name in words:
            sections.setdefault(section, {})[name] = declaration
    return WeightSpace(named, **sections)


MOVES = ("still", "simple", "simple", "random", "random")


@st.composite
def group_elements(draw: st.DrawFn, space: WeightSpace, *, positional: bool = False) -> GroupElement:
    """Elements of a weight space's group; they shrink to the identity and to transpositions.

    Each group draws a kind of move and a number, whatever the move, so that hypothesis can simplify each by itself.

    Parameters
    ----------
    space
        A weight space.
    positional
        Whether positional indices move too.

    Returns
    -------
    SearchStrategy[GroupElement]
        The strategy.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(group_elements(WeightSpace({"b": "h"}, sets={"h": 3})), lambda g: bool(g.moved))
    element(space, {'h': [1, 0, 2]})
    """
    parts: dict[str, Any] = {}
    for name, (action, copies) in movers(space, positional=positional).items():
        if not (simple := action.simple_count(copies)):
            continue
        move, number = draw(st.sampled_from(MOVES)), draw(st.integers(0, 2**32 - 1))
        if move == "simple":
            parts[name] = action.simple(copies, number % simple)
        elif move == "random":
            parts[name] = action.sample(copies, np.random.default_rng(number))
    return element(space, parts)


def transpositions(space: WeightSpace, *, positional: bool = False) -> st.SearchStrategy[GroupElement]:
    """Exchanges of two elements of one set; they shrink to the first set and the lowest elements.

    Parameters
    ----------
    space
        A weight space.
    positional
        Whether positional indices are exchanged too.

    Returns
    -------
    SearchStrategy[GroupElement]
        The strategy.

    Raises
    ------
    ValueError
        If no set of the space has two elements.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(transpositions(WeightSpace({"b": "h"}, sets={"h": 3})), lambda g: True)
    element(space, {'h': [1, 0, 2]})
    """
    sets = {name for name, indices in acted_on(space).items() if indices[0].joined}
    simple = {
        name: (action, copies, count)
        for name, (action, copies) in movers(space, positional=positional).items()
        if name in sets and (count := action.simple_count(copies))
    }
    if not simple:
        raise ValueError("no set has two elements to exchange")
    return st.sampled_from(list(simple)).flatmap(
        lambda name: st.integers(0, simple[name][2] - 1).map(
            lambda number: element(space, {name: simple[name][0].simple(simple[name][1], number)})
        )
    )
