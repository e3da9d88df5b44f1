"""What a group element does, in words."""

from __future__ import annotations

from symmetry import GroupElement

__all__ = ["describe"]


def describe(g: GroupElement) -> str:
    """What an element does to each set and by each group.

    >>> from symmetry import WeightSpace, element
    >>> describe(element(WeightSpace({"b": "h", "c": "k"}, sets={"h": 3, "k": 3}), {"h": [1, 0, 2], "k": [1, 2, 0]}))
    "exchanging elements 0 and 1 of 'h' and permuting 'k'"
    """
    return " and ".join(describe_one(g, name) for name in g.moved) or "moving nothing"


def describe_one(g: GroupElement, name: str) -> str:
    """What an element does to one set, a transposition by its two elements; or by one group."""
    if name in g.turns:
        return f"turning by element {g.described[name]} of {name!r}"
    part = g.parts[name]
    places = [tuple(int(i) for i in place) for place in zip(*(part != range(part.shape[-1])).nonzero(), strict=True)]
    if len(places) == 2 and places[0][:-1] == places[1][:-1]:
        within = f" of copy {places[0][:-1]}" if len(places[0]) > 1 else ""
        return f"exchanging elements {places[0][-1]} and {places[1][-1]}{within} of {name!r}"
    return f"permuting {name!r}"
