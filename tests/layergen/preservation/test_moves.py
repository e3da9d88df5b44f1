"""Moves rearrange entries in ways that no element of the group does, told by going through all elements."""

import math
from itertools import permutations, product

import numpy as np
from hypothesis import assume, given

from layergen.preservation.moves import moves
from symmetry import element, group_order
from symmetry.strategies import weight_spaces


def every_element(space):
    """All elements of the group of a weight space, positional indices permuted too."""
    choices = {}
    for index in (index for index in space.indices if index.action is not None):
        sizes = (*space.copies(index), index.size)
        rows = product(permutations(range(index.size)), repeat=math.prod(sizes[:-1]))
        choices[index.name] = [np.reshape(one, sizes) for one in rows]
    return (element(space, dict(zip(choices, chosen, strict=True))) for chosen in product(*choices.values()))


@given(weight_spaces(kinds=("free", "positional"), max_entries=60, max_diagrams=300, max_size=3))
def test_moves_are_outside_the_group(space):
    assume(group_order(space, positional=True) <= 400)
    elements = {tuple(tuple(g.tensor_index(name)) for name in space.names) for g in every_element(space)}
    for move in moves(space):
        whole = {name: move.origins.get(name, (name, np.arange(math.prod(space[name].shape)))) for name in space.names}
        for name, (origin, gather) in whole.items():
            assert space[origin].shape == space[name].shape
            assert np.array_equal(np.sort(gather), np.arange(math.prod(space[name].shape)))
        assert any(origin != name for name, (origin, _) in whole.items()) or (
            tuple(tuple(gather) for _, gather in whole.values()) not in elements
        )
