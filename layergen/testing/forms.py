"""The shapes in which people's layers take weights, and how features are brought into them and back.

Everything in this kit speaks of features `{tensor: (batch, *axes, channels)}`. A `Form` says how a function that
wants something else is fed and read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from layergen.features import Features, members_of
from layergen.stacking import owners
from symmetry import WeightSpace
from symmetry.language.errors import SpecificationError

__all__ = ["FORMS", "Form", "adapted", "find_form"]


@dataclass(frozen=True, slots=True)
class Form:
    """How a function that takes other things than features is fed and read.

    Parameters
    ----------
    name
        What the form is called in `form=` and in messages.
    pack
        Makes what the function takes out of features and their weight space.
    unpack
        Makes features out of what the function returns and the target's weight space; it returns anything else, such
        as an invariant function's tensor, as it is.
    single
        Whether the function takes one network at a time, without batch and channels: it is then called for each
        network of a batch, with one channel.

    Examples
    --------
    >>> pairs = Form("list", pack=lambda x, space: [x[name] for name in space.names],
    ...              unpack=lambda found, space: dict(zip(space.names, found)))
    >>> pairs.pack({"b": 1, "a": 2}, WeightSpace({"a": "", "b": ""}))
    [2, 1]
    """

    name: str
    pack: Callable[[Features, WeightSpace], Any]
    unpack: Callable[[Any, WeightSpace], Any]
    single: bool = False


def same(value: Any, space: WeightSpace) -> Any:
    """A value that is in the right form already."""
    return value


def pack_members(x: Features, space: WeightSpace) -> Any:
    """One network's tensors by the names that its `state_dict` has."""
    return {name: part for tensor in space for name, part in members_of(tensor.name, x[tensor.name]).items()}


def unpack_members(found: Any, space: WeightSpace, lead: int = 0) -> Any:
    """Declared tensors, `(…, *axes, …)`, from those of a `state_dict`; families whose members do not fit stay apart."""
    if not isinstance(found, Mapping):
        return found
    whole = dict(found)
    for tensor in (tensor for tensor in space if tensor.family.numbers):
        members = [value for member in tensor.members if isinstance(value := found.get(member), Tensor)]
        if len(members) == len(tensor.members) and all(value.shape == members[0].shape for value in members):
            lengths = tensor.shape[: len(tensor.family.numbers)]
            whole = {name: value for name, value in whole.items() if name not in tensor.members}
            whole[tensor.name] = torch.stack(members, lead).unflatten(lead, lengths)
    return whole


