"""The fields of hidden layers: which set each is an element of, and what becomes of it on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layergen.steerable.modules import GATED, LAYERS, Module, is_a
from symmetry.language.names import fresh_name

__all__ = ["Field", "free_fields", "gating", "hidden_fields", "passed", "role"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its representation, the set it is an element of ("" for none), and its role in the element.

    A gate and the field that it is multiplied with are one element, in two roles.
    """

    representation: str
    set: str = ""
    element: int = 0
    role: str = ""


def free_fields(kind: Any) -> tuple[Field, ...]:
    """The fields that the network takes, or that its last layer writes: nothing permutes them."""
    return tuple(Field(one.name) for one in kind.representations)


def hidden_fields(path: str, layer: Any, following: Iterable[Module], sets: dict[str, int]) -> tuple[Field, ...]:
    """The fields that a layer writes, with their sets, which are added to `sets`.

    Fields are in one set if they have the same representation and are gated alike. A gate is in the set of its field.
    """
    names = [one.name for one in layer.out_type.representations]
    ties = gate_ties(range(len(names)), following)
    roles = [role(number, ties) for number in range(len(names))]
    parts: dict[int, list[int]] = {}
    for number in range(len(names)):
        parts.setdefault(root(number, ties), []).append(number)
    alike: dict[Any, list[list[int]]] = {}
    for whole, members in parts.items():
        kind = (names[whole], *sorted((roles[number], names[number]) for number in members))
        alike.setdefault(kind, []).append(members)
    fields: dict[int, Field] = {}
    for kind, elements in alike.items():
        name = fresh_name(identifier(f"h_{path}_{kind[0]}"), sets)
        sets[name] = len(elements)
        for element, members in enumerate(elements):
            fields |= {number: Field(names[number], name, element, roles[number]) for number in members}
    return tuple(fields[number] for number in range(len(names)))


def identifier(text: str) -> str:
    """The letters, digits and underscores of a text; what is between them as one underscore.

    >>> identifier("h_0_quotient[(None, 2)]")
    'h_0_quotient_None_2'
    """
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")


def gate_ties(numbers: Sequence[int], following: Iterable[Module]) -> dict[int, tuple[int, str]]:
    """For each field that becomes a gate the field that it is multiplied with, and where."""
    ties: dict[int, tuple[int, str]] = {}
    for path, module in following:
        if is_a(module, LAYERS):
            break
        if is_a(module, [GATED]):
            gates, gated, kept = gating(module)
            ties |= {numbers[gate]: (numbers[other], path) for gate, other in zip(gates, gated, strict=True)}
            numbers = [numbers[position] for position in kept]
    return ties


def gating(module: Any) -> tuple[list[int], list[int], list[int]]:
    """Which fields are gates; for each the one that it gates, in order of size, then of position; which are kept."""
    sizes = [one.size for one in module.in_type.representations]
    listed = module.gates_indices.tolist()
    channels = range(*listed) if module._contiguous["gate"] else listed
    gates = [number for number in range(len(sizes)) if sum(sizes[:number]) in channels]
    others = [number for number in range(len(sizes)) if number not in gates]
    kept = others if module.drop_gates else list(range(len(sizes)))
    return gates, sorted(others, key=lambda number: sizes[number]), kept


def root(number: int, ties: Mapping[int, tuple[int, str]]) -> int:
    """The field that a gate, or a gate of gates, is multiplied with in the end."""
    return root(ties[number][0], ties) if number in ties else number


def role(number: int, ties: Mapping[int, tuple[int, str]]) -> str:
    """What a field does for its root: the gated nonlinearities on the way."""
    return f"{ties[number][1]} {role(ties[number][0], ties)}" if number in ties else ""


def passed(module: Any, fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields after a module that makes one of each, or drops gates."""
    staying = [fields[number] for number in gating(module)[2]] if is_a(module, [GATED]) else fields
    written = module.out_type.representations
    return tuple(replace(field, representation=one.name) for field, one in zip(staying, written, strict=True))
