"""Hypothesis strategies for weight spaces over every kind of index, and for the elements of their groups."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symmetry.kinds.registry import KINDS
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.elements import GroupElement, element
from symmetry.space.group import acted_on, movers
from symmetry.space.weight_space import WeightSpace

__all__ = ["group_elements", "transpositions", "weight_spaces"]

SET_NAMES = ("h", "k", "u", "v")
MOST_EXAMPLES = 2
"""How often an index of a kind that gives examples is in one tensor: its tensor products grow fast."""


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
    """Weight spaces with plain, shared and nested sets, with indices of other kinds, products and concatenations.

    `kinds` are the sections whose kinds are drawn beside sets: by default every kind that can be used here (for
    representations escnn has to be installed). `max_entries` bounds the entries of a tensor and `max_diagrams` the
    diagrams of all its maps together: sizes, then tensors, are taken away until both hold, so that nothing drawn is
    thrown away.
    """
    kinds = tuple(KINDS) if kinds is None else kinds
    parents = draw_sets(draw, max_sets)
    declared = draw_declarations(draw, kinds)
    loose = ["x"] * ("free" in kinds) + ["p"] * ("positional" in kinds) + ["2"]
    pool = [*parents, *draw(st.lists(st.sampled_from([*loose, *declared]), unique=True, max_size=3))]
    tensors = [draw_axes(draw, pool, parents, max_order) for _ in range(draw(st.integers(1, max_tensors)))]
    sizes = {name: draw(st.integers(1, max_size)) for name in (*parents, "x", "p")}
    while True:
        space = make_space(tensors, parents, sizes, declared)
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


def draw_sets(draw: st.DrawFn, max_sets: int) -> dict[str, str | None]:
    """Names of sets with their parents."""
    parents: dict[str, str | None] = {}
    for name in SET_NAMES[: draw(st.integers(1, max_sets))]:
        parents[name] = draw(st.sampled_from([None, None, *parents])) if parents else None
    return parents


def draw_declarations(draw: st.DrawFn, kinds: Collection[str]) -> dict[str, tuple[str, Any]]:
    """Two indices of one of the kinds that give examples: by name, the section and the declaration."""
    rows = {section: found for section in kinds if (found := KINDS[section].examples())}
    if not rows:
        return {}
    section = draw(st.sampled_from(list(rows)))
    row = draw(st.sampled_from(rows[section]))
    other = draw(st.sampled_from([row, row, *rows[section]]))
    return {"r": (section, draw(st.sampled_from(row))), "s": (section, draw(st.sampled_from(other)))}


def draw_axes(draw: st.DrawFn, pool: Sequence[str], parents: dict[str, str | None], max_order: int) -> str:
    """An axis string over the indices of `pool`, with every nested set's parents in it."""
    words = draw(st.lists(st.sampled_from(pool), max_size=max_order))
    for word in list(words):
        if word in ("r", "s") and words.count("r") + words.count("s") > MOST_EXAMPLES:
            words.remove(word)
        while (parent := parents.get(word)) is not None:
            if parent not in words:
                words.insert(draw(st.integers(0, len(words))), parent)
            word = parent
    axes = " ".join(words)
    match draw(st.sampled_from(["plain", "plain", "plain", "product", "sum", "inner sum"])):
        case "product":
            return f"({axes})"
        case "sum":
            return f"({axes or '()'} + {draw(st.sampled_from(['2', 'h', '(h 2)', 'h h']))})"
        case "inner sum":
            return f"(h ({axes or '()'} + 2)) h"
        case _:
            return axes


def make_space(
    tensors: Sequence[str],
    parents: dict[str, str | None],
    sizes: dict[str, int],
    declared: dict[str, tuple[str, Any]],
) -> WeightSpace:
    """The space of those tensors, with the indices that they use declared."""
    words = set(" ".join(tensors).replace("(", " ").replace(")", " ").split())
    sections: dict[str, dict[str, Any]] = {"sets": {}, "free": {}, "positional": {}}
    for name, parent in {"h": None, **parents}.items():
        if name in words:
            sections["sets"][name] = sizes[name] if parent is None else {"size": sizes[name], "within": parent}
    for name, section in (("x", "free"), ("p", "positional")):
        if name in words:
            sections[section][name] = sizes[name]
    for name, (section, declaration) in declared.items():
        if name in words:
            sections.setdefault(section, {})[name] = declaration
    return WeightSpace({f"t{number}.weight": axes for number, axes in enumerate(tensors)}, **sections)


MOVES = ("still", "simple", "simple", "random", "random")


@st.composite
def group_elements(draw: st.DrawFn, space: WeightSpace, *, positional: bool = False) -> GroupElement:
    """Elements of a weight space's group; they shrink to fewer parts moved, then to the simplest: transpositions.

    Every group draws a move and a number, whatever the move, so that hypothesis can simplify each by itself.
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

    Raises `ValueError` for a space in which no set has two elements.

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
