"""Faults of networks of a zoo, listed together in one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symmetry.language.errors import SpecificationError

__all__ = ["Fault", "ZooError"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one network of a zoo.

    Parameters
    ----------
    network
        Name of the network: its file, relative to the folder of the zoo.
    reason
        What is wrong, with the offending value.

    Examples
    --------
    >>> str(Fault("7.safetensors", "'0.bias' is missing"))
    "7.safetensors: '0.bias' is missing"
    """

    network: str
    reason: str

    def __str__(self) -> str:
        return f"{self.network}: {self.reason}"


class ZooError(SpecificationError):
    """Networks that cannot be used; the message lists them all, one a line.

    Parameters
    ----------
    folder
        The folder of the zoo.
    faults
        The faults. A network may have several.
    count
        The number of networks in the folder, sound ones included.
    remedy
        How to get on.

    Examples
    --------
    >>> print(ZooError("zoo", [Fault("7.safetensors", "'0.bias' is missing")], 12, "leave it out"))
    zoo: 1 of 12 networks cannot be used:
      7.safetensors: '0.bias' is missing
    leave it out
    """

    def __init__(self, folder: str, faults: Iterable[Fault], count: int, remedy: str) -> None:
        self.faults = tuple(faults)
        bad = len({fault.network for fault in self.faults})
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        head = f"{bad} of {count} network{'s' if count != 1 else ''} cannot be used:"
        super().__init__(head + lines, place=folder, remedy=remedy)