def halves(space: WeightSpace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the weights and of the biases of a chain of layers: tensors in turn, a weight first."""
    if len(space) % 2:
        raise SpecificationError(
            f"{len(space)} tensors cannot be pairs of a weight and a bias",
            remedy="declare them in turn: the first weight, the first bias, the second weight, …",
        )
    return space.names[::2], space.names[1::2]


def pack_pairs(x: Features, space: WeightSpace) -> Any:
    """`(weights, biases)`, two tuples, channels last: as DWSNets have them."""
    weights, biases = halves(space)
    return tuple(x[name] for name in weights), tuple(x[name] for name in biases)


def unpack_pairs(found: Any, space: WeightSpace) -> Any:
    """Features from `(weights, biases)`."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        return found
    weights, biases = found
    return named(weights, biases, space)


def named(weights: Any, biases: Any, space: WeightSpace) -> Features:
    """Features from the weights and the biases in order; what is left over is numbered, so that it shows."""
    left, right = halves(space)
    names = [*left, *(f"weight {n}" for n in range(len(left), len(weights)))]
    others = [*right, *(f"bias {n}" for n in range(len(right), len(biases)))]
    return dict(zip(names, weights, strict=False)) | dict(zip(others, biases, strict=False))


def pack_nfn(x: Features, space: WeightSpace) -> Any:
    """`WeightSpaceFeatures` of the package nfn, channels before the axes."""
    try:
        common = import_module("nfn.common")
    except ImportError:
        raise SpecificationError(
            "the form 'nfn' needs the package nfn, which is not installed", remedy="pip install nfn"
        ) from None
    weights, biases = pack_pairs(x, space)
    return common.WeightSpaceFeatures(
        *(tuple(value.movedim(-1, 1) for value in values) for values in (weights, biases))
    )


def unpack_nfn(found: Any, space: WeightSpace) -> Any:
    """Features from anything with `weights` and `biases` in it, channels before the axes."""
    if not hasattr(found, "weights") or not hasattr(found, "biases"):
        return found
    weights, biases = ([value.movedim(1, -1) for value in values] for values in (found.weights, found.biases))
    return named(weights, biases, space)


def pack_flat(x: Features, space: WeightSpace) -> Tensor:
    """One vector a network, `(batch, entries)`: the tensors in order, each row-major."""
    if any(value.shape[-1] != 1 for value in x.values()):
        raise SpecificationError("a flat vector has one channel", remedy="give channels=1")
    return torch.cat([x[name].flatten(1) for name in space.names], dim=1)


def unpack_flat(found: Any, space: WeightSpace) -> Any:
    """Features from one vector a network."""
    sizes = [torch.Size(shape).numel() for shape in space.shapes.values()]
    if not isinstance(found, Tensor) or found.ndim != 2 or found.shape[1] != sum(sizes):
        return found
    vectors = found.split(sizes, dim=1)
    return {t.name: vector.reshape(-1, *t.shape, 1) for t, vector in zip(space, vectors, strict=True)}


def pack_graphs(x: Features, space: WeightSpace) -> Any:
    """A `torch_geometric.data.Batch` of the networks' parameter graphs."""
    try:
        graph = import_module("layergen.graph")
    except ImportError as error:
        raise SpecificationError(f"the form 'graphs': {error}") from None
    return graph.feature_graphs(x, space)


def unpack_graphs(found: Any, space: WeightSpace) -> Any:
    """Features from a `state_dict` for each network, with or without channels."""
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        return found
    names = owners(space)
    shapes = {name: (*names[name].own_shape, -1) if name in names else (-1,) for name in found[0]}
    values = {name: torch.stack([one[name].reshape(shape) for one in found]) for name, shape in shapes.items()}
    return unpack_members(values, space, lead=1)


FORMS = {
    form.name: form
    for form in (
        Form("features", same, same),
        Form("weights", pack_members, unpack_members, single=True),
        Form("state_dict", pack_members, unpack_members, single=True),
        Form("pairs", pack_pairs, unpack_pairs),
        Form("nfn", pack_nfn, unpack_nfn),
        Form("flat", pack_flat, unpack_flat),
        Form("graphs", pack_graphs, unpack_graphs),
    )
}
"""The forms by name: features; a dict of one network's tensors, also called state_dict; `(weights, biases)` with
channels last; nfn's `WeightSpaceFeatures`; one flat vector a network; a batch of `layergen.graph.parameter_graphs`, and
back a list of `state_dict`s."""


def find_form(form: str | Form) -> Form:
    """A form, or that of a name. Raises `SpecificationError` that lists the names for one that there is not."""
    if isinstance(form, Form):
        return form
    if form not in FORMS:
        raise SpecificationError(f"there is no form {form!r}", remedy=f"one of {', '.join(FORMS)}, or a Form")
    return FORMS[form]


def adapted(
    f: Callable[[Any], Any], space: WeightSpace, form: str | Form, *, target: WeightSpace | None = None
) -> Callable[[Features], Any]:
    """A function on features, from one that takes and returns them in another form.

    Parameters
    ----------
    f
        The function.
    space
        The weight space of its input.
    form
        What it takes and returns: the name of a form, or a `Form`.
    target
        The weight space of its output; by default `space`.

    Returns
    -------
    callable
        From features `{tensor: (batch, *axes, channels)}` to what `f` returns, as features where it is such.

    Raises
    ------
    SpecificationError
        For a form that there is not; when called, for features that have no such form.

    Examples
    --------
    >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    >>> double = adapted(lambda vector: 2 * vector, space, "flat")
    >>> double({"w": torch.ones(3, 4, 2, 1), "b": torch.ones(3, 4, 1)})["b"].shape
    torch.Size([3, 4, 1])
    """
    found, target = find_form(form), target or space
    return partial(call_single if found.single else call_packed, f, found, space, target)


def call_packed(f: Callable[[Any], Any], form: Form, space: WeightSpace, target: WeightSpace, x: Features) -> Any:
    """One call for a batch."""
    return form.unpack(f(form.pack(x, space)), target)


def call_single(f: Callable[[Any], Any], form: Form, space: WeightSpace, target: WeightSpace, x: Features) -> Any:
    """A call for each network of a batch."""
    if any(value.shape[-1] != 1 for value in x.values()):
        raise SpecificationError(f"the form {form.name!r} has no channels", remedy="give channels=1")
    batch = next(iter(x.values())).shape[0]
    outs = [
        form.unpack(f(form.pack({name: value[one, ..., 0] for name, value in x.items()}, space)), target)
        for one in range(batch)
    ]
    if all(isinstance(out, Mapping) for out in outs) and all(set(out) == set(outs[0]) for out in outs):
        return {name: stacked([out[name] for out in outs], channel=name in target.names) for name in outs[0]}
    return stacked(outs, channel=False)


def stacked(values: list[Any], *, channel: bool) -> Any:
    """The outputs for the networks of a batch as one tensor, with a channel where they are a tensor's features."""
    if not all(isinstance(value, Tensor) and value.shape == values[0].shape for value in values):
        return values[0]
    return torch.stack(values).unsqueeze(-1) if channel else torch.stack(values)
