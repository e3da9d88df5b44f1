"""The public door of emission: from weight spaces to source text."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping

from layergen.emission.module import print_module
from layergen.emission.prelude import FUNCTIONS
from layergen.plan.groups import grouped
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
    checkpoint: bool = False,
) -> str:
    """The source of a standalone module whose class `name` is every equivariant linear map from `space`.

    The text depends on nothing but the arguments.

    Parameters
    ----------
    space
        The weight space whose features the layer takes.
    name
        The name of the class.
    target
        The weight space whose features the layer gives: by default `space`, `symmetry.SCALAR` for the invariants, or
        another space that shares sets.
    terms
        Which blocks are kept, as in `symmetry.EquivariantMaps`; the text says so.
    rank
        The most that the rank of chosen cores' matrices may be, as in `symmetry.EquivariantMaps`; the text says so.
    limit
        The most diagrams, free values left open, that a layer may have.
    passes
        The passes that the plan goes through before it is printed.
    checkpoint
        Whether target tensors are computed a group at a time, and again for the gradients: the same layer in less
        memory and more time.

    Returns
    -------
    str
        A Python file that imports torch and the standard library only.

    Raises
    ------
    SpecificationError
        If `name` is no class name, or there are more than `limit` diagrams.

    Examples
    --------
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
    program = schedule(plan, reserved={name, *FUNCTIONS})
    return print_module(grouped(program) if checkpoint else program, name)
