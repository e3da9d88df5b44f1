"""Parameters that like blocks share, against their definition as equations, written out with numpy alone."""

from itertools import product

import numpy as np
import pytest

from symmetry import EquivariantMaps, WeightSpace
from symmetry.maps.sharing import likeness, shared_dimensions


def axes_of(hidden):
    """The tensors of a perceptron with biases, named as those of an `nn.Sequential`, and the set on each axis."""
    names = ["x", *(f"h{n}" for n in range(hidden)), "y"]
    axes = {f"{2 * n}.weight": (names[n + 1], names[n]) for n in range(hidden + 1)}
    return axes | {f"{2 * n}.bias": (names[n + 1],) for n in range(hidden + 1)}


def perceptron(hidden, width=2, inputs=1, outputs=1):
    """The weight space of a perceptron, one set for each hidden layer."""
    axes = {name: " ".join(sets) for name, sets in axes_of(hidden).items()}
    return WeightSpace(axes, sets={f"h{n}": width for n in range(hidden)}, free={"x": inputs, "y": outputs})


def formula(p, q):
    """The dimension at four hidden layers or more: 9 of weights, 5 and 5 with biases, 3 of biases, and the ends."""
    return 22 + 12 * p + 2 * p**2 + 16 * q + 5 * q**2 + 4 * p * q


def alike(target, source):
    """What two pairs of tensors have in common if they are alike: which axes there are, and which are over one set."""
    sets = [*target, *source]
    return len(target), tuple(name if name in "xy" else sets.index(name) for name in sets)


@pytest.mark.parametrize("hidden", [1, 2, 4])
def test_as_many_parameters_as_the_equations_leave(hidden):
    """Maps commute with each layer's permutations, and the blocks of pairs that are alike are equal."""
    axes, width = axes_of(hidden), 2
    shapes = {name: tuple(1 if one in "xy" else width for one in sets) for name, sets in axes.items()}
    offsets = dict(zip(axes, np.cumsum([0, *(np.prod(shape, dtype=int) for shape in shapes.values())]), strict=False))
    total = sum(np.prod(shape, dtype=int) for shape in shapes.values())
    entries, swap, classes = np.arange(total**2).reshape(total, total), [1, 0], list(range(total**2))
    span = {name: np.arange(offsets[name], offsets[name] + np.prod(shapes[name], dtype=int)) for name in axes}

    def find(entry):
        while classes[entry] != entry:
            entry = classes[entry]
        return entry

    for moving in range(hidden):  # orbits of these exchanges, one for each layer, are what the equations leave

        def exchanged(name, moving=moving):
            order = [swap if one == f"h{moving}" else range(n) for one, n in zip(axes[name], shapes[name], strict=True)]
            return span[name].reshape(shapes[name])[np.ix_(*order)].ravel()

        where = np.concatenate([exchanged(name) for name in axes])
        for one, other in zip(entries.ravel(), entries[np.ix_(where, where)].ravel(), strict=True):
            classes[find(one)] = find(other)
    first = {}
    for target, source in product(axes, repeat=2):
        block = entries[np.ix_(span[target], span[source])]
        like = first.setdefault(alike(axes[target], axes[source]), block)
        for one, other in zip(block.ravel(), like.ravel(), strict=True):
            classes[find(one)] = find(other)
    found = len({find(entry) for entry in range(total**2)})
    assert shared_dimensions(EquivariantMaps(perceptron(hidden)))[0] == found
    assert found == formula(1, 1) or hidden < 4


@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 1), (3, 2)])
def test_the_formula_at_any_depth_and_widths(p, q):
    for hidden, width in ((4, 8), (7, 32)):
        assert shared_dimensions(EquivariantMaps(perceptron(hidden, width, p, q))) == (formula(p, q), 2 + p + 2 * q)


