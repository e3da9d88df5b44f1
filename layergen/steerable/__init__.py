"""The weight spaces of escnn's networks: modules, fields and their sets, tensors by fields."""

from layergen.steerable.space import steerable_space
from layergen.steerable.wrapper import Steerable

__all__ = ["Steerable", "steerable_space"]
