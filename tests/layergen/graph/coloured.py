"""A parameter graph as networkx has it, with labels for colours; and spaces of many kinds of tensors."""

from collections import defaultdict

import networkx

from layergen.graph.labels import Column
from symmetry import WeightSpace

__all__ = ["ATTENTION", "MIXED", "PERCEPTRON", "coloured", "exchangeable"]

PERCEPTRON = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "k h", "2.bias": "k", "4.weight": "y k", "4.bias": "y"},
    sets={"h": 4, "k": 3},
    free={"x": 2, "y": 2},
)
ATTENTION = WeightSpace(
    {
        "q.weight": "(head dk) d",
        "k.weight": "(head dk) d",
        "v.weight": "(head dv) d",
        "o.weight": "d (head dv)",
        "o.bias": "d",
    },
    sets={"d": 3, "head": 2, "dk": {"size": 2, "within": "head"}, "dv": {"size": 2, "within": "head"}},
)
MIXED = WeightSpace(
    {
        "three": "h k h",
        "gates": "(gate h) 3",
        "kernel": "k h 3 3",
        "scalar": "",
        "positions": "p",
        "square": "h h",
        "both": "y (h + 1)",
        "apart": "head dk dk",
    },
    sets={"h": 3, "k": 2, "head": 2, "dk": {"size": 2, "within": "head"}},
    free={"gate": 2, "y": 2},
    positional={"p": 3},
)


def joined_pairs(arrays):
    """The labels of the edges from one node to another."""
    found = defaultdict(list)
    labels = [tuple(row) for row in arrays.labels.tolist()]
    for read, written, label in zip(*arrays.edge_index.tolist(), arrays.edge_label.tolist(), strict=True):
        found[read, written].append(labels[label])
    return found


def exchangeable(arrays):
    """Whether two edges between the same nodes have one label."""
    return any(len(set(labels)) < len(labels) for labels in joined_pairs(arrays).values())


def coloured(arrays):
    """The graph, with two nodes for the edges from one node to another, so that directions show."""
    graph = networkx.Graph()
    labels = [tuple(row) for row in arrays.labels.tolist()]
    graph.add_nodes_from((node, {"colour": labels[label]}) for node, label in enumerate(arrays.node_label.tolist()))
    for (read, written), found in joined_pairs(arrays).items():
        colour = tuple(sorted(found))
        graph.add_node(("read", read, written), colour=("read", colour))
        graph.add_edge(read, ("read", read, written))
        ranks = arrays.labels[arrays.node_label[[read, written]], Column.RANK]
        if ranks[0] == ranks[1]:  # ends in one index; else the colour says which end is which
            graph.add_node(("written", read, written), colour=("written", colour))
            graph.add_edge(("read", read, written), ("written", read, written))
            graph.add_edge(("written", read, written), written)
        else:
            graph.add_edge(("read", read, written), written)
    return graph
