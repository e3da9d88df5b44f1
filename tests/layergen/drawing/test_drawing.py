"""Pictures: every entry in the class of its parameter, sizes that fit, the same bytes every time."""

import hashlib
import math
import os
import subprocess
import sys
from collections import Counter

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Circle, PathPatch, Rectangle

from layergen.drawing import block_matrix, partition_diagrams, picture
from layergen.drawing.colours import core_hues
from layergen.drawing.diagrams import label
from layergen.drawing.labels import spread
from layergen.drawing.matrix import cell_size
from layergen.drawing.raster import block_colours, make_side
from layergen.drawing.sharing import shared_entries
from layergen.drawing.sizes import MOST, drawn_maps
from symmetry import SCALAR, EquivariantMaps, SpecificationError, WeightSpace
from symmetry.strategies import weight_spaces

SIREN = WeightSpace(
    {"0.weight": "h1 x", "0.bias": "h1", "2.weight": "h2 h1", "2.bias": "h2", "4.weight": "y h2", "4.bias": "y"},
    sets={"h1": 32, "h2": 32},
    free={"x": 2, "y": 1},
)
ATTENTION = WeightSpace(
    {"qk": "((head dk) + (head dk)) d", "o": "d (head dk)"},
    sets={"d": 64, "head": 8, "dk": {"size": 16, "within": "head"}},
)
SHARED = WeightSpace({"w": "h h"}, sets={"h": 32})
KERNELS = WeightSpace({"w": "c x 5 5", "b": "c", "y": "y"}, sets={"c": 64}, free={"x": 3, "y": 10})
EXAMPLES = pytest.mark.parametrize("space", [SIREN, ATTENTION, SHARED, KERNELS], ids=["siren", "qkv", "shared", "conv"])


@given(weight_spaces(kinds=("free", "positional"), max_entries=60, max_diagrams=400, max_size=4, max_tensors=3))
def test_classes_are_the_orbits(space):
    """As many classes as dimensions, and every diagram constant on each: the indicators span the same maps."""
    for block in EquivariantMaps(space).blocks:
        sharing = shared_entries(block)
        assert len(sharing.cores) == len(sharing.counts) == block.dimension
        assert sorted(np.unique(sharing.of)) == list(range(block.dimension))
        assert sharing.counts == tuple(np.bincount(sharing.of.ravel()))
        for diagram in block:
            for value in (0, 1):
                inside = sharing.of[diagram.matrix() == value]
                assert np.isin(sharing.of, inside).sum() == inside.size


def test_cores_of_a_matrix_block():
    sharing = shared_entries(EquivariantMaps(SIREN.resized({"h1": 3, "h2": 3})).block("2.weight", "2.weight"))
    assert sorted(sharing.cores) == [(), ("h1",), ("h1", "h2"), ("h2",)]
    assert sharing.cores[sharing.of[0, 0]] == ("h1", "h2")


def test_cores_name_parents_first():
    sharing = shared_entries(EquivariantMaps(ATTENTION.resized({"d": 2, "head": 2, "dk": 2})).block("o", "o"))
    assert ("d", "head", "dk") in sharing.cores
    assert ("dk",) not in sharing.cores


@given(weight_spaces(kinds=("free", "positional"), max_entries=60, max_diagrams=400, max_size=4, max_tensors=3))
def test_every_class_of_a_block_has_its_own_colour(space):
    for block in EquivariantMaps(space).blocks:
        sharing = shared_entries(block)
        colours = block_colours(sharing, core_hues(sharing.cores), 3)
        assert len(np.unique(colours, axis=0)) == block.dimension
        assert (colours.min(axis=1) < 255).all()


@EXAMPLES
def test_pixels_show_as_many_colours_as_dimensions(space):
    small = drawn_maps(EquivariantMaps(space))
    pixels = block_matrix(EquivariantMaps(space)).axes[0].images[0].get_array()
    numbers = np.asarray(pixels, dtype=np.int64) @ [0x10000, 0x100, 1]
    side = make_side(small.source, cell_size(small))
    for row, target in enumerate(small.target):
        for column, source in enumerate(small.source):
            found = set(np.unique(numbers[side.span(row), side.span(column)])) - {0xFFFFFF}
            assert len(found) == small.block(target.name, source.name).dimension


@pytest.mark.parametrize("space", [SIREN, ATTENTION, SHARED])
def test_small_orders_are_drawn_with_every_diagram(space):
    maps = EquivariantMaps(space)
    assert drawn_maps(maps).dimension == maps.dimension


@given(weight_spaces(kinds=("free", "positional"), max_entries=100_000, max_size=60, max_diagrams=10_000))
def test_drawn_sizes_fit_and_are_never_larger(space):
    maps = EquivariantMaps(space, SCALAR)
    small = drawn_maps(maps)
    assert sum(math.prod(tensor.shape) for tensor in small.source) <= MOST
    for name, shape in small.source.shapes.items():
        assert all(size <= whole for size, whole in zip(shape, space.shapes[name], strict=True))


