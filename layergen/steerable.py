"""The weight space of an escnn network: the fields of its hidden layers permute, basis coefficients are free.

A field type is a direct sum of representations, its *fields*. The fields of a hidden layer that have the same
representation may be permuted, if what writes them and all that reads them is permuted alike: one set for each
hidden layer and representation. The weights of a steerable layer (`R2Conv`, `Linear`, …) are one vector: for each pair
of an input and an output representation, sorted by their names, whose basis is not empty, an array
`(output fields, input fields, basis elements)`. Its bias has one entry for each trivial irreducible representation in
each output field, in the order of the fields.

Sources: Weiler and Cesa 2019, "General E(2)-equivariant steerable CNNs"; Lim et al. 2023, "Graph metanetworks".
"""

from __future__ import annotations

import copy
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import count, groupby, pairwise
from typing import Any

from torch import Tensor, nn

from symmetry.errors import SpecificationError
from symmetry.weight_space import WeightSpace

__all__ = ["Steerable", "steerable_space"]

LAYERS = ("R2Conv", "R3Conv", "R2ConvTransposed", "R3ConvTransposed", "Linear")
"""What mixes fields, with coefficients in blocks of representations."""
FIELDWISE = (
    *("ReLU", "ELU", "LeakyReLU", "PointwiseNonLinearity", "FourierPointwise", "QuotientFourierPointwise"),
    *("PointwiseDropout", "FieldDropout", "IdentityModule", "MaskModule", "R2Upsampling", "R3Upsampling"),
    *("PointwiseMaxPool2D", "PointwiseMaxPool3D", "PointwiseMaxPoolAntialiased2D", "PointwiseMaxPoolAntialiased3D"),
    *("PointwiseAvgPool2D", "PointwiseAvgPool3D", "PointwiseAvgPoolAntialiased2D", "PointwiseAvgPoolAntialiased3D"),
    *("PointwiseAdaptiveAvgPool2D", "PointwiseAdaptiveAvgPool3D", "PointwiseAdaptiveMaxPool2D"),
    *("PointwiseAdaptiveMaxPool3D", "NormMaxPool", "GroupPooling", "NormPool"),
)
"""What makes one field of each field, alike for those of one representation and without parameters."""
GATED = "GatedNonLinearity1"

Module = tuple[str, Any]
"""A module of escnn and its path."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its representation, the set it is an element of ("" for none), and its role in the element.

    A gate and the field that it is multiplied with are one element, in two roles.
    """

    representation: str
    set: str = ""
    element: int = 0
    role: str = ""


def steerable_space(network: nn.Module) -> WeightSpace:
    """The weight space of a sequence of escnn's steerable layers, batch norms, nonlinearities and pools.

    The fields that the network takes and those that its last layer writes are free. Tensors have the names of the
    network's `state_dict`, which holds constants besides (bases, index tables, and filters expanded for evaluation):
    take the declared ones from it. `Steerable` is the network as a function of plain tensors. ::

        space = steerable_space(networks[0])
        states = [network.state_dict() for network in networks]
        x = layergen.stack([{name: state[name] for name in space.names} for state in states], space)

    Raises `SpecificationError` for a module that is not known to treat the fields of one representation alike, for
    grouped convolutions, and where fields of several sets alternate in the entries of one tensor. Needs escnn.
    """
    chain = list(modules_of(network))
    check_chain(chain)
    layers = [number for number, (_, module) in enumerate(chain) if is_a(module, LAYERS)]
    if not layers:
        raise SpecificationError("the network has no steerable layer", remedy=f"layers are {', '.join(LAYERS)}")
    fields = free_fields(chain[0][1].in_type)
    sets: dict[str, int] = {}
    tensors: dict[str, str] = {}
    for number, (path, module) in enumerate(chain):
        if number in layers:
            hidden = number != layers[-1]
            written = hidden_fields(path, module, chain[number + 1 :], sets) if hidden else free_fields(module.out_type)
            tensors |= layer_tensors(path, module, fields, written, sets)
            fields = written
        else:
            tensors |= parameters_of(path, module, fields, sets)
            fields = passed(module, fields)
    used = set(re.findall(r"\w+", " ".join(tensors.values())))
    space = WeightSpace(tensors, sets={name: size for name, size in sets.items() if name in used})
    check_shapes(network, space)
    return space


class Steerable(nn.Module):
    """An escnn network as a function of plain tensors, whose weights may be swapped in evaluation mode too.

    Its layers are the network's own, not copies, under the same names: its `state_dict` fits
    `steerable_space(network)` without a prefix. escnn expands filters when a layer is put into evaluation mode and
    reads its weights no more; here the steerable layers stay in training mode, in which they expand their weights at
    every call, and its `train` and `eval` (not the network's) switch the other modules only. ::

        layergen.testing.assert_function_preserved(Steerable(network), steerable_space(network), [images])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        chain = list(modules_of(network))
        if not chain or not hasattr(chain[0][1], "in_type"):
            remedy = "the first module of the network is one of escnn.nn"
            raise SpecificationError("it is not known which fields the network takes", remedy=remedy)
        self.in_type = chain[0][1].in_type
        for name, module in network._modules.items():
            self.add_module(name, module)
        self.train(network.training)

    def train(self, mode: bool = True) -> Steerable:
        """Switch all modules but the steerable layers, which keep expanding their weights."""
        super().train(mode)
        for module in self.modules():
            if is_a(module, LAYERS):
                module.train()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels, *positions)` to the same, channels being those of the field types."""
        y = self.in_type(x)
        modules: dict[str, Any] = self._modules  # not `children`, which leaves out a nonlinearity that is used again
        for module in modules.values():
            y = module(y)
        return y.tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> Steerable:
        """A copy with weights of its own that shares escnn's groups and representations, some of which cannot copy."""
        memo |= {id(one): one for module in self.modules() for one in constants(module)}
        made = memo[id(self)] = self.__class__.__new__(self.__class__)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


