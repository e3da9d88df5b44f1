"""The groups of the campaign: what is drawn in each, and what its answer is held against."""

import math

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

import layergen
from layergen.testing import check, coverage, random_features, sensitivity
from symmetry import EquivariantMaps, SpecificationError, dumps, random_element
from symmetry.space.reading import orders, readings
from symmetry.strategies import weight_spaces
from tests.campaign.matrices import random_matrices
from tests.campaign.orbits import orbit_counts
from tests.layergen.testing.planted import DEFECTS

SEEDS = st.integers(0, 2**31)


def counts(data):
    """Dimensions against orbits, merged one by one from the printed specification."""
    space = data.draw(weight_spaces(kinds=("free", "positional"), max_entries=32, max_size=4, max_tensors=4))
    if sum(math.prod(shape) for shape in space.shapes.values()) > 90:
        return 0
    pairs, entries = orbit_counts(dumps(space))
    maps = EquivariantMaps(space)
    for block in maps.blocks:
        assert block.dimension == pairs.get((block.target.name, block.source.name), 0), str(block)
    for block in maps.bias_blocks:
        assert block.dimension == entries.get(block.target.name, 0), str(block)
    return 1


def dense(layer, space):
    """The layer's matrix from all entries to all entries, and its bias, as arrays."""
    names = space.names
    sizes = [math.prod(space[name].shape) for name in names]
    probes = torch.cat([torch.eye(sum(sizes), dtype=torch.float64), torch.zeros(1, sum(sizes), dtype=torch.float64)])
    features = {
        name: part.reshape(len(probes), *space[name].shape, 1)
        for name, part in zip(names, probes.split(sizes, dim=1), strict=True)
    }
    with torch.no_grad():
        out = torch.cat([layer(features)[name].flatten(1) for name in names], dim=1)
    return (out[:-1] - out[-1]).T.numpy(), out[-1].numpy()


def ranks(data):
    """As many independent maps and biases as the formula says, one parameter for each, and each map equivariant."""
    space = data.draw(weight_spaces(max_entries=16, max_diagrams=120, max_size=3, max_tensors=3))
    layer = layergen.EquivariantLinear(space, 1, 1, dtype=torch.float64)
    assert_whole(layer, space, EquivariantMaps(space), np.random.default_rng(data.draw(SEEDS)))
    return 1


def widths(data):
    """A layer made for one width has at another as many independent maps, is equivariant there, and is the layer made
    for that width: parameters go from one to the other."""
    space = data.draw(weight_spaces(max_entries=60, max_diagrams=120, max_size=3, max_order=3, max_tensors=3))
    least, (_, fixed) = orders(space, space), readings(space, space)
    made, used = (
        space.resized({name: size + data.draw(st.integers(0, 2)) for name, size in least.items() if name not in fixed})
        for _ in range(2)
    )
    if made == used or sum(math.prod(shape) for shape in used.shapes.values()) > 80:
        return 0
    layer = layergen.EquivariantLinear(made, 1, 1, dtype=torch.float64)
    rng = np.random.default_rng(data.draw(SEEDS))
    assert_whole(layer, used, EquivariantMaps(used), rng)
    other = layergen.EquivariantLinear(used, 1, 1, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    x = random_features(used, 1, batch=2, dtype=torch.float64)
    with torch.no_grad():
        close(layer(x), other(x))
    return 1


def assert_whole(layer, space, maps, rng):
    """Assert that a layer's parameters give independent maps, as many as there are, and that these commute."""
    rows = []
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    for parameter in layer.parameters():
        for number in range(parameter.numel()):
            with torch.no_grad():
                parameter.view(-1)[number] = 1
            matrix, bias = dense(layer, space)
            rows.append(np.concatenate([matrix.ravel(), bias]))
            with torch.no_grad():
                parameter.view(-1)[number] = 0
    assert len(rows) == maps.dimension + maps.bias_dimension
    if rows:
        found = np.array(rows)
        scale = np.linalg.norm(found, axis=1, keepdims=True)
        assert (scale > 0).all()
        assert np.linalg.matrix_rank(found / scale, tol=1e-8) == len(rows)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    g = random_element(space, rng)
    x = random_features(space, 1, batch=2, dtype=torch.float64)
    with torch.no_grad():
        close(layer(g.act(x, channels=True)), g.act(layer(x), channels=True))


def close(found, expected):
    """Assert that features agree."""
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-9, atol=1e-9 * (1 + float(value.abs().max()))), name


