"""Orders of automorphism groups, against graphs whose groups are known and against trying every permutation."""

from itertools import permutations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symmetry.graphs.architecture import architecture_graph
from symmetry.graphs.automorphisms import Neighbours, automorphism_count
from symmetry.space.weight_space import WeightSpace


@pytest.mark.parametrize(
    ("graph", "order"),
    [
        (networkx.petersen_graph(), 120),
        (networkx.complete_graph(7), 5040),
        (networkx.complete_multipartite_graph(5, 5, 3), 120 * 120 * 2 * 6),
        (networkx.hypercube_graph(4), 384),
        (networkx.frucht_graph(), 1),
        (networkx.empty_graph(4), 24),
        (networkx.paley_graph(13).to_undirected(), 78),  # regular: colours alone say nothing
    ],
)
def test_known_graphs(graph, order):
    assert automorphism_count(graph) == order


@given(st.integers(0, 2**15 - 1), st.lists(st.sampled_from("ab"), min_size=6, max_size=6))
def test_every_permutation(edges, colours):
    """Graphs of six nodes, by trying all 720 permutations."""
    pairs = [(i, j) for i in range(6) for j in range(i)]
    graph = networkx.empty_graph(6)
    graph.add_edges_from(pair for place, pair in enumerate(pairs) if edges >> place & 1)
    networkx.set_node_attributes(graph, dict(enumerate(colours)), "colour")
    keeps = [
        p
        for p in permutations(range(6))
        if all(colours[i] == colours[p[i]] for i in range(6))
        and all(graph.has_edge(p[i], p[j]) for i, j in graph.edges)
    ]
    assert automorphism_count(graph) == len(keeps)
    some = [node for node in graph if colours[node] == "a"]
    assert automorphism_count(graph, some) == len({tuple(p[node] for node in some) for p in keeps})


def test_automorphisms_are_numbers_of_nodes():
    """Of the path 0 - 1 - 2 the one that moves anything turns it round."""
    path = Neighbours(np.array([[0, 1], [1, 2]]), 3)
    whole = path.refined(np.zeros(3, dtype=np.uint64))
    image = path.automorphism(path.with_fixed(whole, 0), path.with_fixed(whole, 2))
    assert image.tolist() == [2, 1, 0]
    assert image[image].tolist() == [0, 1, 2]
    assert path.automorphism(path.with_fixed(whole, 0), path.with_fixed(whole, 1)) is None


def test_architecture_of_attention():
    """Nested sets stand for what they are nested in; a circle does not keep columns from being found."""
    graph = architecture_graph(
        WeightSpace(
            {"qk": "((head dk) + (head dk)) d", "o": "d (head dk)", "b": "d", "e": "d 3"},
            sets={"d": 8, "head": 2, "dk": {"size": 4, "within": "head"}},
        )
    )
    assert set(graph) == {"dk", "d", "3, read"}
    assert sorted(graph.edges(data="tensor")) == [
        ("3, read", "d", "e"),
        ("d", "dk", "qk"),
        ("d", "dk", "qk"),
        ("dk", "d", "o"),
    ]
    assert dict(graph.nodes(data="column")) == {"3, read": 0, "d": 1, "dk": 2}
    assert graph.nodes["d"]["tensors"] == ["b"]


def test_biases_say_which_axis_is_written():
    """Of a transposed convolution, and of GPT-2's layers, the second axis; of others the first."""
    graph = architecture_graph(
        WeightSpace(
            {
                "down.weight": "h x 3 3",
                "down.bias": "h",
                "up.weight": "h k 3 3",
                "up.bias": "k",
                "square.weight": "k k",
                "square.bias": "k",
                "out.weight": "k 3 3 3",
                "out.bias": "3",
            },
            sets={"h": 8, "k": 2},
            free={"x": 2},
        )
    )
    assert sorted((source, target) for source, target in graph.edges() if source != target) == [
        ("h", "k"),
        ("k", "3, written"),
        ("x", "h"),
    ]
    assert dict(graph.nodes(data="column")) == {"x": 0, "h": 1, "k": 2, "3, written": 3}
