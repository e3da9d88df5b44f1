"""Layers against what the papers say, node by node."""

import pytest
import torch

from layergen.graph.layers import TransformerLayer
from layergen.graph.links import NumberedLinks

EDGES = [(0, 2), (1, 2), (0, 3), (2, 3), (3, 1), (4, 0)]
"""Read and written node; node 4 hears nobody but itself unless messages go back."""


@pytest.mark.parametrize("reverse", [False, True])
def test_attention_is_a_softmax_over_neighbours_and_itself(reverse):
    torch.manual_seed(0)
    heads, size, count = 2, 3, 5
    layer = TransformerLayer(heads * size, heads, reverse, 0.0).double()
    x, e = torch.randn(count, heads * size).double(), torch.randn(len(EDGES), heads * size).double()
    read, written = torch.tensor(EDGES).T
    found = layer._attended(NumberedLinks(read, written, count), x, e)
    queries, keys, values = layer.nodes(x).chunk(3, dim=-1)
    expected = torch.zeros_like(found)
    for node in range(count):
        heard = [(node, layer.loop[0])]
        heard += [(one, layer.edges[0](e[k])) for k, (one, other) in enumerate(EDGES) if other == node]
        if reverse:
            heard += [(other, layer.edges[1](e[k])) for k, (one, other) in enumerate(EDGES) if one == node]
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores, taken = [], []
            for other, edge in heard:
                to_query, to_key, times, plus = edge.chunk(4)
                scores.append((queries[node] + to_query)[part] @ (keys[other] + to_key)[part] / size**0.5)
                taken.append((values[other] * times + plus)[part])
            expected[node, part] = torch.stack(scores).softmax(0) @ torch.stack(taken)
    torch.testing.assert_close(found, expected)
