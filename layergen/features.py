"""What layers take and give."""

from __future__ import annotations

from torch import Tensor

__all__ = ["Features"]

Features = dict[str, Tensor]
"""The tensors of some networks by name, each `(batch, *axes, channels)`: `batch` networks, `channels` an entry."""