def representations(data):
    """Dimensions against the null space of what random elements demand, their matrices read off their action."""
    space = data.draw(weight_spaces(kinds=("representations",), max_entries=18, max_size=3, max_tensors=2, max_order=3))
    if not space.groups or not commutant_is_small(space):
        return 0
    assert_commutant(space, np.random.default_rng(data.draw(SEEDS)))
    return 1


def larger_groups(data):
    """Dimensions under signs, positive scales, O and GL against the null space of what random matrices demand, which
    are made from the printed specification alone."""
    kinds = ("sets", "vectors", "free")
    space = data.draw(weight_spaces(kinds=kinds, max_entries=18, max_size=3, max_tensors=2, max_order=3))
    if not any(index.charged for index in space.indices) or not commutant_is_small(space):
        return 0
    rng = np.random.default_rng(data.draw(SEEDS))
    try:
        maps = EquivariantMaps(space)
        expected = maps.dimension, maps.bias_dimension
    except SpecificationError:
        return 0
    assert counted(list(random_matrices(dumps(space), rng, 24))) == expected
    assert_commutant(space, rng)
    return 1


def commutant_is_small(space):
    """Whether the matrices of a space are small enough for a null space."""
    return sum(math.prod(shape) for shape in space.shapes.values()) <= 24


def assert_commutant(space, rng):
    """Assert that the dimensions of a space are those of what commutes with random elements."""
    count = sum(math.prod(shape) for shape in space.shapes.values())
    basis, start = {}, 0
    for name, shape in space.shapes.items():
        rows = np.zeros((count, math.prod(shape)))
        rows[start : start + math.prod(shape)] = np.eye(math.prod(shape))
        basis[name], start = rows.reshape(count, *shape), start + math.prod(shape)
    matrices = []
    for _ in range(24):  # with fewer, all of them might leave a set of two elements as it is
        moved = random_element(space, rng)
        images = [moved.act({name: value[k] for name, value in basis.items()}) for k in range(count)]
        matrices.append(np.array([np.concatenate([image[name].ravel() for name in space.names]) for image in images]).T)
    maps = EquivariantMaps(space)
    assert counted(matrices) == (maps.dimension, maps.bias_dimension)


def counted(matrices):
    """How many independent matrices commute with some, and how many vectors they leave as they are."""
    count = len(matrices[0])
    squares, singles = np.zeros((count**2, count**2)), np.zeros((count, count))
    for matrix in matrices:
        demand = np.kron(matrix, np.eye(count)) - np.kron(np.eye(count), matrix.T)
        demand /= 1 + np.abs(matrix).max()
        squares += demand.T @ demand
        singles += (matrix - np.eye(count)).T @ (matrix - np.eye(count))
    values = (np.linalg.eigvalsh(demands) for demands in (squares, singles))
    return tuple(int((found < 1e-8 * max(found.max(), 1)).sum()) for found in values)


