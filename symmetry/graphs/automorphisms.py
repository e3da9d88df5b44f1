"""The order of the automorphism group of a coloured graph, by orbits and stabilisers.

Colours are refined until neighbourhoods tell no more nodes apart (Weisfeiler and Leman 1968). Then nodes are fixed one
by one: the order is the product of the sizes of their orbits, each under the stabiliser of the nodes fixed before (Sims
1970). Whether one node can be moved to another is decided by fixing further nodes until every node has a colour of its
own (McKay 1981).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import networkx

__all__ = ["automorphism_count"]

Colours = NDArray[np.uint64]
Image = NDArray[np.intp]
"""The node to which each node is moved."""
FIXED = np.uint64(0x9E3779B97F4A7C15)


def automorphism_count(graph: networkx.Graph, on: Iterable[Any] | None = None) -> int:
    """The number of permutations of some nodes of a graph that its automorphisms make.

    Parameters
    ----------
    graph
        An undirected graph. Nodes may have a `colour`, any hashable value: automorphisms keep it.
    on
        The nodes whose permutations are counted; by default all.

    Returns
    -------
    int
        The order of the automorphism group, or of its image in the permutations of `on`.

    References
    ----------
    Weisfeiler and Leman, "The reduction of a graph to canonical form and the algebra which appears therein", 1968;
    Sims, "Computational methods in the study of permutation groups", 1970; McKay, "Practical graph isomorphism", 1981.

    Examples
    --------
    >>> import networkx
    >>> cube = networkx.hypercube_graph(3)
    >>> automorphism_count(cube)
    48
    >>> cube.nodes[0, 0, 0]["colour"] = "a corner"
    >>> automorphism_count(cube)
    6
    """
    places = {node: place for place, node in enumerate(graph)}
    pairs = np.array([[places[a], places[b]] for a, b in graph.edges], dtype=np.intp).reshape(-1, 2)
    neighbours = Neighbours(pairs, len(places))
    named = {colour: number for number, colour in enumerate({graph.nodes[node].get("colour"): 0 for node in graph})}
    colours = neighbours.refined(np.array([named[graph.nodes[node].get("colour")] for node in graph], dtype=np.uint64))
    nodes = np.array([places[node] for node in (graph if on is None else on)], dtype=np.intp)
    chain = []
    while (cell := first_cell(colours, nodes)) is not None:
        chain.append((colours, cell))
        colours = neighbours.with_fixed(colours, cell[0])
    order, generators = 1, list[Image]()
    for before, cell in reversed(chain):  # generators of a smaller stabiliser are elements of the larger ones
        reached, first = orbit(cell[0], generators), neighbours.with_fixed(before, cell[0])
        for node in cell[1:]:
            if node not in reached:
                image = neighbours.automorphism(first, neighbours.with_fixed(before, node))
                if image is not None:
                    generators.append(image)
                    reached = orbit(cell[0], generators)
        order *= len(reached)
    return order


def first_cell(colours: Colours, nodes: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """The first nodes that share a colour; None where every node has its own."""
    _, cell, sizes = np.unique(colours[nodes], return_inverse=True, return_counts=True)
    return nodes[cell == np.argmax(sizes > 1)] if (sizes > 1).any() else None


def orbit(node: int, generators: Iterable[Image]) -> set[int]:
    """The nodes to which the generators can move a node."""
    found, front = {int(node)}, [int(node)]
    while front:
        at = front.pop()
        images = {int(image[at]) for image in generators}
        front += images - found
        found |= images
    return found


class Neighbours:
    """The edges of a graph, in arrays, with the operations on colourings that need them."""

    def __init__(self, pairs: NDArray[np.intp], count: int) -> None:
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        ends = ends[np.argsort(ends[:, 0], kind="stable")]
        self.count = count
        self.ends, self.others = ends[:, 0], ends[:, 1]
        self.present, self.starts = np.unique(self.ends, return_index=True)
        self.edges = np.unique(self.ends * count + self.others)

    def refined(self, colours: Colours) -> Colours:
        """Colours that also tell nodes apart by their neighbours' colours; indistinguishable nodes share one."""
        distinct = np.unique(colours).size
        while True:
            around = np.zeros_like(colours)
            if self.starts.size:
                around[self.present] = np.add.reduceat(scattered(colours)[self.others], self.starts)
            colours = scattered(colours + scattered(around))
            finer = np.unique(colours).size
            if finer == distinct:
                return colours
            distinct = finer

    def with_fixed(self, colours: Colours, node: np.intp) -> Colours:
        """The refined colours after one node gets a colour of its own."""
        changed = colours.copy()
        changed[node] ^= FIXED
        return self.refined(changed)

    def automorphism(self, first: Colours, second: Colours) -> Image | None:
        """An automorphism that takes one colouring to the other; None if there is none."""
        if not np.array_equal(np.sort(first), np.sort(second)):
            return None
        values, sizes = np.unique(first, return_counts=True)
        if (sizes == 1).all():
            image = np.empty(self.count, dtype=np.intp)
            image[np.argsort(first)] = np.argsort(second)
            moved = image[self.ends] * self.count + image[self.others]
            return image if np.array_equal(np.sort(moved), self.edges) else None
        value = values[np.argmax(sizes > 1)]
        fixed = self.with_fixed(first, np.flatnonzero(first == value)[0])
        images = (self.automorphism(fixed, self.with_fixed(second, node)) for node in np.flatnonzero(second == value))
        return next((image for image in images if image is not None), None)


def scattered(numbers: Colours) -> Colours:
    """A hash of each number, 64 bits that look random.

    References
    ----------
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31)) + FIXED
