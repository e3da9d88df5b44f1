"""The graph of a weight space: its automorphisms are the group, and every entry is in it once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import layergen
from layergen.graph.arrays import Style
from layergen.graph.building import graph_arrays
from layergen.graph.data import space_of
from layergen.graph.labels import Column, Kind
from symmetry import SpecificationError, WeightSpace, group_order
from symmetry.graphs.automorphisms import automorphism_count
from symmetry.strategies import weight_spaces
from tests.layergen.graph.coloured import ATTENTION, MIXED, PERCEPTRON, coloured, exchangeable
from tests.layergen.tracing.networks import NETWORKS, made

STYLES = [Style(), Style(parallel=True, vector_nodes=True)]


def assert_exact(space, style):
    arrays = graph_arrays(space, style)
    assert len(np.unique(arrays.labels, axis=0)) == len(arrays.labels)
    assert not exchangeable(arrays)
    assert automorphism_count(coloured(arrays)) == group_order(space)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("space", [PERCEPTRON, ATTENTION, MIXED])
def test_automorphisms_are_the_group(space, style):
    assert_exact(space, style)


@given(weight_spaces(kinds=("free", "positional"), max_entries=60))
def test_automorphisms_of_any_space_are_its_group(space):
    for style in STYLES:
        assert_exact(space, style)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "transformer"])  # it takes as long as all others
def test_automorphisms_of_traced_networks_are_their_groups(name):
    network, inputs = made(name)
    assert_exact(space_of(layergen.trace(network, inputs, prove=False)), Style())


@pytest.mark.parametrize(
    ("column", "more"),
    [
        (Column.PLACE, True),  # inputs and outputs are alike
        (Column.RANK, False),  # names, depths and kinds are enough here
        (Column.KIND, False),
    ],
)
def test_a_label_left_out(column, more):
    """The check sees what is missing: without the numbers of inputs and outputs these are permuted as well."""
    arrays = graph_arrays(PERCEPTRON)
    labels = arrays.labels.copy()
    labels[:, column] = 0
    assert (automorphism_count(coloured(replace(arrays, labels=labels))) > group_order(PERCEPTRON)) is more


def test_queries_keys_and_values_are_told_apart():
    """As a Graph Metanetwork has them, with one label for the three projections, they may be exchanged."""
    arrays = graph_arrays(ATTENTION)
    assert not exchangeable(arrays)
    labels = arrays.labels.copy()
    labels[labels[:, Column.KIND] == Kind.WEIGHT, Column.ROLE :] = 0
    assert exchangeable(replace(arrays, labels=labels))


@given(weight_spaces(kinds=("free", "positional")))
def test_every_entry_is_held_once(space):
    count = sum(int(np.prod(shape)) for shape in space.shapes.values())
    for style in STYLES:
        arrays = graph_arrays(space, style)
        held = np.concatenate([arrays.nodes.source, arrays.edges.source])
        assert sorted(held.tolist()) == list(range(count))
        assert arrays.nodes.holder.max(initial=0) < arrays.node_label.size
        assert arrays.edges.holder.max(initial=0) < max(1, arrays.edge_label.size)
        if style.parallel and style.vector_nodes:
            assert len(set(arrays.edges.holder.tolist())) == arrays.edges.holder.size


@given(weight_spaces(kinds=("free", "positional")))
def test_blocks_are_the_edges(space):
    for style in STYLES:
        arrays = graph_arrays(space, style)
        if arrays.blocks is None:
            continue
        found = [
            (read, written)
            for block in arrays.blocks
            for written in range(block.written[0], sum(block.written))
            for read in range(block.read[0], sum(block.read))
        ]
        assert found == list(zip(*arrays.edge_index.tolist(), strict=True))


def test_perceptrons_and_cnns_are_blocks():
    convolutions = WeightSpace({"a": "h x 3 3", "b": "h", "c": "y h"}, sets={"h": 3}, free={"x": 2, "y": 2})
    for space in (PERCEPTRON, convolutions):
        for style in STYLES:
            assert graph_arrays(space, style).blocks
    assert graph_arrays(ATTENTION).blocks is None


def test_ranks_do_not_depend_on_the_order_of_keys():
    tensors = {"0.weight": "h x", "0.bias": "h", "10.weight": "h h", "9.weight": "h h"}

    def ranks(names):
        space = WeightSpace({name: tensors[name] for name in names}, sets={"h": 2}, free={"x": 2})
        arrays = graph_arrays(space)
        ends = np.cumsum([np.prod(tensor.shape) for tensor in space])
        own = {}
        for held in (arrays.nodes, arrays.edges):
            for source, label in zip(held.source, held.label, strict=True):
                own[names[int(np.searchsorted(ends, source, side="right"))]] = int(arrays.labels[label, Column.RANK])
        return own

    assert ranks(list(tensors)) == ranks(list(tensors)[::-1])
    assert ranks(list(tensors))["9.weight"] < ranks(list(tensors))["10.weight"]


def test_a_group_that_multiplies_has_no_graph():
    space = WeightSpace({"w": "h x"}, sets={"h": {"size": 3, "scaled": "sign"}}, free={"x": 2})
    with pytest.raises(SpecificationError, match=r"multiplies entries of 'w\[h x\]'"):
        graph_arrays(space)


def test_labels_say_how_many_entries_are_summed():
    """Of a matrix those of the read index, of a convolution its kernel positions too; of a head's units all heads."""
    space = WeightSpace(
        {"in": "h x", "conv": "k h 3 2", "out": "y (head dk)", "b": "h"},
        sets={"h": 3, "k": 5, "head": 2, "dk": {"size": 4, "within": "head"}},
        free={"x": 7, "y": 6},
    )
    arrays = graph_arrays(space)
    fans = dict(zip(arrays.edges.source, arrays.labels[arrays.edges.label, Column.FAN], strict=True))
    ends = np.cumsum([np.prod(tensor.shape) for tensor in space])
    assert [{fans[place] for place in range(start, stop)} for start, stop in ((0, ends[0]), (ends[0], ends[1]))] == [
        {7},
        {18},
    ]
    assert {fans[place] for place in range(ends[1], ends[2])} == {8}
