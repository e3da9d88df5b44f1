"""The fields of hidden layers: the set of which each is an element, and its way through the modules that follow."""

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
    """A field: its representation, the set of which it is an element ("" for none), and its role in that element.

    A gate and the field that it multiplies are one element of a set, in two roles.
    """

    representation: str
    set: str = ""
    element: int = 0
    role: str = ""


def free_fields(kind: Any) -> tuple[Field, ...]:
    """The fields that a network takes, or that its last layer writes: they are elements of no set."""
    return tuple(Field(one.name) for one in kind.representations)


def hidden_fields(path: str, layer: Any, following: Iterable[Module], sets: dict[str, int]) -> tuple[Field, ...]:
    """The fields that a layer writes, with their sets; the sizes of these sets are added to `sets`.

    Fields are in one set if they have the same representation and are gated alike. A gate is in the set of the field
    that it multiplies.
    """
    names = [one.name for one in layer.out_type.representations]
    ties = gate_ties(range(len(names)), following)
    roles = [role(number, ties) for number in range(len(names))]
    tied: dict[int, list[int]] = {}
    for number in range(len(names)):
        tied.setdefault(root(number, ties), []).append(number)
    alike: dict[Any, list[list[int]]] = {}
    for whole, members in tied.items():
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
    """For each field that becomes a gate, the field that it multiplies and the path of the module that does so."""
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
    """The numbers of the fields that are gates, of the fields that they multiply, and of the fields that are kept.

    Gates go, in order, to the other fields in order of size, then of position.
    """
    sizes = [one.size for one in module.in_type.representations]
    listed = module.gates_indices.tolist()
    channels = range(*listed) if module._contiguous["gate"] else listed
    gates = [number for number in range(len(sizes)) if sum(sizes[:number]) in channels]
    others = [number for number in range(len(sizes)) if number not in gates]
    kept = others if module.drop_gates else list(range(len(sizes)))
    return gates, sorted(others, key=lambda number: sizes[number]), kept


def root(number: int, ties: Mapping[int, tuple[int, str]]) -> int:
    """The field that a gate multiplies in the end, where gates have gates; a field without a tie is its own root."""
    return root(ties[number][0], ties) if number in ties else number


def role(number: int, ties: Mapping[int, tuple[int, str]]) -> str:
    """The role of a field for its root: the paths of the gated nonlinearities on the way there."""
    return f"{ties[number][1]} {role(ties[number][0], ties)}" if number in ties else ""


def passed(module: Any, fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields after a module that makes one field of each field, or drops gates."""
    staying = [fields[number] for number in gating(module)[2]] if is_a(module, [GATED]) else fields
    written = module.out_type.representations
    return tuple(replace(field, representation=one.name) for field, one in zip(staying, written, strict=True))