def test_too_many_tensors_are_refused():
    space = WeightSpace({f"b{number}": "h" for number in range(MOST + 1)}, sets={"h": 8})
    with pytest.raises(SpecificationError, match="more than the 320 that can be drawn"):
        block_matrix(EquivariantMaps(space))


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_matrix_is_labelled_and_captioned():
    found = texts(block_matrix(EquivariantMaps(KERNELS)))
    assert found.count("w[c x 5 5]") == 2
    text = " ".join(found)
    assert "c = 3 (of 64)" in text
    assert "axes without a name = 3 (of 5)" in text
    assert f"{EquivariantMaps(KERNELS).dimension:,} at the declared ones" in text


def test_dimensions_are_printed_in_the_blocks():
    maps = EquivariantMaps(SIREN)
    found = Counter(text for text in texts(block_matrix(maps)) if text.isdecimal())
    assert found == Counter(str(block.dimension) for block in maps.blocks)


def test_maps_to_a_scalar_are_drawn():
    assert texts(block_matrix(EquivariantMaps(SIREN, SCALAR))).count("invariant[]") == 1


@pytest.mark.parametrize("target", ["w", "qk"])
def test_diagrams_have_a_mark_for_each_index_and_strands_for_each_block(target):
    space = {"w": KERNELS, "qk": ATTENTION}[target]
    block = EquivariantMaps(space).block(target, target)
    diagrams = list(block.diagrams(opened=True))
    patches = partition_diagrams(block).axes[0].patches
    permuted = sum(len(part) for diagram in diagrams for part in diagram.blocks)
    free = sum(len(diagram.positions) for diagram in diagrams) - permuted
    strands = sum(len(part) - 1 for diagram in diagrams for part in diagram.blocks)
    assert sum(isinstance(patch, Circle) for patch in patches) == permuted
    assert sum(isinstance(patch, Rectangle) for patch in patches) == free
    assert sum(isinstance(patch, PathPatch) for patch in patches) == strands
    assert len(diagrams) == block.diagram_count


@pytest.mark.parametrize("name", ["qk", "o"])
def test_notation_is_that_of_the_diagrams(name):
    block = EquivariantMaps(ATTENTION).block(name, "qk")
    listed = [str(diagram).replace(name + "#", "#").replace("qk#", "#") for diagram in block]
    listed = [text.replace(f"{name}[", "[").replace("<-", "←") for text in listed]
    assert [label(diagram) for diagram in block.diagrams(opened=True)] == listed


def test_diagrams_that_are_not_shown_are_counted():
    block = EquivariantMaps(WeightSpace({"w": "h h h"}, sets={"h": 9})).block("w", "w")
    found = texts(partition_diagrams(block))
    assert "The first 60 of 203 diagrams; 143 more are not shown" in found
    assert sum("←" in text for text in found) == 61  # the title has one too


def test_free_values_are_said_to_be_left_open():
    text = " ".join(texts(partition_diagrams(EquivariantMaps(KERNELS).block("w", "w"))))
    assert "2 diagrams. Each gives a map for every value of the free indices (squares): 11,250 in all" in text
    assert "[c x 5 5] ← [c x' 5 5]" in text


def test_a_scalar_side_is_named():
    assert "scalar" in texts(partition_diagrams(EquivariantMaps(SIREN, SCALAR).block("invariant", "0.bias")))


def test_too_many_diagrams_are_refused():
    block = EquivariantMaps(WeightSpace({"w": " ".join("h" * 8)}, sets={"h": 99})).block("w", "w")
    with pytest.raises(SpecificationError, match="more than the limit"):
        partition_diagrams(block)


def test_names_are_drawn_as_they_are():
    """No mathematics is read into a name, and what the font lacks is escaped (a missing glyph would warn)."""
    space = WeightSpace({"a$1_b$": "層", "字": "層"}, sets={"層": 3})
    figure = block_matrix(EquivariantMaps(space))
    assert "a$1_b$[\\u5c64]" in texts(figure)
    assert picture(figure, "png")
    assert picture(partition_diagrams(EquivariantMaps(space).block("字", "字")), "svg")


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(1, 12))
def test_labels_are_spread(centres, apart):
    places = spread(sorted(centres), apart, 100)
    gaps = np.diff(places)
    assert (gaps >= apart - 1e-9).all()
    assert places[0] >= -1e-9
    assert places[-1] <= 100 + 1e-9
    if (np.diff(sorted(centres)) >= apart).all():
        assert places == pytest.approx(sorted(centres))


DIGESTS = """
import hashlib
from layergen.drawing import block_matrix, partition_diagrams, picture
from symmetry import EquivariantMaps, parse
maps = EquivariantMaps(parse({specification!r}))
for figure in (block_matrix(maps), partition_diagrams(maps.block("qk", "o"))):
    for format in ("png", "svg"):
        print(hashlib.sha256(picture(figure, format)).hexdigest())
"""


def test_same_bytes_whatever_the_hash_seed():
    maps = EquivariantMaps(ATTENTION)
    figures = block_matrix(maps), partition_diagrams(maps.block("qk", "o"))
    here = [hashlib.sha256(picture(figure, format)).hexdigest() for figure in figures for format in ("png", "svg")]
    for seed in ("1", "2"):
        code = DIGESTS.format(specification=str(ATTENTION))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        there = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert there.stdout.split() == here


def test_settings_of_matplotlib_are_left_alone():
    before = dict(matplotlib.rcParams)
    assert picture(block_matrix(EquivariantMaps(SHARED)), "svg").startswith(b"<?xml")
    assert dict(matplotlib.rcParams) == before