def test_sums_of_like_diagrams_are_independent():
    maps = EquivariantMaps(perceptron(4))
    sums = {}
    for number, block in enumerate(maps.blocks):
        for diagram in block:
            sums.setdefault(likeness(diagram), {})[number] = diagram.matrix()
    sizes = [block.target.pieces[0].shape + block.source.pieces[0].shape for block in maps.blocks]
    nothing = {number: np.zeros(np.prod(size, dtype=int)) for number, size in enumerate(sizes)}
    rows = [np.concatenate([found.get(n, none).ravel() for n, none in nothing.items()]) for found in sums.values()]
    assert np.linalg.matrix_rank(np.stack(rows)) == len(rows) == formula(1, 1)


def test_what_is_left_of_layers_that_may_change_places():
    """A network with a weight matrix from every layer to every other, and its maps on the blocks of a chain alone."""
    layers, units = 5, 2
    whole = WeightSpace({"w": "layer h layer h"}, sets={"layer": layers, "h": {"size": units, "within": "layer"}})
    cells = np.arange((layers * units) ** 2).reshape(layers, units, layers, units)
    chain = np.concatenate([cells[n + 1, :, n].ravel() for n in range(layers - 1)])
    kept = [d.matrix()[np.ix_(chain, chain)].ravel() for d in EquivariantMaps(whole).block("w", "w")]
    own = WeightSpace(
        {f"{n}.weight": f"h{n + 1} h{n}" for n in range(layers - 1)}, sets={f"h{n}": units for n in range(layers)}
    )
    sums = {}
    for block in EquivariantMaps(own).blocks:
        row, column = (int(tensor.name.split(".")[0]) * units**2 for tensor in (block.target, block.source))
        for diagram in block:
            placed = sums.setdefault(likeness(diagram), np.zeros((len(chain), len(chain))))
            placed[row : row + units**2, column : column + units**2] += diagram.matrix()
    ours = [one.ravel() for one in sums.values()]
    assert len(ours) == np.linalg.matrix_rank(kept) == np.linalg.matrix_rank([*kept, *ours]) == 9


def test_no_group_has_exactly_the_maps_of_a_chain():
    """Two layers of a metanetwork, one after the other, tell weights two layers apart from those farther away."""
    weights, units = 4, 2
    chain = {f"{n}.weight": f"h{n + 1} h{n}" for n in range(weights)}
    space = WeightSpace(chain, sets={f"h{n}": units for n in range(weights + 1)})
    sums = {}
    for number, block in enumerate(EquivariantMaps(space).blocks):
        row, column = (place * units**2 for place in divmod(number, weights))
        for diagram in block:
            placed = sums.setdefault(likeness(diagram), np.zeros((weights * units**2,) * 2))
            placed[row : row + units**2, column : column + units**2] += diagram.matrix()
    span = [one.ravel() for one in sums.values()]
    outside = [
        (one @ other).ravel()
        for one, other in product(sums.values(), repeat=2)
        if np.linalg.matrix_rank([*span, (one @ other).ravel()]) > len(span)
    ]
    assert len(span) == 9
    assert outside


def test_tensors_of_other_names_or_kinds_share_nothing():
    space = WeightSpace({"a.weight": "h x", "b.weight": "h x"}, sets={"h": 4}, free={"x": 2})
    assert shared_dimensions(EquivariantMaps(space))[0] == EquivariantMaps(space).dimension
    assert shared_dimensions(EquivariantMaps(WeightSpace({"0.w": "h", "1.w": "k"}, sets={"h": 4, "k": 4}))) == (3, 1)
    signs = {"h": {"size": 4, "scaled": "sign"}, "k": 4}
    assert shared_dimensions(EquivariantMaps(WeightSpace({"0.w": "h", "1.w": "k"}, sets=signs))) == (3, 1)
    deep = WeightSpace({"{layer}.norm": "d"}, sets={"d": 4}, positional={"layer": {"size": 4, "ordered": True}})
    assert shared_dimensions(EquivariantMaps(deep)) == (8, 1)
    free = WeightSpace({"0.w": "h x", "1.w": "h z"}, sets={"h": 4}, free={"x": 2, "z": 2})
    assert shared_dimensions(EquivariantMaps(free))[0] == EquivariantMaps(free).dimension
