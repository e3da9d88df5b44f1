"""The tensors of escnn's modules: names, and axes by fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from layergen.steerable.fields import Field, gating
from layergen.steerable.modules import is_a
from symmetry.language.errors import SpecificationError

__all__ = ["PARAMETERS", "layer_tensors", "ones", "parameters_of"]

AxisOf = Callable[[Iterable[tuple[Field, int]]], str]


def layer_tensors(
    path: str, layer: Any, read: Sequence[Field], written: Sequence[Field], sets: Mapping[str, int]
) -> dict[str, str]:
    """The axes of a steerable layer's weights and bias, by tensor."""
    name = f"{path}.weights"
    entries = Counter((one["in_repr"], one["out_repr"]) for one in layer.basisexpansion.get_basis_info())
    blocks = []
    for (source, target), number in entries.items():
        sources = [field for field in read if field.representation == source]
        targets = [field for field in written if field.representation == target]
        block = [axis(name, ones(targets), sets), axis(name, ones(sources), sets)]
        blocks.append(f"({' '.join([*block, str(number // (len(sources) * len(targets)))])})")
    tensors = {name: joined(blocks)} if blocks else {}
    if layer.bias is not None:
        trivial = [trivial_count(one) for one in layer.out_type.representations]
        tensors[f"{path}.bias"] = axis(f"{path}.bias", zip(written, trivial, strict=True), sets)
    return tensors


def trivial_count(representation: Any) -> int:
    """How often a representation contains the trivial one."""
    return sum(representation.group.irrep(*one).is_trivial() for one in representation.irreps)


def ones(fields: Iterable[Field]) -> list[tuple[Field, int]]:
    """Fields with one entry for each."""
    return [(field, 1) for field in fields]


def axis(tensor: str, entries: Iterable[tuple[Field, int]], sets: Mapping[str, int]) -> str:
    """The axis over fields with numbers of entries, in order: a concatenation of whole sets.

    Raises `SpecificationError` unless the fields of each set stand together and in order.

    >>> fields = [Field("regular", "h", 0), Field("regular", "h", 1), Field("trivial")]
    >>> axis("bias", [(field, 2) for field in fields], {"h": 2})
    '((h 2) + 2)'
    """
    summands = []
    for (name, *_, times), run in groupby((entry for entry in entries if entry[1]), key=summand_of):
        fields = [field for field, _ in run]
        if name and [field.element for field in fields] != list(range(sets[name])):
            raise SpecificationError(
                f"the fields of the set {name!r} are not together: the language concatenates whole sets",
                part=f'tensor "{tensor}"',
                remedy="in each type of the network, list the fields of one representation one after the other",
            )
        summands.append((name if times == 1 else f"({name} {times})") if name else str(len(fields) * times))
    return joined(summands)


def joined(summands: Sequence[str]) -> str:
    """The axis that is the concatenation of some summands."""
    return summands[0] if len(summands) == 1 else f"({' + '.join(summands)})"


def summand_of(entry: tuple[Field, int]) -> tuple[str, str, str, int]:
    """The properties that consecutive entries share where they are one summand of an axis."""
    field, times = entry
    return (field.set, field.representation, field.role, times) if field.set else ("", "", "", times)


def inner_norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The tensors of `InnerBatchNorm`: for each size of fields, parameters and statistics with one entry a field."""
    sizes = [one.size for one in module.in_type.representations]
    for size in dict.fromkeys(sizes):
        norm = getattr(module, f"batch_norm_[{size}]")
        those = [field for field, own in zip(fields, sizes, strict=True) if own == size]
        for name in ("weight", "bias", "running_mean", "running_var"):
            if getattr(norm, name) is not None:
                yield f"batch_norm_[{size}].{name}", axis_of(ones(those))


def iid_norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The tensors of `IIDBatchNorm`: for each representation, parameters and statistics of axes `(field, entries)`."""
    for representation in dict.fromkeys(field.representation for field in fields):
        those = [field for field in fields if field.representation == representation]
        for name in ("weight", "bias", "running_mean", "running_var"):
            attribute = f"{representation.replace('.', '^')}_{name}"
            if (value := getattr(module, attribute, None)) is not None:
                yield attribute, f"{axis_of(ones(those))} {value.shape[1]}"


def norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `NormNonLinearity`, with one entry for each field in order of size."""
    if module.log_bias is not None:
        sizes = [one.size for one in module.in_type.representations]
        order = sorted(range(len(sizes)), key=lambda number: sizes[number])
        yield "log_bias", f"1 {axis_of(ones(fields[number] for number in order))} 1 1"


def gate_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `GatedNonLinearity1`, with one entry for each gate."""
    yield "bias", f"1 {axis_of(ones(fields[number] for number in gating(module)[0]))}"


def uniform_gate_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `GatedNonLinearityUniform`, with one entry for each gate of each field."""
    yield "bias", f"1 {axis_of(ones(fields))} {module.n_gates}"


PARAMETERS: dict[str, Callable[[Any, Sequence[Field], AxisOf], Iterator[tuple[str, str]]]] = {
    "InnerBatchNorm": inner_norm_tensors,
    **dict.fromkeys(("IIDBatchNorm1d", "IIDBatchNorm2d", "IIDBatchNorm3d"), iid_norm_tensors),
    "NormNonLinearity": norm_tensors,
    "GatedNonLinearity1": gate_tensors,
    "GatedNonLinearityUniform": uniform_gate_tensors,
}
"""The classes other than steerable layers that have tensors over fields, with the names and axes of these."""


def parameters_of(path: str, module: Any, fields: Sequence[Field], sets: Mapping[str, int]) -> dict[str, str]:
    """The axes of the tensors of a module that is no steerable layer, by tensor."""
    for kind, tensors in PARAMETERS.items():
        if is_a(module, [kind]):
            found = tensors(module, fields, partial(axis, f"{path} ({kind})", sets=sets))
            return {f"{path}.{name}": axes for name, axes in found}
    return {}
