"""Graph networks beside derived layers: which maps they can express, and what they cost.

`python -m benchmarks.graph` prints the tables; `python -m benchmarks.graph maps`, `cost`, `growth` or `making` one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product

import torch
from torch import Tensor, nn

from benchmarks.contenders import Case, Contender
from benchmarks.machine import machine, machine_text
from benchmarks.measuring import all_cases
from benchmarks.memory import peak_bytes
from benchmarks.spaces import perceptron
from benchmarks.timing import interleaved
from layergen import EquivariantLinear
from layergen.graph import GraphMetanet, parameter_graph, parameter_graphs
from layergen.graph.layers import LAYERS
from layergen.graph.links import Links, links_of
from symmetry import EquivariantMaps, WeightSpace, element

__all__ = ["expressed"]


def expressed(space: WeightSpace, kind: str, layers: int, *, hidden: int = 16) -> int:
    """How many of the derived maps a graph network expresses: the rank of derivatives where the group moves nothing.

    At weights that no permutation changes, the derivative of an equivariant function commutes with all permutations: it
    is a combination of the derived maps. The derivatives of many random networks span those that this architecture
    has to first order. The mean over the group takes out what rounding does to minima and maxima of equal messages.

    Parameters
    ----------
    space
        A small space of sets and free indices, each axis of its tensors one index.
    kind, layers, hidden
        As for `layergen.nn.GraphMetanet`.

    Returns
    -------
    int
        The rank, at most the dimension of `EquivariantMaps(space)`.
    """
    count = EquivariantMaps(space).dimension + 5
    moves = group_moves(space)
    found = []
    for seed in range(count):
        torch.manual_seed(seed)
        model = GraphMetanet(out_channels=1, kind=kind, hidden=hidden, heads=4, layers=layers).double()
        for name, parameter in model.named_parameters():
            if "added" in name:  # branches that begin at nought
                nn.init.normal_(parameter, std=0.3)
        jacobian = torch.autograd.functional.jacobian(on_vectors(model, space), still_weights(space), vectorize=True)
        mean = torch.stack([jacobian[move][:, move] for move in moves]).mean(0)
        found.append(mean.flatten() / mean.norm())
    values = torch.linalg.svdvals(torch.stack(found))
    return int((values > 1e-11 * values[0]).sum())


def sizes_of(space: WeightSpace) -> list[int]:
    """The number of entries of each tensor."""
    return [torch.Size(shape).numel() for shape in space.shapes.values()]


def on_vectors(model: nn.Module, space: WeightSpace) -> Callable[[Tensor], Tensor]:
    """A graph network as a function from all weights in one vector to all outputs in one."""

    def function(vector: Tensor) -> Tensor:
        parts = zip(space, vector.split(sizes_of(space)), strict=True)
        (found,) = model([(space, {tensor.name: part.reshape(tensor.shape) for tensor, part in parts})])
        return torch.cat([found[name].flatten() for name in space.names])

    return function


def still_weights(space: WeightSpace) -> Tensor:
    """Random weights that no permutation changes, in one vector."""
    found = []
    for tensor in space:
        sets = [space.index(str(axis)).joined for axis in tensor.axes]
        shape = [1 if joined else size for joined, size in zip(sets, tensor.shape, strict=True)]
        found.append(torch.randn(shape, dtype=torch.double).expand(tensor.shape).flatten())
    return torch.cat(found)


def group_moves(space: WeightSpace) -> list[Tensor]:
    """Where each permutation takes the entries, all in one vector."""
    sets = [index for index in space.indices if index.joined]
    places = torch.arange(sum(sizes_of(space))).split(sizes_of(space))
    arrays = {tensor.name: part.reshape(tensor.shape).numpy() for tensor, part in zip(space, places, strict=True)}
    found = []
    for images in product(*(permutations(range(index.size)) for index in sets)):
        parts = {index.name: list(image) for index, image in zip(sets, images, strict=True)}
        moved = element(space, parts).act(arrays)
        found.append(torch.cat([torch.from_numpy(moved[name]).flatten() for name in space.names]))
    return found


def maps_table() -> Iterator[list[str]]:
    """Which of the derived maps of a perceptron 2-3-4-2 the kinds express, by the number of layers."""
    space = perceptron(2, [3, 4], 2)
    total = EquivariantMaps(space).dimension
    yield ["layers", *LAYERS, "EquivariantLinear"]
    for layers in range(6):
        ranks = [str(expressed(space, kind, layers)) for kind in LAYERS]
        yield [str(layers), *ranks, str(total) if layers else "–"]


class Layer(nn.Module):
    """One layer of a graph network as a function of features, for timing."""

    def __init__(self, kind: str, hidden: int, links: Links) -> None:
        super().__init__()
        self.layer = LAYERS[kind](hidden, 8, True, 0.0)
        self.links = links

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        nodes, edges = self.layer(self.links, x["nodes"], x["edges"])
        return {"nodes": nodes, "edges": edges}


def graph_contenders(case: Case) -> dict[str, Contender]:
    """A derived layer and a layer of each kind, over numbered edges and, where that can be, over blocks."""
    network = {tensor.name: torch.randn(tensor.shape) for tensor in case.space}
    graphs = parameter_graphs([(case.space, network)] * case.batch)
    derived = EquivariantLinear(case.space, case.channels, case.channels)
    features = {tensor.name: torch.randn(case.batch, *tensor.shape, case.channels) for tensor in case.space}
    found = {"EquivariantLinear": Contender(derived, derived, features)}
    links = {"": links_of(graphs, blocks=False), " in blocks": links_of(graphs)}
    for kind in LAYERS:
        for word, own in links.items():
            if word and type(own) is type(links[""]):
                continue
            sizes = {"nodes": graphs.num_nodes, "edges": graphs.num_edges}
            layer = Layer(kind, case.channels, own)
            inputs = {name: torch.randn(size, case.channels) for name, size in sizes.items()}
            found[kind + word] = Contender(layer, layer, inputs)
    return found


def cost_table() -> Iterator[list[str]]:
    """Milliseconds of one layer forward and backward, and peak memory over that of input and output features."""
    yield ["", "layer", "ms", "/ derived", "peak memory / features"]
    for case in all_cases():
        field = graph_contenders(case)
        timings = interleaved({name: one.forward_backward for name, one in field.items()}, budget=20, least=3)
        first = timings["EquivariantLinear"].median
        for name, one in field.items():
            median, memory = timings[name].median, peak_bytes(one.forward_backward) / case.feature_bytes
            yield [case.name, name, f"{1e3 * median:.0f}", f"{median / first:.2f}", f"{memory:.1f}"]


def growth_table() -> Iterator[list[str]]:
    """Microseconds an edge of one layer forward and backward, for perceptrons of growing width."""
    yield ["edges", *LAYERS, *(f"{kind} in blocks" for kind in LAYERS)]
    for width in (16, 32, 64, 128, 256):
        case = Case("", "", perceptron(2, [width] * 2, 1), batch=4, channels=32)
        field = graph_contenders(case)
        names = [*LAYERS, *(f"{kind} in blocks" for kind in LAYERS)]
        timings = interleaved({name: field[name].forward_backward for name in names}, budget=5, least=3)
        edges = 4 * (width * width + 3 * width)
        yield [f"{edges:,}", *(f"{1e6 * timings[name].median / edges:.2f}" for name in names)]


def making_table() -> Iterator[list[str]]:
    """Seconds to make a graph: for the first network of a space, and for the next."""
    yield ["edges", "first, s", "next, s"]
    for width in (100, 1000, 2000):
        space = perceptron(100, [width, width], 10)
        network = {tensor.name: torch.randn(tensor.shape) for tensor in space}
        times = []
        for _ in range(2):
            start = time.perf_counter()
            graph = parameter_graph(space, network)
            times.append(time.perf_counter() - start)
        yield [f"{graph.num_edges:,}", *(f"{one:.3f}" for one in times)]


TABLES = {"maps": maps_table, "cost": cost_table, "growth": growth_table, "making": making_table}


def main(chosen: Sequence[str]) -> None:
    """Print the tables as Markdown."""
    for name in chosen or TABLES:
        table = TABLES[name]
        print(f"### {(table.__doc__ or '').splitlines()[0]}\n")
        for number, cells in enumerate(table()):
            print(f"| {' | '.join(cells)} |", flush=True)
            if not number:
                print(f"|{' --- |' * len(cells)}")
        print()
    print(f"Measured on {machine_text(machine(memory_kept=False))}.")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
