"""`python -m papers.steerable`: the weight spaces of escnn's networks, and a metanetwork on one, in Markdown."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import layergen
from layergen.steerable import Steerable, steerable_space
from symmetry import EquivariantMaps, WeightSpace
from symmetry.space.elements import group_order, random_element

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # escnn warns that py3nj is missing, which nothing here needs
    from escnn import gspaces
    from escnn import nn as steerable
    from escnn.group import _numerical

# escnn gives scikit-learn matrices of a class that it refuses since 1.2; without scikit-learn it uses scipy.
_numerical.randomized_svd = None

ROTATIONS, REFLECTIONS = gspaces.rot2dOnR2(4), gspaces.flipRot2dOnR2(4)
CONTINUOUS = gspaces.rot2dOnR2(-1, maximum_frequency=2)
POINT = gspaces.no_base_space(REFLECTIONS.fibergroup)


def fields(space: Any, *kinds: tuple[Any, int]) -> Any:
    """A field type from representations and how many fields have each."""
    return steerable.FieldType(space, [kind for kind, count in kinds for _ in range(count)])


def convolutions(space: Any, widths: tuple[int, int, int] = (4, 6, 4)) -> nn.Module:
    """Three convolutions of regular fields and, in the middle, trivial ones too, with batch norm and group pooling."""
    regular, trivial = space.regular_repr, space.trivial_repr
    x, first = fields(space, (trivial, 1)), fields(space, (regular, widths[0]))
    middle = fields(space, (regular, widths[1]), (trivial, widths[2]))
    pool = steerable.GroupPooling(middle)
    return steerable.SequentialModule(
        steerable.R2Conv(x, first, 5, padding=2),
        steerable.InnerBatchNorm(first),
        steerable.ReLU(first),
        steerable.PointwiseAvgPool2D(first, 2),
        steerable.R2Conv(first, middle, 3, padding=1),
        steerable.InnerBatchNorm(middle),
        steerable.ELU(middle),
        pool,
        steerable.R2Conv(pool.out_type, fields(space, (trivial, 3)), 3),
    )


def gates() -> nn.Module:
    """Irreducible fields of the continuous rotations, each with its gate."""
    irrep, trivial = CONTINUOUS.irrep, CONTINUOUS.trivial_repr
    x, h = fields(CONTINUOUS, (trivial, 1)), fields(CONTINUOUS, (trivial, 7), (irrep(1), 4), (irrep(2), 3))
    gated = steerable.GatedNonLinearity1(h)
    return steerable.SequentialModule(
        steerable.R2Conv(x, h, 5, padding=2),
        steerable.IIDBatchNorm2d(h),
        gated,
        steerable.R2Conv(gated.out_type, fields(CONTINUOUS, (irrep(1), 2)), 5, padding=2),
    )


def perceptron() -> nn.Module:
    """Three linear layers, on points."""
    regular, trivial = POINT.regular_repr, POINT.trivial_repr
    x, y = fields(POINT, (trivial, 2)), fields(POINT, (trivial, 3))
    first, second = fields(POINT, (regular, 6)), fields(POINT, (regular, 4), (trivial, 4))
    return steerable.SequentialModule(
        steerable.Linear(x, first),
        steerable.ReLU(first),
        steerable.Linear(first, second),
        steerable.ReLU(second),
        steerable.Linear(second, y),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "C4, regular and trivial fields": lambda: convolutions(ROTATIONS),
    "D4, regular and trivial fields": lambda: convolutions(REFLECTIONS),
    "SO(2), gated irreducible fields": gates,
    "D4, linear layers": perceptron,
}


def in_general_position(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with random weights, biases and running statistics."""
    generator = torch.Generator().manual_seed(seed)
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    for name, value in network.state_dict().items():
        if name in trained or name.endswith("running_mean"):
            value.normal_(generator=generator)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2, generator=generator)
    return network


def is_preserved(network: nn.Module, space: WeightSpace) -> bool:
    """Whether permuting its fields leaves what the network computes as it is, to 1e-9."""
    module = Steerable(in_general_position(network, 0))
    kind: Any = module.in_type
    x = torch.randn(2, kind.size, *(9,) * kind.gspace.dimensionality, generator=torch.Generator().manual_seed(1))
    try:
        layergen.testing.assert_function_preserved(module, space, [x])
    except AssertionError:
        return False
    return True


def row(name: str) -> str:
    """A network's row of the table."""
    network = NETWORKS[name]()
    space = steerable_space(network)
    sets = ", ".join(str(index.size) for index in space.indices)
    dimension = EquivariantMaps(space).dimension
    preserved = "yes" if is_preserved(network, space) else "no"
    return f"| {name} | {len(space)} | {sets} | {group_order(space):,} | {dimension:,} | {preserved} |"


def features(make: Callable[[], nn.Module], space: WeightSpace, count: int = 8) -> dict[str, Tensor]:
    """The weights of some networks: those of their tensors that are declared."""
    states = [in_general_position(make(), seed).state_dict() for seed in range(count)]
    return layergen.stack([{name: state[name] for name in space.names} for state in states], space)


def largest_changes(make: Callable[[], nn.Module]) -> tuple[float, float]:
    """How much permuting fields changes a metanetwork's outputs, and a linear map's of the raw weights, relative."""
    space = steerable_space(make())
    x = features(make, space)
    moved = random_element(space, np.random.default_rng(0)).act(x, channels=True)
    torch.manual_seed(0)
    metanet = layergen.nn.Metanet(space, out_features=4, hidden=8).fit(x).eval()
    flat = nn.Linear(sum(value[0].numel() for value in x.values()), 4)

    def raw(y: dict[str, Tensor]) -> Tensor:
        return flat(torch.cat([value.flatten(1) for value in y.values()], dim=1))

    with torch.no_grad():
        changes = [(f(moved) - f(x)).abs().max() / f(x).abs().max() for f in (metanet, raw)]
    return float(changes[0]), float(changes[1])


def main() -> None:
    """Print the versions, the table, and what a metanetwork does."""
    torch.set_num_threads(1)
    print(f"escnn {version('escnn')}, torch {torch.__version__}\n")
    print("| network | tensors | fields in each set | group order | dimension | preserved |")
    print("|---|---:|---|---:|---:|---|")
    for name in NETWORKS:
        print(row(name), flush=True)
    name = "C4, regular and trivial fields"
    metanet, raw = largest_changes(NETWORKS[name])
    print(f"\nPermuting the fields of 8 networks ({name}) changes the outputs of a metanetwork by {metanet:.0e} of the")
    print(f"largest, those of a linear map of the raw weights by {raw:.2f}.")


if __name__ == "__main__":
    main()
