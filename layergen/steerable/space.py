"""The weight space of an escnn network: the fields of its hidden layers permute, basis coefficients are free.

A field type is a direct sum of representations, its *fields*. The fields of a hidden layer that have the same
representation may be permuted, if the weights that write them and those that read them are permuted alike: there is one
set for each hidden layer and representation. The weights of a steerable layer (`R2Conv`, `Linear`, …) are one vector:
for each pair of an input and an output representation, sorted by their names, whose basis is not empty, an array
`(output fields, input fields, basis elements)`. Its bias has one entry for each trivial irreducible representation in
each output field, in the order of the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from layergen.steerable.fields import free_fields, hidden_fields, passed
from layergen.steerable.modules import FIELDWISE, LAYERS, Module, fault, is_a, modules_of
from layergen.steerable.tensors import PARAMETERS, layer_tensors, parameters_of
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["steerable_space"]


def steerable_space(network: nn.Module) -> WeightSpace:
    """The weight space of a sequence of escnn's steerable layers, batch norms, nonlinearities and pools.

    The fields that the network takes and those that its last layer writes are free. Tensors have the names of the
    network's `state_dict`, which also holds constants (bases, index tables, and filters expanded for evaluation): stack
    the declared tensors only. `Steerable` is the network as a function of plain tensors. Needs the package escnn.

    Parameters
    ----------
    network
        An `escnn.nn.SequentialModule`, or a `torch.nn.Sequential` of escnn's modules.

    Returns
    -------
    WeightSpace
        The space of its trained tensors and running statistics, with a set for each hidden layer and representation.

    Raises
    ------
    SpecificationError
        If the network is no such sequence, has no steerable layer, uses a module with weights twice, or has a module
        that is not known to treat the fields of one representation alike; for grouped convolutions; if fields of
        several sets alternate in the entries of one tensor; and if escnn is not installed.

    References
    ----------
    Weiler and Cesa (2019), "General E(2)-Equivariant Steerable CNNs", NeurIPS. Lim et al. (2023), "Graph Metanetworks
    for Processing Diverse Neural Architectures", arXiv:2312.04501: permutations of fields as automorphisms.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # escnn warns that py3nj is missing, which nothing here needs
    ...     from escnn import gspaces, nn
    >>> plane = gspaces.rot2dOnR2(4)
    >>> image, hidden = nn.FieldType(plane, [plane.trivial_repr]), nn.FieldType(plane, 3 * [plane.regular_repr])
    >>> network = nn.SequentialModule(nn.R2Conv(image, hidden, 3), nn.ReLU(hidden), nn.R2Conv(hidden, image, 3))
    >>> space = steerable_space(network)
    >>> [str(tensor) for tensor in space][:3]
    ['0.weights[(h_0_regular 1 6)]', '0.bias[h_0_regular]', '2.weights[(1 h_0_regular 6)]']
    >>> import layergen
    >>> state = network.state_dict()
    >>> layergen.stack([{name: state[name] for name in space.names}], space)["0.bias"].shape
    torch.Size([1, 3, 1])
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


def check_chain(chain: Sequence[Module]) -> None:
    """Raise `SpecificationError` unless all modules are known, none with weights is used twice, and field types fit."""
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
    """Raise `SpecificationError` where one name stands for several representations: escnn tells them apart by name."""
    found: dict[str, Any] = {}
    for path, module in chain:
        for one in (*module.in_type.representations, *module.out_type.representations):
            other = found.setdefault(one.name, one)
            if other is not one and (other.size != one.size or other != one):
                text = f"there are several representations called {one.name!r}"
                raise fault(path, text, "give each a name of its own: escnn tells them apart by name")


def check_shapes(network: nn.Module, space: WeightSpace) -> None:
    """Raise `SpecificationError` unless every trained parameter is declared, and every declared shape is right.

    The declarations are written for the modules of escnn 1.0.11; a subclass may have further parameters, and another
    version other shapes.
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
