"""Names in emitted code: taken from the declaration, made into identifiers, never the same twice."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass, field

from symmetry.language.names import fresh_name

__all__ = ["OWN", "RESERVED", "Namer", "identifier"]

OWN = {"x": "features", "fan_in": "fan_ins", "batch": "batch_size", "n": "in_channels", "c": "out_channels"}
"""Names of ours in emitted methods, and what they become where a set has such a name."""
RESERVED = frozenset({"self", "torch", "nn", "Tensor", "ClassVar", "annotations"} | set(dir(builtins)))
"""Names with a meaning in emitted code, and Python's own."""


def identifier(text: str) -> str:
    """A readable identifier for a tensor name; leading numbers move to the end.

    >>> identifier("0.weight"), identifier("layers.1.attn.q-proj"), identifier("class")
    ('weight_0', 'layers_1_attn_q_proj', 'class_')
    """
    words = re.findall(r"[A-Za-z0-9_]+", text)
    numbers = []
    while words and words[0][0].isdigit():
        numbers.append(words.pop(0))
    name = "_".join([*words, *numbers]).strip("_") or "tensor"
    name = f"tensor_{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in RESERVED | OWN.keys() else name


@dataclass(slots=True)
class Namer:
    """Hands out names; one that is taken gets a number."""

    taken: set[str] = field(default_factory=lambda: set(RESERVED))

    def fresh(self, wish: str, other: str = "") -> str:
        """`wish`, or where it is taken `other`, if given, or `wish_2`, `wish_3`, …"""
        name = fresh_name(other if other and wish in self.taken and other not in self.taken else wish, self.taken)
        self.taken.add(name)
        return name
