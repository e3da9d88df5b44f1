"""The public door of emission: from weight spaces to source text."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping

from layergen.emission.module import print_module
from layergen.emission.prelude import FUNCTIONS
from layergen.plan.lowering import lower
from layergen.plan.names import RESERVED
from layergen.plan.passes import PASSES, optimised
from layergen.plan.scheduling import schedule
from layergen.plan.steps import Plan
from symmetry.language.errors import SpecificationError
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps
from symmetry.space.weight_space import Tensor, WeightSpace

__all__ = ["generate"]


def generate(
    space: WeightSpace,
    name: str = "EquivariantLayer",
    *,
    target: WeightSpace | None = None,
    terms: str | Callable[[Tensor, Tensor], bool] = "all",
    rank: int | Mapping[str, int] | None = None,
    limit: int = LIMIT,
    passes: Iterable[Callable[[Plan], Plan]] = PASSES,
) -> str:
    """The source of a standalone module whose class `name` is every equivariant linear map from `space`.

    `target` is another weight space that shares sets, or `symmetry.SCALAR` for the invariants; by default `space`.
    `terms` and `rank` restrict the maps as in `symmetry.EquivariantMaps`; the text says so.
    The text depends on nothing but the arguments. Raises `SpecificationError` for a name that is no class name, or
    for more than `limit` diagrams.

    >>> import symmetry
    >>> source = generate(symmetry.WeightSpace({"b": "h"}, sets={"h": 8}), name="DeepSets")
    >>> "DIMENSION = 2" in source
    True
    """
    if not str(name).isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise SpecificationError(f"{name!r} is not a class name", remedy="give an identifier such as MLPLayer")
    if name.startswith("_") or name in RESERVED:
        raise SpecificationError(f"the class name {name!r} is taken", remedy="give another, such as MLPLayer")
    plan = optimised(lower(EquivariantMaps(space, target, terms=terms, rank=rank), limit=limit), passes)
    return print_module(schedule(plan, reserved={name, *FUNCTIONS}), name)
