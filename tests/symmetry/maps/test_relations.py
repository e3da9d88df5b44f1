"""Maps over ordered indices, against what defines them, written out here with numpy alone."""

from itertools import product

import numpy as np
import pytest

import symmetry
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace, parse, verify
from symmetry.maps.cores import every_core
from symmetry.verification import classes, null_space
from symmetry.verification.report import VerificationError, by_null_space


def deep(size, width=2, units=2, ordered=True):
    """The blocks of a residual network: a vector of the stream, and a matrix from it to units of the block's own."""
    layer = {"size": size, "ordered": True} if ordered else size
    sets = {"d": width, "f": {"size": units, "within": "layer"}}
    return WeightSpace({"{layer}.norm": "d", "{layer}.up": "f d"}, sets=sets, positional={"layer": layer})


def permutations_of(size):
    """The matrices that permute some elements by an exchange and by a cycle."""
    swap, cycle = np.eye(size), np.roll(np.eye(size), 1, axis=0)
    swap[[0, min(1, size - 1)]] = swap[[min(1, size - 1), 0]]
    return swap, cycle


def actions(size, width, units):
    """Generators of the group, on `{layer}.norm` and on `{layer}.up`: permutations of d, and of one layer's units."""
    stays = np.eye(size)
    for move in permutations_of(width):
        yield np.kron(stays, move), np.kron(np.kron(stays, np.eye(units)), move)
    for layer, move in product(range(size), permutations_of(units)):
        own = np.diag(np.arange(size) == layer).astype(float)
        alone = np.kron(own, move) + np.kron(stays - own, np.eye(units))
        yield np.eye(size * width), np.kron(alone, np.eye(width))


def defined(size, width, units, target, source):
    """A basis of the maps by their definition, as rows: a null space of equations on dense matrices.

    Maps commute with the group, and their entries between layers l and m depend on l - m only, or on nothing where that
    is no neighbour's.
    """
    rows, columns = (width * (1, units)[tensor] for tensor in (target, source))
    entries = np.arange(size * rows * size * columns).reshape(size, rows, size, columns)
    equations = []
    for moves in actions(size, width, units):
        written, read = moves[target], moves[source]
        equations.append(np.kron(written, np.eye(size * columns)) - np.kron(np.eye(size * rows), read.T))
    first = {}
    for written, read in product(range(size), repeat=2):
        kind = written - read if abs(written - read) <= 1 else "far"
        there = first.setdefault(kind, entries[written, :, read])
        for here, other in zip(entries[written, :, read].ravel(), there.ravel(), strict=True):
            if here != other:
                equation = np.zeros((1, entries.size))
                equation[0, [here, other]] = 1, -1
                equations.append(equation)
    _, singular, directions = np.linalg.svd(np.concatenate(equations))
    return directions[(singular > 1e-9).sum() :]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("units", [1, 2])
def test_diagrams_are_a_basis_of_the_maps_that_are_defined(size, units):
    space = deep(size, units=units)
    maps = EquivariantMaps(space)
    for target, source in product(range(2), repeat=2):
        block = maps.block(target=space.names[target], source=space.names[source])
        basis = defined(size, 2, units, target, source)
        matrices = np.stack([diagram.matrix().ravel() for diagram in block])
        assert block.dimension == len(matrices) == len(basis) == np.linalg.matrix_rank(matrices)
        assert np.linalg.matrix_rank(np.concatenate([matrices, basis])) == len(basis)


@pytest.mark.parametrize(("size", "near", "whole"), [(1, 1, 1), (2, 3, 3), (3, 3, 4), (12, 3, 4)])
def test_a_band_has_three_times_the_diagonal(size, near, whole):
    """Each map from a layer to itself comes twice more, from the layer before and from the layer after."""
    block = EquivariantMaps(deep(size)).block("{layer}.norm", "{layer}.norm")
    assert block.dimension == 2 * whole  # of d: an entry to itself, and the sum of all
    layers = np.arange(size)
    apart = np.abs(layers[:, None] - layers[None, :]).repeat(2, axis=0).repeat(2, axis=1)
    matrices = [diagram.matrix() for diagram in block]
    held = [apart[matrix > 0] for matrix in matrices]
    assert sum(np.ptp(distances) == 0 and distances.max() <= 1 for distances in held) == 2 * near


def test_there_are_as_many_maps_at_any_depth():
    few, many, most = (EquivariantMaps(deep(size, 64, 256)).dimension for size in (3, 12, 96))
    assert few == many == most == 8 + 8 + 8 + 10
    assert EquivariantMaps(deep(12, 64, 256, ordered=False)).dimension == 4 + 4 + 4 + 6
    assert EquivariantMaps(deep(2)).symbolic_dimension() == 34


def test_proofs_at_smaller_sizes_keep_layers_that_are_no_neighbours():
    maps = EquivariantMaps(deep(12, 64, 256))
    blocks = list(maps.blocks)
    assert [finding.note.partition(",")[0] for finding in by_null_space(maps, blocks)] == [
        "at layer=4",
        *["at layer=3"] * 3,
    ]
    verify(maps)