def constants(module: nn.Module) -> Iterator[Any]:
    """What a module refers to of escnn's types, representations, spaces and bases: nothing changes those."""
    for value in vars(module).values():
        for one in value if isinstance(value, (tuple, list)) else [value]:
            if type(one).__module__.startswith("escnn."):
                yield one


def escnn_nn() -> Any:
    """The module `escnn.nn`. Raises `SpecificationError` where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that py3nj is missing, which nothing here needs
            return import_module("escnn.nn")
    except ImportError:
        raise SpecificationError("escnn is not installed", remedy="pip install layergen[escnn]") from None


def is_a(module: Any, names: Iterable[str]) -> bool:
    """Whether a module is of one of some classes of `escnn.nn`."""
    return isinstance(module, tuple(getattr(escnn_nn(), name, ()) for name in names))


def modules_of(network: nn.Module, path: str = "") -> Iterator[Module]:
    """The modules of nested sequences, in the order in which they are applied."""
    if not isinstance(network, nn.Sequential) and not is_a(network, ["SequentialModule"]):
        raise SpecificationError(
            f"a {type(network).__name__} given", remedy="give an escnn.nn.SequentialModule or a torch.nn.Sequential"
        )
    children: dict[str, Any] = network._modules  # not `named_children`, as in `Steerable.forward`
    for name, module in children.items():
        below = f"{path}.{name}" if path else name
        if isinstance(module, nn.Sequential) or is_a(module, ["SequentialModule"]):
            yield from modules_of(module, below)
        else:
            yield below, module


def check_chain(chain: Sequence[Module]) -> None:
    """Raise `SpecificationError` unless all modules are known, none is used twice, and their field types fit."""
    for path, module in chain:
        if not is_a(module, (*LAYERS, *FIELDWISE, *PARAMETERS)):
            text = f"a {type(module).__name__} is not known to treat the fields of one representation alike"
            raise fault(path, text, f"known are {', '.join((*LAYERS, *PARAMETERS, *FIELDWISE))}")
        if getattr(module, "groups", 1) != 1:
            text = f"a {type(module).__name__} with groups={module.groups}"
            raise fault(path, text, "use groups=1, or declare the weight space by hand")
    check_representations(chain)
    for (_, last), (path, module) in pairwise(chain):
        if module.in_type != last.out_type:
            text = f"a {type(module).__name__} of {module.in_type} is given {last.out_type}"
            raise fault(path, text, "a module takes what the one before it gives")
    first: dict[int, str] = {}
    for path, module in chain:
        if (again := first.setdefault(id(module), path)) != path and any(True for _ in module.parameters()):
            text = f"the {type(module).__name__} is the one at {again!r} again"
            raise fault(path, text, "each has weights of its own")


def check_representations(chain: Iterable[Module]) -> None:
    """Raise `SpecificationError` where one name stands for several representations: escnn goes by the name."""
    found: dict[str, Any] = {}
    for path, module in chain:
        for one in (*module.in_type.representations, *module.out_type.representations):
            other = found.setdefault(one.name, one)
            if other is not one and (other.size != one.size or other != one):
                text = f"there are several representations called {one.name!r}"
                raise fault(path, text, "give each a name of its own: escnn tells them apart by name")


def fault(path: str, text: str, remedy: str) -> SpecificationError:
    return SpecificationError(text, part=f'module "{path}"', remedy=remedy)


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
        name = fresh_name(f"h_{path}_{kind[0]}", sets)
        sets[name] = len(elements)
        for element, members in enumerate(elements):
            fields |= {number: Field(names[number], name, element, roles[number]) for number in members}
    return tuple(fields[number] for number in range(len(names)))


def fresh_name(text: str, taken: Collection[str]) -> str:
    """An identifier that is not taken yet.

    >>> fresh_name("h_0_quotient[(None, 2)]", ["h_0_regular"])
    'h_0_quotient_None_2'
    """
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return name if name not in taken else next(one for n in count(2) if (one := f"{name}_{n}") not in taken)


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


AxisOf = Callable[[Iterable[tuple[Field, int]]], str]
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


def check_shapes(network: nn.Module, space: WeightSpace) -> None:
    """Raise `SpecificationError` unless every trained parameter is declared, and all in their shapes.

    That holds for the modules of escnn 1.0.11; a subclass may add parameters, another version lay them out otherwise.
    """
    weights = network.state_dict()
    trained = [name for name, value in network.named_parameters() if value.requires_grad and value.numel()]
    for name in dict.fromkeys((*trained, *space.names)):
        shape = tuple(weights[name].shape)
        if name not in space.names or shape != space[name].shape:
            declared = f"{space[name].shape} declared" if name in space.names else "not declared"
            raise SpecificationError(
                f"it has shape {shape}, {declared}",
                part=f'tensor "{name}"',
                remedy="this is written for the modules of escnn 1.0.11: declare the weight space by hand",
            )
