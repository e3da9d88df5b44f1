"""The weight spaces of escnn's networks, and such networks as functions of plain tensors."""

from layergen.steerable.space import steerable_space
from layergen.steerable.wrapper import Steerable

__all__ = ["Steerable", "steerable_space"]
