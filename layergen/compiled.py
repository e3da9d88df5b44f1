"""Emitted modules in memory: each is made once for all layers of the same maps and released with the last of them."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from itertools import count
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary, finalize

from layergen.emission.generate import generate
from symmetry.maps.equivariant_maps import EquivariantMaps
from symmetry.space.weight_space import SCALAR

__all__ = ["Compiled", "compiled"]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Compiled:
    """An emitted module, which stays in memory for as long as this object does.

    A copy is the object itself. A pickle holds the maps, from which loading makes the module again.
    """

    maps: EquivariantMaps
    """The maps that the module was derived from."""
    limit: int
    """The most diagrams that the maps may have."""
    checkpoint: bool
    """Whether the module computes target tensors a group at a time."""
    code: str
    """The module's text."""
    layer: type[Any]
    """The module's class of layers."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return compiled, (self.maps, self.limit, self.checkpoint)


LIVE: WeakValueDictionary[tuple[EquivariantMaps, int, bool], Compiled] = WeakValueDictionary()
"""The modules in memory, by maps, limit, and whether they compute target tensors a group at a time."""
NUMBERS = count()
"""Numbers that no module made before has: `torch.compile` remembers a module by its name, also after its release."""


def compiled(maps: EquivariantMaps, limit: int, checkpoint: bool = False) -> Compiled:
    """The emitted module of some maps, from memory where a layer uses one already.

    Raises `SpecificationError` if the maps have more than `limit` diagrams.
    """
    known = LIVE.get((maps, limit, checkpoint))
    if known is None:
        known = LIVE[maps, limit, checkpoint] = fresh(maps, limit, checkpoint)
    return known


def fresh(maps: EquivariantMaps, limit: int, checkpoint: bool) -> Compiled:
    """The emitted module of some maps, made anew.

    `torch.compile` looks a function's module up by its name, so the module stands in `sys.modules`; tracebacks and
    `inspect` take its lines from `linecache`. Both entries go with the last layer that uses the module.
    """
    name = "InvariantLinear" if maps.target == SCALAR else "EquivariantLinear"
    options: dict[str, Any] = {"terms": maps.terms, "rank": dict(maps.ranks), "limit": limit, "checkpoint": checkpoint}
    code = generate(maps.source, name, target=maps.target, **options)
    number = next(NUMBERS)
    module, filename = ModuleType(f"layergen_emitted_{number}"), f"<layergen {name} {number}>"
    exec(compile(code, filename, "exec"), vars(module))
    made = Compiled(maps, limit, checkpoint, code, getattr(module, name))
    sys.modules[module.__name__] = module
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    finalize(made, forget, module.__name__, filename)
    return made


def forget(module: str, filename: str) -> None:
    """Remove a module from `sys.modules` and its lines from `linecache`."""
    sys.modules.pop(module, None)
    linecache.cache.pop(filename, None)
