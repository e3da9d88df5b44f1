"""A module as a graph of ATen operators, by `torch.export`, without what is of no use to a trace."""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.fx.config
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from symmetry.language.errors import SpecificationError

__all__ = ["exported"]

WITHOUT_TRACES = "do_not_emit_stack_traces"
"""The setting of `torch.fx` that leaves the stack traces out, which older ones do not have."""


def exported(module: nn.Module, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> ExportedProgram:
    """The module as a graph of ATen operators. Raises `SpecificationError` where there is none."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # torch logs what we raise, and prints the graph so far
    written = io.StringIO()
    try:
        with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stderr(written), quickly():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, arguments, dict(options), strict=False)
        sys.stderr.write(written.getvalue())
        return program
    except Exception as error:  # export fails in its own ways and in the module's
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        fitting = f"check that the inputs fit: {given(module, arguments, options)}"
        remedy = f"torch.export follows what does not depend on the data; {fitting}"
        remedy = "make the module with use_cache=False" if "Cache" in str(error) else remedy
        raise SpecificationError(
            f"the module cannot be exported: {type(error).__name__}: {first}", remedy=remedy
        ) from error
    finally:
        logging.disable(disabled)


def given(module: nn.Module, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> str:
    """The arguments of a module in words, each under its name where they have the names that the module takes."""
    signature = inspect.signature(module.forward)
    try:
        named = signature.bind(*arguments, **options).arguments
    except TypeError:
        named = {str(place): one for place, one in enumerate(arguments)} | dict(options)
    texts = (f"{name} is {told(one)}" for name, one in named.items())
    return f"forward{signature} was given {', '.join(texts) or 'nothing'}"


def told(value: Any) -> str:
    """An argument in words: a tensor by its shape and type."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    return f"of {type(value).__name__}"


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Without a stack trace for each node of the graph, which nobody reads, where torch can do without.

    The collector of garbage rests as well: nearly all that is made lives, and it would look at all of it over and over.
    """
    collects = gc.isenabled()
    traces = getattr(fx.config, WITHOUT_TRACES, None)
    gc.disable()
    if traces is not None:
        setattr(fx.config, WITHOUT_TRACES, True)
    try:
        yield
    finally:
        if collects:
            gc.enable()
        if traces is not None:
            setattr(fx.config, WITHOUT_TRACES, traces)