class Residual(nn.Module):
    """A block beside its input."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return x + self.block(x)


ACTIVATIONS = (nn.Tanh, nn.ReLU, nn.SiLU, nn.Identity)


def traces(data):
    """Networks whose hidden sets are known: the trace finds them, and permuting them by hand changes nothing."""
    torch.manual_seed(data.draw(SEEDS))
    convolving = data.draw(st.booleans())
    sizes = data.draw(st.lists(st.sampled_from([3, 3, 4]), min_size=2, max_size=5))
    layers, sets = [], 0
    for number, (size, into) in enumerate(zip(sizes[1:], sizes, strict=False)):
        layers.append(nn.Conv2d(into, size, 3, padding=1) if convolving else nn.Linear(into, size))
        if number < len(sizes) - 2:
            sets += 1
            if convolving and data.draw(st.booleans()):
                layers.append(nn.BatchNorm2d(size))
            elif not convolving and data.draw(st.booleans()):
                layers.append(nn.LayerNorm(size))
            layers.append(data.draw(st.sampled_from(ACTIVATIONS))())
            if data.draw(st.integers(0, 3)) == 0:
                inner = data.draw(st.sampled_from([3, 4]))
                convolution = (nn.Conv2d(size, inner, 1), nn.Tanh(), nn.Conv2d(inner, size, 1))
                dense_block = (nn.Linear(size, inner), nn.Tanh(), nn.Linear(inner, size))
                layers.append(Residual(nn.Sequential(*(convolution if convolving else dense_block))))
                sets += 1
    module = nn.Sequential(*layers).eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, sizes[0], 5, 5) if convolving else torch.randn(2, sizes[0])
    traced = layergen.trace(module, [x], prove=data.draw(st.booleans()), extend=False)
    assert sum(index.joined for index in traced.space.indices) == sets, str(traced.space)
    module, x = module.double(), x.double()
    before, state = module(x), {name: value.clone() for name, value in module.state_dict().items()}
    orders = {index.name: torch.randperm(index.size) for index in traced.space.indices if index.joined}
    for tensor in traced.space:
        # Every axis of these networks is one name or one number.
        for axis, word in enumerate(str(tensor).split("[")[1].rstrip("]").split()):
            if word in orders:
                state[tensor.name] = state[tensor.name].index_select(axis, orders[word])
    module.load_state_dict(state)
    assert torch.allclose(module(x), before, rtol=1e-9, atol=1e-9)
    return 1


def kit_sound(data):
    """Sound layers, and stacks of them with a nonlinearity, of which nothing may be said."""
    space = data.draw(weight_spaces(max_entries=40, max_diagrams=120, max_size=3))
    torch.manual_seed(seed := data.draw(SEEDS) % 10_000)
    layer = layergen.EquivariantLinear(space, 1, 2)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    verdict = check(layer, space, examples=5, positional=True, seed=seed)
    assert verdict.passed, verdict.message
    verdict = sensitivity(layer, space, seed=seed)
    assert verdict.passed, verdict.message
    found = coverage(layergen.EquivariantLinear(space, 1, 1), space)
    assert found.passed, str(found)
    return 1


ROWS = [(kind, name) for kind, group in DEFECTS.items() for name in group]


def kit_planted(data):
    """Layers with a defect, of which the check that should must say it, with other numbers than in the tests."""
    kind, name = data.draw(st.sampled_from(ROWS))
    defect, seed = DEFECTS[kind][name], data.draw(SEEDS) % 10_000
    place = defect.place
    layer = defect.layer()
    options = place.options | {"positional": defect.positional, "seed": seed}
    verdict = check(layer, place.space, examples=10, **options)
    if kind in ("missing", "tied", "stray", "nonlinear", "redundancy", "more symmetric", "nothing"):
        assert verdict.passed, f"{name}: {verdict.message}"
    else:
        assert verdict.kind == kind, f"{name}: {verdict.message}"
    if kind in ("missing", "tied", "stray", "nonlinear", "nothing"):
        found = coverage(defect.layer(1, 1), place.space, seed=seed, **place.options)
        assert found.passed == (kind == "nothing"), f"{name}: {found}"
    if kind in ("more symmetric", "nothing"):
        verdict = sensitivity(layer, place.space, seed=seed, **place.options)
        assert verdict.passed == (kind == "nothing"), f"{name}: {verdict.message}"
    return 1


GROUPS = {
    "counts": counts,
    "ranks": ranks,
    "widths": widths,
    "representations": representations,
    "signs, scales, O, GL": larger_groups,
    "traces": traces,
    "kit: sound layers": kit_sound,
    "kit: planted defects": kit_planted,
}
