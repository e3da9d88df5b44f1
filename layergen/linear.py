"""Layers in memory: the emitted module, compiled, as `EquivariantLinear` and `InvariantLinear`."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType, new_class
from typing import Any, cast

import torch
from torch import Tensor, nn

from layergen.emission.generate import generate
from symmetry.maps.equivariant_maps import LIMIT, EquivariantMaps
from symmetry.space.specification import parse
from symmetry.space.weight_space import SCALAR, WeightSpace
from symmetry.space.weight_space import Tensor as Declared

__all__ = ["EquivariantLinear", "InvariantLinear", "compiled_class"]


Terms = str | Callable[[Declared, Declared], bool]


@lru_cache(maxsize=64)
def emitted_class(maps: EquivariantMaps, name: str, limit: int) -> type[nn.Module]:
    """The class of the emitted module. Its source is in `linecache`, so that tracebacks show it."""
    ranks = dict(maps.ranks)
    source = generate(maps.source, name, target=maps.target, terms=maps.terms, rank=ranks, limit=limit)
    mark = hashlib.sha256(source.encode()).hexdigest()[:16]
    filename = f"<layergen {name} {mark}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    # torch.compile looks a function's module up by its name.
    module = ModuleType(f"layergen_emitted_{mark}")
    sys.modules[module.__name__] = module
    exec(compile(source, filename, "exec"), module.__dict__)
    emitted: type[nn.Module] = getattr(module, name)
    return emitted


@lru_cache(maxsize=64)
def compiled_class(base: Any, maps: EquivariantMaps, limit: int) -> type[Any]:
    """A subclass of `base` and of the emitted class, which pickles by its specification."""
    emitted = emitted_class(maps, base.__name__, limit)

    def rebuilt(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        arguments = (base, str(maps.source), str(maps.target), maps.terms, maps.ranks, limit)
        return blank, arguments, self.__getstate__()

    attributes = {"maps": maps, "emitted": emitted, "__reduce__": rebuilt, "__doc__": base.__doc__}
    return new_class(base.__name__, (base, emitted), exec_body=lambda namespace: namespace.update(attributes))


def blank(base: Any, source: str, target: str, terms: Any, ranks: Any, limit: int) -> Any:
    """A layer without parameters, for unpickling into."""
    maps = EquivariantMaps(parse(source), parse(target), terms=terms, rank=dict(ranks))
    cls: Any = compiled_class(base, maps, limit)
    return cls.__new__(cls)


class EquivariantLinear(nn.Module):
    """Every linear map on a weight space that commutes with its permutations, as one layer.

    Takes features `{tensor: (batch, *axes, in_channels)}`, gives features of the same tensors, or of those of
    `target`, another weight space that shares sets. It has exactly
    `DIMENSION · in_channels · out_channels + BIAS_DIMENSION · out_channels` parameters, unless a `rank` is given.
    `terms` and `rank` restrict the maps as in `symmetry.EquivariantMaps`; `limit` bounds the number of diagrams.
    `layer.source` is the text of the module it runs. Layers of one specification and options share one class, made
    once.

    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> layer = EquivariantLinear(space, in_channels=1, out_channels=4)
    >>> features = layer({"w": torch.randn(5, 8, 2, 1), "b": torch.randn(5, 8, 1)})
    >>> features["w"].shape
    torch.Size([5, 8, 2, 4])
    >>> layer.DIMENSION, sum(p.numel() for p in layer.parameters())
    (18, 84)
    """

    maps: EquivariantMaps
    """The maps that the layer is made of."""
    emitted: type[Any]
    """The class of the emitted module."""

    def __new__(cls, space: WeightSpace | None = None, *args: Any, **options: Any) -> EquivariantLinear:
        if "maps" in cls.__dict__:
            return super().__new__(cls)
        if not isinstance(space, WeightSpace):
            raise TypeError(f"{cls.__name__} takes a WeightSpace first, not {type(space).__name__}")
        target = cls.target_of(space, options.get("target"))
        maps = EquivariantMaps(space, target, terms=options.get("terms", "all"), rank=options.get("rank"))
        made: EquivariantLinear = super().__new__(compiled_class(cast(Any, cls), maps, options.get("limit", LIMIT)))
        return made

    @staticmethod
    def target_of(space: WeightSpace, target: WeightSpace | None) -> WeightSpace:
        """The weight space that the layer maps to."""
        return space if target is None else target

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        target: WeightSpace | None = None,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        type(self).emitted.__init__(self, in_channels, out_channels, bias, device=device, dtype=dtype)

    @property
    def space(self) -> WeightSpace:
        """The weight space whose features the layer takes."""
        return self.maps.source

    @property
    def target(self) -> WeightSpace:
        """The weight space whose features the layer gives."""
        return self.maps.target

    @property
    def source(self) -> str:
        """The text of the emitted module."""
        return "".join(linecache.getlines(type(self).emitted.forward.__code__.co_filename))

    def extra_repr(self) -> str:
        restriction = f", {self.maps.restriction}" if self.maps.restriction else ""
        size = f"{self.in_channels}, {self.out_channels}, dimension={self.DIMENSION}"
        return f"{size}, bias={self.bias is not None}{restriction}"


class InvariantLinear(EquivariantLinear):
    """Every invariant linear map of a weight space: features to `(batch, out_features)`.

    >>> from symmetry import WeightSpace
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
    >>> head = InvariantLinear(space, in_channels=1, out_features=10)
    >>> head({"w": torch.randn(5, 8, 2, 1), "b": torch.randn(5, 8, 1)}).shape
    torch.Size([5, 10])
    """

    @staticmethod
    def target_of(space: WeightSpace, target: WeightSpace | None) -> WeightSpace:
        return SCALAR

    def __init__(
        self,
        space: WeightSpace,
        in_channels: int,
        out_features: int,
        bias: bool = True,
        *,
        terms: Terms = "all",
        rank: int | Mapping[str, int] | None = None,
        limit: int = LIMIT,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(space, in_channels, out_features, bias, device=device, dtype=dtype)

    def __call__(self, x: dict[str, Tensor]) -> Tensor:
        return super().__call__(x)
