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
    """Axes of the weights of a steerable layer, and of its bias."""
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
        trivial = [trivial_parts(one) for one in layer.out_type.representations]
        tensors[f"{path}.bias"] = axis(f"{path}.bias", zip(written, trivial, strict=True), sets)
    return tensors


def trivial_parts(representation: Any) -> int:
    """How many of the irreducible parts of a representation are trivial."""
    return sum(representation.group.irrep(*one).is_trivial() for one in representation.irreps)


def ones(fields: Iterable[Field]) -> list[tuple[Field, int]]:
    """One entry for each field."""
    return [(field, 1) for field in fields]


def axis(tensor: str, entries: Iterable[tuple[Field, int]], sets: Mapping[str, int]) -> str:
    """An axis with so many entries for each field, in order: a concatenation of whole sets.

    Raises `SpecificationError` where the fields of a set are not together, and in its order.

    >>> fields = [Field("regular", "h", 0), Field("regular", "h", 1), Field("trivial")]
    >>> axis("bias", [(field, 2) for field in fields], {"h": 2})
    '((h 2) + 2)'
    """
    terms = []
    for (name, *_, times), run in groupby((entry for entry in entries if entry[1]), key=kind_of_entry):
        fields = [field for field, _ in run]
        if name and [field.element for field in fields] != list(range(sets[name])):
            raise SpecificationError(
                f"the fields of the set {name!r} are not together: the language concatenates whole sets",
                part=f'tensor "{tensor}"',
                remedy="in each type of the network, list the fields of one representation one after the other",
            )
        terms.append((name if times == 1 else f"({name} {times})") if name else str(len(fields) * times))
    return joined(terms)


def joined(terms: Sequence[str]) -> str:
    """One axis, a concatenation."""
    return terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"


def kind_of_entry(entry: tuple[Field, int]) -> tuple[str, str, str, int]:
    """What consecutive entries have in common that are one term."""
    field, times = entry
    return (field.set, field.representation, field.role, times) if field.set else ("", "", "", times)


def inner_norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """Parameters and running statistics of `InnerBatchNorm`: one of each a field, by the size of the fields."""
    sizes = [one.size for one in module.in_type.representations]
    for size in dict.fromkeys(sizes):
        norm = getattr(module, f"batch_norm_[{size}]")
        those = [field for field, own in zip(fields, sizes, strict=True) if own == size]
        for name in ("weight", "bias", "running_mean", "running_var"):
            if getattr(norm, name) is not None:
                yield f"batch_norm_[{size}].{name}", axis_of(ones(those))


def iid_norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """Parameters and running statistics of `IIDBatchNorm`: `(field, entries)`, by representation."""
    for representation in dict.fromkeys(field.representation for field in fields):
        those = [field for field in fields if field.representation == representation]
        for name in ("weight", "bias", "running_mean", "running_var"):
            attribute = f"{representation.replace('.', '^')}_{name}"
            if (value := getattr(module, attribute, None)) is not None:
                yield attribute, f"{axis_of(ones(those))} {value.shape[1]}"


def norm_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `NormNonLinearity`: one entry a field, in order of the fields' size."""
    if module.log_bias is not None:
        sizes = [one.size for one in module.in_type.representations]
        order = sorted(range(len(sizes)), key=lambda number: sizes[number])
        yield "log_bias", f"1 {axis_of(ones(fields[number] for number in order))} 1 1"


def gate_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `GatedNonLinearity1`: one entry a gate."""
    yield "bias", f"1 {axis_of(ones(fields[number] for number in gating(module)[0]))}"


def uniform_gate_tensors(module: Any, fields: Sequence[Field], axis_of: AxisOf) -> Iterator[tuple[str, str]]:
    """The bias of `GatedNonLinearityUniform`: one entry for each gate within each field."""
    yield "bias", f"1 {axis_of(ones(fields))} {module.n_gates}"


PARAMETERS: dict[str, Callable[[Any, Sequence[Field], AxisOf], Iterator[tuple[str, str]]]] = {
    "InnerBatchNorm": inner_norm_tensors,
    **dict.fromkeys(("IIDBatchNorm1d", "IIDBatchNorm2d", "IIDBatchNorm3d"), iid_norm_tensors),
    "NormNonLinearity": norm_tensors,
    "GatedNonLinearity1": gate_tensors,
    "GatedNonLinearityUniform": uniform_gate_tensors,
}
"""What has parameters for each field: names and axes of its tensors."""


def parameters_of(path: str, module: Any, fields: Sequence[Field], sets: Mapping[str, int]) -> dict[str, str]:
    """Axes of the tensors of a module that is not a steerable layer."""
    for kind, tensors in PARAMETERS.items():
        if is_a(module, [kind]):
            found = tensors(module, fields, partial(axis, f"{path} ({kind})", sets=sets))
            return {f"{path}.{name}": axes for name, axes in found}
    return {}
