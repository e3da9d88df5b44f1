"""The group of a weight space: the product of the groups that act on its indices."""

from __future__ import annotations

from symmetry.kinds.action import Action
from symmetry.kinds.index import Index
from symmetry.space.weight_space import WeightSpace

__all__ = ["acted_on", "acting", "actions", "movers"]


def acted_on(space: WeightSpace) -> dict[str, list[Index]]:
    """The indices that each group acts on, by the name of the group's part."""
    found: dict[str, list[Index]] = {}
    for index in space.indices:
        if index.action is not None:
            found.setdefault(index.action.name, []).append(index)
    return found


def acting(space: WeightSpace) -> dict[str, tuple[Action, tuple[int, ...]]]:
    """Each group that acts on a space, by the name of its part, with the sizes of the parents of its indices."""
    return {
        name: (action, space.copies(indices[0]))
        for name, indices in acted_on(space).items()
        if (action := indices[0].action) is not None
    }


def actions(space: WeightSpace) -> dict[str, Action]:
    """Each group that acts on a space, by the name of its part."""
    return {name: action for name, (action, _) in acting(space).items()}


def movers(space: WeightSpace, *, positional: bool) -> dict[str, tuple[Action, tuple[int, ...]]]:
    """The groups that act on a space, like `acting`; groups of positional indices only if asked for."""
    still = {name for name, indices in acted_on(space).items() if all(index.embedded for index in indices)}
    return {name: found for name, found in acting(space).items() if positional or name not in still}
