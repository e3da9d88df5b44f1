"""A metanetwork in one file: configuration, specification, statistics and weights, read without running code.

The file is a safetensors file. Its tensors are the `state_dict`, statistics of the inputs included; its header holds
the specification and the constructor's arguments as text. Arguments that are code have no text: probes, a predicate
for `terms`, and an activation that is not among `ACTIVATIONS`. The file says that they were there, and whoever loads
it gives them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from layergen.whole_files import replacing
from symmetry.language.errors import SpecificationError
from symmetry.space.specification import parse

if TYPE_CHECKING:
    from layergen.nn.metanet import Metanet

__all__ = ["ACTIVATIONS", "constructor_arguments", "read_metanet", "write_metanet"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: getattr(nn.functional, name) for name in ("gelu", "relu", "silu", "elu", "selu", "mish", "softplus")},
    **{name: getattr(nn.functional, name) for name in ("leaky_relu", "hardswish")},
    **{name: getattr(torch, name) for name in ("tanh", "sigmoid", "sin", "cos")},
}
"""Activations that a file names."""
FORM = "layergen.nn.Metanet 1"
"""What the header of a file says it is; the number grows when older files could be misread."""
HEADER = "layergen"
"""The one entry of the safetensors header: entries come in no fixed order, and files are to be the same."""
ELSEWHERE = ("space", "device", "dtype", "__class__")
AGAIN = {"given again": True}
"""What stands in a configuration in the place of code."""


def write_metanet(metanet: Metanet, path: Path) -> None:
    """Write a metanetwork to a file, whole or not at all.

    Parameters
    ----------
    metanet
        The network, on any device.
    path
        The file.
    """
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in metanet.state_dict().items()}
    configuration = {name: as_text(name, value) for name, value in metanet.arguments.items()}
    configuration["dtype"] = str(next(metanet.parameters()).dtype).removeprefix("torch.")
    header = {"form": FORM, "specification": str(metanet.space), "configuration": configuration}
    with replacing(path) as unfinished:
        save_file(state, unfinished, {HEADER: json.dumps(header)})


def constructor_arguments(local: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments among its local variables, for the file: space, device and dtype stand elsewhere."""
    return {name: value for name, value in local.items() if name not in ("self", *ELSEWHERE)}


def as_text(name: str, value: Any) -> Any:
    """A constructor's argument as JSON holds it; code stands as `AGAIN`."""
    if name == "activation":
        return next((known for known, function in ACTIVATIONS.items() if function is value), AGAIN)
    if isinstance(value, nn.Module) or callable(value):
        return AGAIN
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, (tuple, range)) else value


def read_metanet(
    kind: type[Metanet], path: Path, given: Mapping[str, Any], device: torch.device | str | None
) -> Metanet:
    """The metanetwork in a file, with `given` in the place of code.

    Raises `SpecificationError` for a file that holds no metanetwork, and `ValueError` where code is to be given again.
    """
    header, state = read_tensors(path)
    if header.get("form") != FORM:
        found = repr(header["form"]) if "form" in header else "something else"
        raise SpecificationError(f"holds {found}, not {FORM!r}", place=str(path), remedy="give what Metanet.save wrote")
    try:
        space, options = parse(header["specification"]), dict(header["configuration"])
        options["dtype"] = getattr(torch, options["dtype"])
        if isinstance(options["activation"], str):
            options["activation"] = ACTIVATIONS[options["activation"]]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SpecificationError(f"the header cannot be read: {error}", place=str(path)) from None
    code = [name for name, value in options.items() if value == AGAIN]
    if set(code) != set(given):
        names, others = (", ".join(some) or "nothing" for some in (code, given))
        hint = "; on the command line --probes and --input, as for training" if "probes" in {*code} - {*given} else ""
        raise ValueError(f"{path}: this network was saved with {names} to be given again, not {others}{hint}")
    with torch.random.fork_rng(devices=[]):  # the first weights, which the file replaces, draw no random numbers
        metanet = kind(space, **options | dict(given))
    try:
        metanet.load_state_dict(state)
    except RuntimeError as error:
        raise SpecificationError(f"the weights do not fit: {error}", place=str(path)) from None
    return metanet.to(device)


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header and the tensors of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            return dict(header), {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecificationError(f"cannot be read: {reason}", place=str(path)) from None