def test_units_of_two_layers_are_not_joined():
    """A unit of one layer is no unit of the next: of maps that read another layer only sums over units are left."""
    block = EquivariantMaps(deep(5)).block("{layer}.up", "{layer}.up")
    stepped = [str(diagram) for diagram in block if diagram.steps == (("layer", 1),)]
    assert stepped == [
        "{layer}.up[layer f d] <- {layer}.up[layer-1 f' d]",
        "{layer}.up[layer f d] <- {layer}.up[layer-1 f' d']",
    ]


def test_steps_have_cores():
    """With one unit in each layer its own layer is read by that unit, and the neighbours by nothing but the layer."""
    sets = {"f": {"size": 1, "within": "layer"}}
    for layer, steps in ((3, {()}), ({"size": 3, "ordered": True}, {(), ("layer",)})):
        maps = EquivariantMaps(WeightSpace({"{layer}.bias": "f"}, sets=sets, positional={"layer": layer}))
        assert set(every_core(maps)) == {("f", "layer")} | steps


def test_a_step_is_exact_at_the_ends():
    block = EquivariantMaps(WeightSpace({"{l}": ""}, positional=ORDERED)).block("{l}", "{l}")
    found = {diagram.steps: diagram.matrix().tolist() for diagram in block if diagram.steps}
    assert found == {(("l", 1),): np.eye(4, k=-1).tolist(), (("l", -1),): np.eye(4, k=1).tolist()}


ORDERED = {"l": {"size": 4, "ordered": True}}


def test_no_group_has_exactly_these_maps():
    """Maps that commute with a group are closed under composition; a step after a step back is 1 but at one end."""
    after, before = np.eye(4, k=-1), np.eye(4, k=1)
    maps = EquivariantMaps(WeightSpace({"{l}": ""}, positional=ORDERED))
    span = np.stack([diagram.matrix().ravel() for diagram in maps.block("{l}", "{l}")])
    assert np.linalg.matrix_rank(np.concatenate([span, [after.ravel(), before.ravel()]])) == len(span) == 4
    for product_of_two in (after @ before, after @ after):
        assert np.linalg.matrix_rank(np.concatenate([span, product_of_two.ravel()[None]])) == 5


def test_a_wrong_definition_is_noticed(monkeypatch):
    """If the first layer came after the last, two values of three were neighbours of each."""
    space = deep(3)
    verify(EquivariantMaps(space))

    def around(size):
        found = {}
        for written, read in product(range(size), repeat=2):
            found.setdefault((written - read) % size, []).append((written, read))
        return list(found.values())

    monkeypatch.setattr(classes, "pair_classes", around)
    null_space.solve.cache_clear()
    with pytest.raises(VerificationError, match="by null space"):
        verify(EquivariantMaps(space), proofs=[by_null_space])
    null_space.solve.cache_clear()


def test_maps_to_and_from_what_has_no_layers():
    space = WeightSpace(
        {"{layer}.norm": "d", "out": "d"}, sets={"d": 3}, positional={"layer": {"size": 4, "ordered": True}}
    )
    maps = EquivariantMaps(space)
    assert maps.block("out", "{layer}.norm").dimension == maps.block("{layer}.norm", "out").dimension == 2
    assert (maps.bias_dimension, EquivariantMaps(space, SCALAR).dimension) == (2, 2)
    local = EquivariantMaps(space, terms="local", rank={"layer d": 1})
    assert (local.dimension, local.restriction) == (14, "terms local, rank of core (layer d) at most 1")


def test_a_specification_says_what_is_ordered():
    space = deep(3)
    assert "layer = { size = 3, ordered = true }" in str(space)
    assert parse(str(space)) == space != deep(3, ordered=False)
    assert parse(str(space).replace("ordered = true", "ordered = false")) == deep(3, ordered=False)
    assert space.resized({"layer": 9}) == deep(9)
    assert space.observed({"{layer}.norm": (7, 2), "{layer}.up": (7, 2, 2)}) == deep(7)
    assert symmetry.element(space, {}).moved == ()


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("{ size = 3, ordered = 1 }", "'layer' has ordered = 1"),
        ("{ ordered = true }", "no size in the declaration of 'layer'"),
        ("{ size = 3, sorted = true }", "unknown key 'sorted'"),
    ],
)
def test_faulty_declarations_say_what_is_right(declaration, message):
    text = str(deep(3)).replace("{ size = 3, ordered = true }", declaration)
    with pytest.raises(SpecificationError, match=message) as caught:
        parse(text)
    assert "write layer = { size = 12, ordered = true }" in str(caught.value)


def test_an_ordered_index_stands_once_in_a_tensor():
    space = WeightSpace({"w": "l l"}, positional=ORDERED)
    with pytest.raises(SpecificationError, match="tensor \"w\": the ordered index 'l' is there twice") as caught:
        EquivariantMaps(space)
    assert "another index of the same size" in str(caught.value)
    both = WeightSpace({"w": "(l + l)"}, positional=ORDERED)
    assert EquivariantMaps(both).dimension == 16
    verify(EquivariantMaps(both))


def test_two_ordered_indices_step_by_themselves():
    space = WeightSpace({"w": "l t"}, positional=ORDERED | {"t": {"size": 3, "ordered": True}})
    maps = EquivariantMaps(space)
    assert maps.dimension == 16
    verify(maps)
    assert "w[l t] <- w[l-1 t+1]" in map(str, maps.block("w", "w"))
