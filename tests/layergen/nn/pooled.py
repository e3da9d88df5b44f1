"""Spaces of every kind to pool over, what a slow loop pools, and a short training."""

import itertools

import numpy as np
import torch

from layergen.nn.pools import Attention
from symmetry import WeightSpace
from symmetry.space.layout import take_apart
from tests.layergen.nn.test_contraction import HEADS, neurons
from tests.layergen.nn.test_nn import SPACE
from tests.layergen.nn.test_representations import COMPACT, MIXED

SCALED = WeightSpace(
    {"w": "h k^-1", "v": "(h^2 + k) x", "b": "h", "c": "y p"},
    sets={"h": {"size": 4, "scaled": "sign"}, "k": {"size": 3, "scaled": "positive"}},
    free={"x": 2, "y": 2},
    positional={"p": 3},
)
TURNED = WeightSpace(
    {"q": "(head u) d", "k": "(head u^-1) d", "b": "d 2", "d d": "d d"},
    sets={"head": 3, "d": 4},
    vectors={"u": {"size": 3, "group": "O", "within": "head"}},
)
SPACES = {
    "sets": SPACE,
    "signs": neurons({"size": 5, "scaled": "sign"}),
    "scales": neurons({"size": 5, "scaled": "positive"}),
    "both": SCALED,
    "O(n)": TURNED,
    "GL(n)": HEADS,
    "C4": MIXED,
    "SO(3), O(2)": COMPACT,
}
LOOPED = {name: SPACES[name] for name in ("sets", "signs", "O(n)", "C4")}


def parts(space, x):
    """The pieces of features as arrays `(batch, *positions, channels)`, in the space's order."""
    return {part: value.numpy() for t in space for part, value in take_apart(t.layout, x[t.name], lead=1)}


def invariants(piece, values):
    """Entries of a piece, or where signs or rotations act their root mean squares, and the positions that are gone."""
    turned = [place for place, p in enumerate(piece.positions) if p.index.invariant(p.charge).name == "LENGTH"]
    signed = any(p.index.invariant(p.charge).name == "MAGNITUDE" for p in piece.positions)
    if not turned and not signed:
        return values, []
    mean = np.mean(values**2, axis=tuple(1 + place for place in turned)) if turned else values**2
    return np.sqrt(mean + 1e-12), turned


def entries_by_kept(piece, values, gone):
    """For each network and each combination of the values that are left, a matrix of entries, `(entry, channels)`."""
    values, turned = invariants(piece, values)
    places = [place for place in range(len(piece.positions)) if place not in turned]
    found = {}
    for where in itertools.product(*map(range, values.shape[:-1])):
        at = dict(zip(places, where[1:], strict=True))
        kept = tuple(value for place, value in at.items() if place not in gone)
        free = tuple(value for place, value in at.items() if place not in gone and place in piece.free)
        found.setdefault((where[0], kept, free), []).append(values[where])
    return {key: np.stack(rows) for key, rows in found.items()}


def pooled(pool, free, rows):
    """The pool of a matrix of entries, by the formula."""
    if not isinstance(pool, Attention):
        return rows.max(0)
    queries, matrices = pool.queries.detach().numpy()[free], pool.values.detach().numpy()
    weights = np.exp(rows @ queries)
    weights /= weights.sum(0)
    return np.concatenate([weights[:, head] @ rows @ matrices[head] for head in range(len(matrices))])


def error_after_training(network, x, y, steps=150, rate=1e-2):
    """The mean squared error on the training set, over the variance."""
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        loss = (network(x)[:, 0] - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach() / y.var())
