"""The page of UNF."""

from __future__ import annotations

from collections.abc import Iterator

from layergen import EquivariantLinear
from layergen.testing import coverage
from papers.copying import copied
from papers.page import DASH, Setting, System, Table, attempted, both, further, holds, missing, reached
from papers.unf.published import REPOSITORY, UNFLayer, term_matrices
from papers.unf.specification import weight_space
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["SPECIFICATIONS", "SYSTEM"]

Tree = dict[str, dict[str, tuple[int, ...]]]
SPECIFICATIONS: dict[str, tuple[Tree, Tree, frozenset[int]]] = {
    "perceptron 2-4-5-2": (
        {
            "0": {"kernel": (0, 1), "bias": (1,)},
            "1": {"kernel": (1, 2), "bias": (2,)},
            "2": {"kernel": (2, 3), "bias": (3,)},
        },
        {
            "0": {"kernel": (2, 4), "bias": (4,)},
            "1": {"kernel": (4, 5), "bias": (5,)},
            "2": {"kernel": (5, 2), "bias": (2,)},
        },
        frozenset({0, 3}),
    ),
    "RNN, 3 inputs, 5 units, 2 outputs": (
        {"cell": {"in": (0, 1), "hidden": (1, 1), "bias": (1,)}, "out": {"kernel": (1, 2), "bias": (2,)}},
        {"cell": {"in": (3, 5), "hidden": (5, 5), "bias": (5,)}, "out": {"kernel": (5, 2), "bias": (2,)}},
        frozenset({0, 2}),
    ),
    "CNN, kernels 3 × 3": (
        {"0": {"kernel": (10, 11, 0, 1), "bias": (1,)}, "1": {"kernel": (12, 13, 1, 2), "bias": (2,)}},
        {"0": {"kernel": (3, 3, 1, 4), "bias": (4,)}, "1": {"kernel": (3, 3, 4, 5), "bias": (5,)}},
        frozenset({10, 11, 12, 13, 0}),
    ),
    "one tensor (0, 0) of 3 × 3": ({"w": {"w": (0, 0)}}, {"w": {"w": (3, 3)}}, frozenset()),
}
"""By name: permutation specifications as UNF takes them, shapes, and the permutations that act on no set of neurons."""


def dimensions(setting: Setting) -> Iterator[tuple[str, ...]]:
    """How many terms UNF has for a specification, how many of them are independent, and with free indices."""
    for name, (specification, shapes, still) in SPECIFICATIONS.items():
        space = weight_space(specification, shapes)
        maps = EquivariantMaps(space)
        terms = maps.total(lambda piece: 1, bounded=False)
        exact = str(EquivariantMaps(freed(space, still)).dimension) if still else DASH
        yield name, str(terms), str(maps.dimension), exact


def freed(space: WeightSpace, still: frozenset[int]) -> WeightSpace:
    """The space with the axes of some permutations as free indices."""
    free = {f"p{number}" for number in still}
    sets = {name: size for name, size in space.sizes.items() if name not in free}
    return WeightSpace(
        {tensor.name: " ".join(map(str, tensor.axes)) for tensor in space},
        sets=sets,
        free={name: space.sizes[name] for name in free},
    )


def small_sets(setting: Setting) -> Iterator[tuple[str, ...]]:
    """A tensor with two axes of one set."""
    for size in range(1, 6):
        space = weight_space({"w": (0, 0)}, {"w": (size, size)})
        maps = EquivariantMaps(space)
        yield str(size), str(maps.total(lambda piece: 1, bounded=False)), str(maps.dimension), str(maps.bias_dimension)


def judged(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The layer made of the published terms, for some specifications."""
    spaces = {name: weight_space(*given[:2]) for name, given in SPECIFICATIONS.items() if "CNN" not in name}
    for size in (1, 2, 4):
        spaces[f"one tensor (0, 0) of {size} × {size}"] = weight_space({"w": (0, 0)}, {"w": (size, size)})
    spaces["one tensor (0, 0, 1) of 3 × 3 × 2"] = weight_space({"w": (0, 0, 1)}, {"w": (3, 3, 2)})
    spaces["one tensor (0, 0, 0) of 4 × 4 × 4"] = weight_space({"w": (0, 0, 0)}, {"w": (4, 4, 4)})
    for name, space in spaces.items():

        def judge(space: WeightSpace = space) -> tuple[str, ...]:
            layer = UNFLayer(setting.published, space)
            verdict, more = both(layer, space, "features", 1)
            found = coverage(layer, space)
            biases = f"{found.bias.rank} / {found.bias.dimension}"
            return holds(verdict), further(more), reached(found), biases, str(found.linear.parameters), missing(found)

        yield name, *attempted(judge)


def shared_axes(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Blocks between two tensors with several axes of one set of 3."""
    for target, source in (("0 0", "0 0"), ("0 0 0", "0 0"), ("0 0", "0 0 0"), ("0", "0 0 0"), ("0 0 0", "0 0 0")):
        axes = {"t": tuple(map(int, target.split())), "s": tuple(map(int, source.split()))}
        space = weight_space(axes, {name: (3,) * len(numbers) for name, numbers in axes.items()})
        block = EquivariantMaps(space).block(target="t", source="s")

        def terms(space: WeightSpace = space) -> tuple[str, ...]:
            return (str(len(term_matrices(setting.published, space, "t", "s"))),)

        yield f"({target}) ← ({source})", str(block.dimension), *attempted(terms)


def copies(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Ours with the published weights, and the parameters of both."""
    for name in ("perceptron 2-4-5-2", "RNN, 3 inputs, 5 units, 2 outputs", "one tensor (0, 0) of 3 × 3"):
        space = weight_space(*SPECIFICATIONS[name][:2])
        theirs, ours = UNFLayer(setting.published, space, 2), EquivariantLinear(space, 2, 2)
        made = copied(ours, theirs, space, channels=2)
        yield name, str(sum(p.numel() for p in theirs.parameters())), str(made.parameters), f"{made.error:.0e}"


SYSTEM = System(
    'UNF (Zhou, Finn and Harrison, 2024, "Universal Neural Functionals")',
    (
        Table(
            "Permutation specifications, read as weight spaces",
            ("network", "terms of UNF", "of them independent", "derived, inputs, outputs and kernels free"),
            dimensions,
        ),
        Table(
            "One tensor with two axes of one set of n",
            ("n", "terms of UNF", "derived", "derived biases"),
            small_sets,
        ),
        Table(
            "The published terms as a layer",
            ("network", "equivariant", "further symmetry", "maps: reached / all", "biases", "parameters", "missing"),
            judged,
            REPOSITORY,
        ),
        Table(
            "Blocks between tensors whose axes share one set of 3",
            ("block", "derived", "terms of the published code"),
            shared_axes,
            REPOSITORY,
        ),
        Table(
            "Ours with the published weights, two channels",
            ("network", "their parameters", "ours", "largest difference on new inputs"),
            copies,
            REPOSITORY,
        ),
    ),
)
